//! Cursors: how far each follower has read, and which tombstones are kept for whom.

use std::hash::BuildHasher;

use super::{Entry, Journal, Seen};
use crate::batch::{Key, Mark};
use crate::list::{Linked, Links, List, short};

/// Names a cursor of one journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorId(usize);

#[derive(Clone, Debug)]
pub(super) struct Cursor {
    seen: Position,
    /// The number of stamps that it has seen, or need not see.
    stamps: u64,
    links: Links,
    /// It was opened at an old version and has not read since.
    is_returning: bool,
    /// Its owner is gone.
    is_departed: bool,
}

impl Linked for Cursor {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// How far a cursor has read.
///
/// Two cursors at one position have the same yet to see; two at different ones may, all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    live: u64,
    removed: u64,
}

impl Position {
    /// Up to which version it has seen live entries.
    pub fn live(self) -> u64 {
        self.live
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// Up to which version a cursor has seen the content, and how many keys all updates had named by
    /// then.
    pub(super) fn seen_of_content(&self, cursor: CursorId) -> (u64, u64) {
        let Cursor { seen, stamps, .. } = self.cursors[cursor.0];
        (seen.live, stamps)
    }

    /// A new cursor: it has yet to see all the content there is.
    pub fn open_cursor(&mut self) -> CursorId {
        let slot = self.cursors.insert(Cursor {
            seen: Position {
                live: if self.is_empty() { self.version } else { 0 },
                removed: self.version,
            },
            stamps: self.stamps.saturating_sub(self.len() as u64),
            links: Links::UNLINKED,
            is_returning: false,
            is_departed: false,
        });
        self.by_seen.push_back(&mut self.cursors, slot);
        CursorId(slot)
    }

    /// A cursor that has seen everything up to a version, if no later removal has been forgotten.
    ///
    /// Those that have not read yet are kept apart, in order: it takes time in proportion to the
    /// logarithm of their number.
    pub fn open_cursor_at(&mut self, version: u64) -> Option<CursorId> {
        if version < self.horizon {
            return None;
        }
        let is_returning = version < self.version;
        let keys = if is_returning { self.known() as u64 } else { 0 };
        let version = version.min(self.version);
        let slot = self.cursors.insert(Cursor {
            seen: Position { live: version, removed: version },
            stamps: self.stamps.saturating_sub(keys),
            links: Links::UNLINKED,
            is_returning,
            is_departed: false,
        });
        if is_returning {
            self.returning.insert((version, short(slot)));
        } else {
            self.by_seen.push_back(&mut self.cursors, slot);
        }
        Some(CursorId(slot))
    }

    /// Another cursor at the same position.
    pub fn clone_cursor(&mut self, CursorId(original): CursorId) -> CursorId {
        let slot = self.cursors.insert(self.cursors[original].clone());
        let Cursor { seen, is_returning, .. } = self.cursors[slot];
        if is_returning {
            self.returning.insert((seen.removed, short(slot)));
        } else {
            self.by_seen.insert_after(&mut self.cursors, slot, original);
        }
        CursorId(slot)
    }

    /// Ends a cursor and frees the tombstones that were kept for it alone.
    pub fn close_cursor(&mut self, cursor: CursorId, freed: &mut Vec<Mark<K, V>>) {
        if self.cursors[cursor.0].is_returning {
            self.end_return(cursor);
        } else {
            self.by_seen.unlink(&mut self.cursors, cursor.0);
        }
        self.cursors.remove(cursor.0);
        self.free_tombstones(freed);
    }

    #[cold]
    fn end_return(&mut self, CursorId(slot): CursorId) {
        let Cursor { seen, is_returning, .. } = &mut self.cursors[slot];
        *is_returning = false;
        self.returning.remove(&(seen.removed, short(slot)));
    }

    /// Marks a cursor whose owner is gone. Allocates nothing.
    pub fn note_departed_cursor(&mut self, cursor: CursorId) {
        self.cursors[cursor.0].is_departed = true;
    }

    /// The cursors that were marked.
    pub fn departed_cursors(&self) -> impl Iterator<Item = CursorId> {
        let departed = self.cursors.iter().filter(|(_, cursor)| cursor.is_departed);
        departed.map(|(slot, _)| CursorId(slot))
    }

    /// Whether the cursor has not been ended.
    pub fn has_cursor(&self, cursor: CursorId) -> bool {
        self.cursors.contains(cursor.0)
    }

    /// How far the cursor has read.
    pub fn position(&self, cursor: CursorId) -> Position {
        self.cursors[cursor.0].seen
    }

    /// How far the cursor is behind: in updates, and in keys at most.
    ///
    /// Constant time, so a key that changed twice counts twice, up to all keys there are.
    pub fn lag(&self, cursor: CursorId) -> (u64, u64) {
        let Cursor { seen, stamps, .. } = &self.cursors[cursor.0];
        if !self.is_behind(cursor) {
            return (0, 0);
        }
        (self.version - seen.removed, (self.stamps - stamps).min(self.known() as u64))
    }

    /// Where a cursor is that has seen everything.
    pub fn end(&self) -> Position {
        Position { live: self.version, removed: self.version }
    }

    /// Whether a cursor has seen everything. Constant time, like all questions about cursors.
    pub fn is_read_to_the_end(&self) -> bool {
        self.by_seen.last().is_some_and(|latest| self.cursors[latest].seen == self.end())
    }

    /// Whether another cursor is at the same position.
    pub fn has_company(&self, cursor: CursorId) -> bool {
        let seen = self.position(cursor);
        if self.cursors[cursor.0].is_returning {
            let at = seen.removed;
            return self.returning.range((at, 0)..).nth(1).is_some_and(|&(other, _)| other == at);
        }
        let neighbours = self.cursors[cursor.0].links.neighbours();
        neighbours.into_iter().flatten().any(|other| self.cursors[other].seen == seen)
    }

    /// Whether another cursor has yet to see something, all of it newer than a version. One that was
    /// opened at an old version may be overlooked.
    pub fn has_company_since(&self, cursor: CursorId, version: u64) -> bool {
        let neighbours = self.cursors[cursor.0].links.neighbours();
        let mut others = neighbours.into_iter().flatten().map(CursorId);
        others.any(|other| self.position(other).live >= version && self.is_behind(other))
    }

    /// Whether a cursor had yet to see something when the end was there.
    pub fn is_any_before(&self, end: Position) -> bool {
        let slowest = self.by_seen.first();
        slowest.is_some_and(|slowest| self.cursors[slowest].seen.live < end.live)
    }

    /// Whether there is anything that the cursor has not seen.
    pub fn is_behind(&self, cursor: CursorId) -> bool {
        let seen = self.position(cursor);
        let newest = |list: List| list.last().map_or(0, |slot| self.entries[slot].version);
        newest(self.live) > seen.live || newest(self.removed) > seen.removed
    }

    /// What the cursor has not seen: live entries, then removed ones, each from the newest back.
    pub fn unseen(&self, cursor: CursorId) -> impl Iterator<Item = Seen<'_, K, V>> {
        let seen = self.position(cursor);
        let since = |list: List, seen: u64| {
            list.backwards(&self.entries).take_while(move |entry| entry.version > seen)
        };
        since(self.live, seen.live)
            .chain(since(self.removed, seen.removed))
            .map(|entry| entry.seen())
    }

