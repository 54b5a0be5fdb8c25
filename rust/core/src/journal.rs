//! The shared dictionary as a journal: entries in order of their last change, read through
//! cursors.
//!
//! Every update gets the next *version* and stamps it on the keys it names, so it costs O(keys)
//! however many followers there are. A follower is a *cursor*: the version up to which it has
//! seen everything. What it has not seen yet are the entries stamped later, which stand together
//! at the back of the list, each key once.
//!
//! * Live entries and removed ones (*tombstones*) are in two lists, both in order of version.
//! * A new cursor has seen no live entry and every tombstone: it owes its owner the content, and
//!   of the removals only those that come later.
//! * A tombstone is freed as soon as every cursor has seen it. Cursors are themselves in order of
//!   what they have seen, since reading moves a cursor to the very end: the slowest is always the
//!   first.
//!
//! Only the last change to a key matters to anybody: it alone decides what a cursor before it
//! gets.

mod memory;
mod prepared;
mod sweep;

use std::hash::BuildHasher;

use slab::Slab;

use self::prepared::Prepared;
use crate::batch::{Batch, Fate, Key, Mark};
use crate::index::Index;
use crate::list::{Linked, Links, List};

/// Names a cursor of one journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorId(usize);

#[derive(Debug)]
struct Entry<K, V> {
    mark: Mark<K, V>,
    /// The update that changed it last.
    version: u64,
    /// Counts up over all entries; says since when the key has been part of the content.
    born: u64,
    links: Links,
}

#[derive(Debug)]
struct Cursor {
    seen: Position,
    /// The number of stamps that it has seen, or need not see.
    stamps: u64,
    links: Links,
}

impl<K, V> Linked for Entry<K, V> {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
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

/// An entry as a cursor sees it.
#[derive(Debug)]
pub struct Seen<'a, K, V> {
    /// The key and its fate.
    pub mark: &'a Mark<K, V>,
    /// The update that changed it last.
    pub version: u64,
    /// Orders live keys as a plain dictionary would: by when they were last added.
    pub born: u64,
}

/// The shared dictionary and the cursors that follow it.
#[derive(Debug)]
pub struct Journal<K, V, S> {
    index: Index<S>,
    entries: Slab<Entry<K, V>>,
    live: List,
    removed: List,
    tombstones: usize,
    cursors: Slab<Cursor>,
    by_seen: List,
    version: u64,
    births: u64,
    /// How many keys all updates so far have named.
    stamps: u64,
    prepared: Prepared,
    /// Where the keys of the batch at hand are; kept only to spare an allocation.
    found: Vec<Option<usize>>,
}

