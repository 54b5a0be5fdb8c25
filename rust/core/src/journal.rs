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
//! gets. An entry also names the *publisher* that made that change, if it was one: the keys that are
//! a publisher's own are found without a search, and go with it.
//!
//! Beyond what the cursors need, the last so many tombstones are kept as *history*: a cursor can be
//! opened at an old version as long as no later removal has been forgotten.

mod cursors;
mod memory;
mod prepared;
mod publishers;
mod replay;

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use slab::Slab;

use self::cursors::Cursor;
pub use self::cursors::{CursorId, Position};
use self::prepared::Prepared;
pub use self::publishers::PublisherId;
use self::publishers::Publishers;
use crate::batch::{Batch, Fate, Key, Mark};
use crate::index::Index;
use crate::list::{Linked, Links, List, MOST_ITEMS};

#[derive(Debug)]
struct Entry<K, V> {
    mark: Mark<K, V>,
    /// The update that changed it last.
    version: u64,
    /// Counts up over all entries; says since when the key has been part of the content.
    born: u64,
    links: Links,
    /// Who made that update, if it was a publisher.
    by: Option<PublisherId>,
    /// Where it is among the publisher's own keys, if it is one of them.
    place: u32,
}

// It fills a line of the processor's cache, with keys and values as the binding has them.
const _: () = assert!(size_of::<Entry<[usize; 2], &u8>>() == 64 || size_of::<usize>() != 8);

impl<K, V> Linked for Entry<K, V> {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// On whose behalf an update is made, and on what condition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// The publisher that makes it; none for everybody.
    pub by: Option<PublisherId>,
    /// It is refused if a key that it names has changed after this version.
    pub unchanged_since: Option<u64>,
}

/// Why an update was refused, with the keys that it is about. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal<K> {
    /// They are another publisher's own, which has them for itself.
    Owned(Vec<K>),
    /// They have changed meanwhile, or that is not known any more.
    Conflict(Vec<K>),
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
    /// The publisher that changed it last, if it was one.
    pub by: Option<PublisherId>,
}

/// The shared dictionary and the cursors that follow it.
#[derive(Debug)]
pub struct Journal<K, V, S> {
    index: Index<S>,
    entries: Slab<Entry<K, V>>,
    live: List,
    removed: List,
    tombstones: usize,
    /// So many tombstones are kept, even though every cursor has seen them.
    history: usize,
    /// The version of the last removal that has been forgotten.
    horizon: u64,
    cursors: Slab<Cursor>,
    by_seen: List,
    /// Cursors that were opened at an old version and have not read since, by that version.
    returning: BTreeSet<(u64, u32)>,
    publishers: Publishers,
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
            history: 0,
            horizon: 0,
            cursors: Slab::new(),
            by_seen: List::EMPTY,
            returning: BTreeSet::new(),
            publishers: Publishers::default(),
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

    /// How many keys the content has.
    pub fn len(&self) -> usize {
        self.entries.len() - self.tombstones
    }

    /// Whether the content has no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key of the content.
    pub fn get(&self, key: &K) -> Option<&V> {
        let slot = self.slot_of(key)?;
        match &self.entries[slot].mark.fate {
            Fate::Set(value) => Some(value),
            Fate::Removed | Fate::SetAndRemoved(_) => None,
        }
    }

    /// How many removed keys are kept, for cursors or as history.
    pub fn tombstones(&self) -> usize {
        self.tombstones
    }

    /// How many more removed keys are kept than are to be kept as history.
    pub fn excess(&self) -> usize {
        self.tombstones.saturating_sub(self.history)
    }

    /// How often a key was added to the content so far: the number of the next birth.
    pub fn births(&self) -> u64 {
        self.births
    }

    /// How many cursors there are.
    pub fn cursors(&self) -> usize {
        self.cursors.len()
    }