    /// The marks of what the cursor has not seen, in the same order.
    pub fn unseen_marks(&self, cursor: CursorId) -> impl Iterator<Item = &Mark<K, V>> {
        let seen = self.position(cursor);
        let since = |list: List, seen: u64| {
            list.backwards(&self.entries).take_while(move |entry| entry.version > seen)
        };
        since(self.live, seen.live)
            .chain(since(self.removed, seen.removed))
            .map(|entry| &entry.mark)
    }

    /// The removals that the cursor has not seen, from the newest back.
    pub fn unseen_removals(&self, cursor: CursorId) -> impl Iterator<Item = Seen<'_, K, V>> {
        let seen = self.position(cursor).removed;
        let removed = self.removed.backwards(&self.entries);
        removed.take_while(move |entry| entry.version > seen).map(|entry| entry.seen())
    }

    /// The cursor has seen everything now. Frees the tombstones that were kept for it alone.
    pub fn advance(&mut self, cursor: CursorId, freed: &mut Vec<Mark<K, V>>) {
        self.cursors[cursor.0].stamps = self.stamps;
        self.advance_to(cursor, self.end(), freed);
    }

    /// The cursor has seen every removal now, and of the rest what it had seen before.
    pub fn advance_removals(&mut self, cursor: CursorId, freed: &mut Vec<Mark<K, V>>) {
        let seen = Position { removed: self.version, ..self.position(cursor) };
        self.advance_to(cursor, seen, freed);
    }

    /// Moves a cursor to a position from where it sees all removals that are to come.
    fn advance_to(&mut self, cursor: CursorId, seen: Position, freed: &mut Vec<Mark<K, V>>) {
        if self.cursors[cursor.0].is_returning {
            self.end_return(cursor);
            self.by_seen.push_back(&mut self.cursors, cursor.0);
        } else {
            self.by_seen.move_to_back(&mut self.cursors, cursor.0);
        }
        self.cursors[cursor.0].seen = seen;
        self.free_tombstones(freed);
    }

    /// How many of the last removed keys are kept, although every cursor has seen their removal.
    pub fn set_history(&mut self, keys: usize, freed: &mut Vec<Mark<K, V>>) {
        self.history = keys;
        self.free_tombstones(freed);
    }

    /// How many tombstones are kept as history alone. Takes time in proportion to them.
    pub fn remembered(&self) -> usize {
        let seen_by_all = self.seen_by_all();
        self.removed
            .forwards(&self.entries)
            .take_while(|entry| entry.version <= seen_by_all)
            .count()
    }

    /// The version of the last removal that has been forgotten.
    pub fn horizon(&self) -> u64 {
        self.horizon
    }

    /// Up to where every cursor has seen the removals.
    fn seen_by_all(&self) -> u64 {
        let slowest =
            self.by_seen.first().map_or(self.version, |slowest| self.cursors[slowest].seen.removed);
        self.returning.first().map_or(slowest, |&(version, _)| slowest.min(version))
    }

    /// The version up to which a cursor has seen the removals.
    pub fn removals_seen(&self, cursor: CursorId) -> u64 {
        self.position(cursor).removed
    }

    /// Whether no cursor has seen fewer of the removals.
    pub fn is_slowest(&self, cursor: CursorId) -> bool {
        self.position(cursor).removed == self.seen_by_all()
    }

    pub(super) fn free_tombstones(&mut self, freed: &mut Vec<Mark<K, V>>) {
        if self.tombstones > self.history {
            let seen_by_all = self.seen_by_all();
            while let Some(slot) = self.removed.first() {
                if self.entries[slot].version > seen_by_all || self.tombstones <= self.history {
                    break;
                }
                self.removed.unlink(&mut self.entries, slot);
                self.tombstones -= 1;
                self.forget(slot, freed);
            }
            self.lay_excess(0, freed);
        }
        self.give_back(freed);
    }
}

impl<K, V> Entry<K, V> {
    fn seen(&self) -> Seen<'_, K, V> {
        let Self { mark, version, born, by, .. } = self;
        Seen { mark, version: *version, born: *born, by: *by }
    }
}