impl<K: Key, V, S: BuildHasher + Default> Default for Journal<K, V, S> {
    fn default() -> Self {
        Self {
            index: Index::default(),
            entries: Slab::new(),
            live: List::EMPTY,
            removed: List::EMPTY,
            tombstones: 0,
            cursors: Slab::new(),
            by_seen: List::EMPTY,
            version: 0,
            births: 0,
            stamps: 0,
            prepared: Prepared::default(),
            found: Vec::new(),
        }
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// The number of updates so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The next version, for a change that happens beside the journal but in order with it.
    pub fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// How many keys the content has.
    pub fn len(&self) -> usize {
        self.entries.len() - self.tombstones
    }

    /// Whether the content has no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many removed keys are kept for cursors that have not seen their removal.
    pub fn tombstones(&self) -> usize {
        self.tombstones
    }

    /// How often a key was added to the content so far: the number of the next birth.
    pub fn births(&self) -> u64 {
        self.births
    }

    /// How many cursors there are.
    pub fn cursors(&self) -> usize {
        self.cursors.len()
    }

    /// Applies one change. Either all of it or, should comparing keys panic, nothing.
    ///
    /// What the change displaces is left in the batch, entries without a reader go to `freed`.
    pub fn apply<W>(&mut self, batch: &mut Batch<K, V, W>, freed: &mut Vec<Mark<K, V>>) {
        let named = batch.marks.len() as u64;
        // By far the most frequent change names one key; it needs no note of where its keys are.
        if let [mark] = batch.marks.as_mut_slice() {
            let entries = &self.entries;
            let slot = self.index.find(&mark.key, |slot| &entries[slot].mark.key);
            self.version += 1;
            self.stamps += named;
            self.stamp(slot, mark, freed);
            self.give_back();
            return;
        }
        self.locate(batch);
        // From here on nothing can fail.
        self.version += 1;
        self.stamps += named;
        for (place, mark) in batch.marks.iter_mut().enumerate() {
            self.stamp(self.found[place], mark, freed);
        }
        self.give_back();
    }

    /// Gives a key its new fate. `slot` is where its entry is, if it has one. Nothing can fail.
    fn stamp(&mut self, slot: Option<usize>, mark: &mut Mark<K, V>, freed: &mut Vec<Mark<K, V>>) {
        match slot {
            Some(slot) => self.change(slot, mark, freed),
            // A removal that nobody waits for leaves no trace.
            None if self.cursors.is_empty() && !mark.fate.is_live() => {}
            None => self.add(mark),
        }
    }

    fn locate<W>(&mut self, batch: &Batch<K, V, W>) {
        let entries = &self.entries;
        let key_at = |slot: usize| &entries[slot].mark.key;
        self.found.clear();
        self.found.extend(batch.marks.iter().map(|mark| self.index.find(&mark.key, key_at)));
        let new = self.found.iter().filter(|slot| slot.is_none()).count();
        if new > 0 {
            self.index.reserve(new, key_at);
            self.entries.reserve(new);
        }
    }

    /// A key that has no entry yet. The fate moves in, the key is shared with the mark.
    fn add(&mut self, mark: &mut Mark<K, V>) {
        let fate = std::mem::replace(&mut mark.fate, Fate::Removed);
        let live = fate.is_live();
        let entry = Entry {
            mark: Mark { key: mark.key.clone(), fate },
            version: self.version,
            born: self.births,
            links: Links::UNLINKED,
        };
        let slot = self.entries.insert(entry);
        let entries = &self.entries;
        self.index.insert_new(&mark.key, slot, |slot| &entries[slot].mark.key);
        if live {
            self.births += 1;
            self.live.push_back(&mut self.entries, slot);
        } else {
            self.tombstones += 1;
            self.removed.push_back(&mut self.entries, slot);
        }
    }

    /// A key that has an entry. The old fate moves out, into the mark.
    fn change(&mut self, slot: usize, mark: &mut Mark<K, V>, freed: &mut Vec<Mark<K, V>>) {
        let entry = &mut self.entries[slot];
        let was_live = entry.mark.fate.is_live();
        let is_live = mark.fate.is_live();
        std::mem::swap(&mut entry.mark.fate, &mut mark.fate);
        entry.version = self.version;
        match (was_live, is_live) {
            (true, true) => self.live.move_to_back(&mut self.entries, slot),
            (false, false) => self.removed.move_to_back(&mut self.entries, slot),
            (false, true) => {
                entry.born = self.births;
                self.births += 1;
                self.tombstones -= 1;
                self.removed.unlink(&mut self.entries, slot);
                self.live.push_back(&mut self.entries, slot);
            }
            (true, false) => {
                self.live.unlink(&mut self.entries, slot);
                self.removed.push_back(&mut self.entries, slot);
                self.tombstones += 1;
                if self.cursors.is_empty() {
                    self.free_tombstone(slot, freed);
                }
            }
        }
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
        });
        self.by_seen.push_back(&mut self.cursors, slot);
        CursorId(slot)
    }

    /// Ends a cursor and frees the tombstones that were kept for it alone.
    pub fn close_cursor(&mut self, cursor: CursorId, freed: &mut Vec<Mark<K, V>>) {
        self.by_seen.unlink(&mut self.cursors, cursor.0);
        self.cursors.remove(cursor.0);
        self.free_tombstones(freed);
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
        (self.version - seen.removed, (self.stamps - stamps).min(self.entries.len() as u64))
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
        let neighbours = self.cursors[cursor.0].links.neighbours();
        neighbours.into_iter().flatten().any(|other| self.cursors[other].seen == seen)
    }

    /// Whether there is anything that the cursor has not seen.
    pub fn is_behind(&self, cursor: CursorId) -> bool {
        let seen = self.position(cursor);
        let newest = |list: &List| list.last().map_or(0, |slot| self.entries[slot].version);
        newest(&self.live) > seen.live || newest(&self.removed) > seen.removed
    }

    /// What the cursor has not seen: live entries, then removed ones, each from the newest back.
    pub fn unseen(&self, cursor: CursorId) -> impl Iterator<Item = Seen<'_, K, V>> {
        let seen = self.position(cursor);
        let since = |list: &List, seen: u64| {
            list.backwards(&self.entries).take_while(move |entry| entry.version > seen)
        };
        since(&self.live, seen.live)
            .chain(since(&self.removed, seen.removed))
            .map(|Entry { mark, version, born, .. }| Seen { mark, version: *version, born: *born })
    }

    /// The cursor has seen everything now. Frees the tombstones that were kept for it alone.
    pub fn advance(&mut self, cursor: CursorId, freed: &mut Vec<Mark<K, V>>) {
        self.cursors[cursor.0].seen = self.end();
        self.cursors[cursor.0].stamps = self.stamps;
        self.by_seen.move_to_back(&mut self.cursors, cursor.0);
        self.free_tombstones(freed);
    }

    /// Every value in it.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().filter_map(|(_, entry)| entry.mark.fate.value())
    }

    /// Forgets all entries, as if they had never been, and hands them out.
    pub fn clear(&mut self) -> Vec<Mark<K, V>> {
        self.index.clear();
        (self.live, self.removed, self.tombstones) = (List::EMPTY, List::EMPTY, 0);
        self.entries.drain().map(|entry| entry.mark).collect()
    }

    fn free_tombstones(&mut self, freed: &mut Vec<Mark<K, V>>) {
        let seen_by_all = match self.by_seen.first() {
            Some(slowest) => self.cursors[slowest].seen.removed,
            None => self.version,
        };
        while let Some(slot) = self.removed.first() {
            if self.entries[slot].version > seen_by_all {
                break;
            }
            self.free_tombstone(slot, freed);
        }
        self.give_back();
    }

    fn free_tombstone(&mut self, slot: usize, freed: &mut Vec<Mark<K, V>>) {
        self.removed.unlink(&mut self.entries, slot);
        self.tombstones -= 1;
        let entry = self.entries.remove(slot);
        self.index.remove(&entry.mark.key, slot);
        freed.push(entry.mark);
    }
}

#[cfg(test)]
mod tests;