    /// Applies one change. Either all of it or, if it is refused or should comparing keys panic,
    /// nothing.
    ///
    /// What the change displaces is left in the batch, entries without a reader go to `freed`.
    #[expect(clippy::inline_always, reason = "updates on no terms are quicker when made for them")]
    #[inline(always)]
    pub fn apply<W>(
        &mut self,
        batch: &mut Batch<K, V, W>,
        terms: Terms,
        freed: &mut Vec<Mark<K, V>>,
    ) -> Result<(), Refusal<K>> {
        let is_checked = self.publishers.is_any_exclusive() || terms.unchanged_since.is_some();
        let named = batch.marks.len() as u64;
        // By far the most frequent change names one key; it needs no note of where its keys are.
        if let [mark] = batch.marks.as_mut_slice() {
            let slot = self.slot_of(&mark.key);
            if is_checked {
                self.check(&[slot], std::slice::from_ref(mark), terms)?;
            }
            if slot.is_none() {
                self.assert_room(1);
            }
            self.version += 1;
            self.stamps += named;
            match terms.by {
                Some(_) => self.stamp::<true>(slot, mark, terms.by, freed),
                None => self.stamp::<false>(slot, mark, None, freed),
            }
            self.clean_up(freed);
            return Ok(());
        }
        self.locate(batch);
        if is_checked {
            self.check(&self.found, &batch.marks, terms)?;
        }
        // From here on nothing can fail.
        self.version += 1;
        self.stamps += named;
        for (place, mark) in batch.marks.iter_mut().enumerate() {
            match terms.by {
                Some(_) => self.stamp::<true>(self.found[place], mark, terms.by, freed),
                None => self.stamp::<false>(self.found[place], mark, None, freed),
            }
        }
        self.clean_up(freed);
        Ok(())
    }

    /// Whether the keys may be changed on these terms. `found` says where their entries are.
    #[cold]
    fn check(
        &self,
        found: &[Option<usize>],
        marks: &[Mark<K, V>],
        terms: Terms,
    ) -> Result<(), Refusal<K>> {
        let entries = || found.iter().map(|slot| slot.map(|slot| &self.entries[slot])).zip(marks);
        let is_anothers = |entry: Option<&Entry<K, V>>| {
            let entry = entry.filter(|entry| entry.mark.fate.is_live() && entry.by != terms.by);
            entry.and_then(|entry| entry.by).is_some_and(|by| self.publishers.is_exclusive(by))
        };
        let owned = entries().filter(|(entry, _)| is_anothers(*entry));
        let owned: Vec<K> = owned.map(|(_, mark)| mark.key.clone()).collect();
        if !owned.is_empty() {
            return Err(Refusal::Owned(owned));
        }
        let Some(since) = terms.unchanged_since else { return Ok(()) };
        // Of a key without an entry nothing is known but that its removal, if there was one, is one
        // of those that have been forgotten.
        let changed = |entry: Option<&Entry<K, V>>| entry.map_or(self.horizon, |it| it.version);
        let conflicts = entries().filter(|(entry, _)| changed(*entry) > since);
        let conflicts: Vec<K> = conflicts.map(|(_, mark)| mark.key.clone()).collect();
        if conflicts.is_empty() { Ok(()) } else { Err(Refusal::Conflict(conflicts)) }
    }

    /// Gives a key its new fate. `slot` is where its entry is, if it has one. Nothing can fail.
    ///
    /// It is made twice, so that updates by nobody in particular do not pay for those by publishers.
    fn stamp<const PUBLISHED: bool>(
        &mut self,
        slot: Option<usize>,
        mark: &mut Mark<K, V>,
        by: Option<PublisherId>,
        freed: &mut Vec<Mark<K, V>>,
    ) {
        let by = if PUBLISHED { by } else { None };
        match slot {
            Some(slot) => self.change(slot, mark, by, freed),
            // A removal that nobody waits for leaves no trace.
            None if !mark.fate.is_live() && self.forgets_at_once() => self.horizon = self.version,
            None => self.add(mark, by),
        }
    }

    /// Whether a removal is seen by all there are as soon as it is made, and not kept.
    fn forgets_at_once(&self) -> bool {
        self.cursors.is_empty() && self.history == 0
    }

    /// An update may be the last to look after what it has left behind.
    #[expect(clippy::inline_always, reason = "it is two looks, and what is rare")]
    #[inline(always)]
    fn clean_up(&mut self, freed: &mut Vec<Mark<K, V>>) {
        if self.tombstones > self.history && self.cursors.is_empty() {
            self.free_tombstones(freed);
        }
        self.give_back();
    }

    #[inline]
    fn slot_of(&self, key: &K) -> Option<usize> {
        self.index.find(key, |slot| &self.entries[slot].mark.key)
    }

    fn assert_room(&self, more: usize) {
        assert!(self.entries.len() < MOST_ITEMS - more, "too many keys");
    }

    fn locate<W>(&mut self, batch: &Batch<K, V, W>) {
        let entries = &self.entries;
        let key_at = |slot: usize| &entries[slot].mark.key;
        self.found.clear();
        self.found.extend(batch.marks.iter().map(|mark| self.index.find(&mark.key, key_at)));
        let new = self.found.iter().filter(|slot| slot.is_none()).count();
        if new > 0 {
            self.assert_room(new);
            self.index.reserve(new, key_at);
            self.entries.reserve(new);
        }
    }

    /// A key that has no entry yet. The fate moves in, the key is shared with the mark.
    #[inline]
    fn add(&mut self, mark: &mut Mark<K, V>, by: Option<PublisherId>) {
        let fate = std::mem::replace(&mut mark.fate, Fate::Removed);
        let live = fate.is_live();
        let entry = Entry {
            mark: Mark { key: mark.key.clone(), fate },
            version: self.version,
            born: self.births,
            links: Links::UNLINKED,
            by: None,
            place: 0,
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
        if by.is_some() {
            self.own(slot, live, by);
        }
    }

    /// A key that has an entry. The old fate moves out, into the mark.
    #[expect(clippy::inline_always, reason = "it is most of stamping a key")]
    #[inline(always)]
    fn change(
        &mut self,
        slot: usize,
        mark: &mut Mark<K, V>,
        by: Option<PublisherId>,
        freed: &mut Vec<Mark<K, V>>,
    ) {
        let entry = &mut self.entries[slot];
        let was_live = entry.mark.fate.is_live();
        let is_live = mark.fate.is_live();
        std::mem::swap(&mut entry.mark.fate, &mut mark.fate);
        entry.version = self.version;
        if entry.by != by || by.is_some() && was_live != is_live {
            self.pass_on(slot, was_live, is_live, by);
        }
        match (was_live, is_live) {
            (true, true) => self.live.move_to_back(&mut self.entries, slot),
            (false, false) => self.removed.move_to_back(&mut self.entries, slot),
            (false, true) => {
                self.entries[slot].born = self.births;
                self.births += 1;
                self.tombstones -= 1;
                self.removed.unlink(&mut self.entries, slot);
                self.live.push_back(&mut self.entries, slot);
            }
            (true, false) => {
                self.live.unlink(&mut self.entries, slot);
                self.removed.push_back(&mut self.entries, slot);
                self.tombstones += 1;
                if self.forgets_at_once() {
                    self.free_tombstone(slot, freed);
                }
            }
        }
    }

    /// Every value in it.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().filter_map(|(_, entry)| entry.mark.fate.value())
    }

    /// Forgets all entries, as if they had never been, and hands them out.
    pub fn clear(&mut self) -> Vec<Mark<K, V>> {
        self.index.clear();
        (self.live, self.removed, self.tombstones) = (List::EMPTY, List::EMPTY, 0);
        self.publishers.forget_keys();
        self.entries.drain().map(|entry| entry.mark).collect()
    }
}

#[cfg(test)]
mod tests;
