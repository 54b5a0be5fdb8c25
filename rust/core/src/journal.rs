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

mod applying;
mod cursors;
mod ghosts;
mod locating;
mod memory;
mod prepared;
mod publishers;
mod replay;
mod stretch;
mod untold;

use std::collections::BTreeSet;
use std::hash::BuildHasher;
// Entries are dropped by hand. What need not be dropped when the slab cannot grow is written to its
// place field by field, and not copied there as a whole, which would be half of adding a key.
use std::mem::ManuallyDrop as Kept;

use slab::Slab;

use self::cursors::Cursor;
pub use self::cursors::{CursorId, Position};
use self::locating::Located;
use self::prepared::Prepared;
pub use self::publishers::PublisherId;
use self::publishers::Publishers;
pub use self::stretch::Stretch;
use crate::batch::{Fate, Key, Mark};
use crate::index::Index;
use crate::list::{Linked, Links, List};

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

impl<K, V> Linked for Kept<Entry<K, V>> {
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
    entries: Slab<Kept<Entry<K, V>>>,
    live: List,
    removed: List,
    tombstones: usize,
    /// Entries of keys that are forgotten, in order of when that was.
    departed: List,
    ghosts: usize,
    /// Some of the first may be of keys that take much memory.
    has_heavy_ghosts: bool,
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
    /// How many keys all updates so far have named, where each names a key once. As long as there is no
    /// cursor, a key that is removed twice at once may count twice.
    stamps: u64,
    births: u64,
    prepared: Prepared,
    /// Where the keys of the batch at hand are; kept only to spare an allocation.
    located: Located,
}

impl<K: Key, V, S: BuildHasher + Default> Default for Journal<K, V, S> {
    fn default() -> Self {
        Self {
            index: Index::default(),
            entries: Slab::new(),
            live: List::EMPTY,
            removed: List::EMPTY,
            tombstones: 0,
            departed: List::EMPTY,
            ghosts: 0,
            has_heavy_ghosts: false,
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
            located: Located::default(),
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
        self.known() - self.tombstones
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

    /// Every value in it.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().filter_map(|(_, entry)| entry.mark.fate.value())
    }

    /// Forgets all entries, as if they had never been, and hands them out. Whoever is given them must
    /// take them all.
    pub fn clear(&mut self) -> impl Iterator<Item = Mark<K, V>> + use<K, V, S> {
        self.index.clear();
        (self.live, self.removed, self.tombstones) = (List::EMPTY, List::EMPTY, 0);
        (self.departed, self.ghosts) = (List::EMPTY, 0);
        self.publishers.forget_keys();
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().map(|(_, entry)| Kept::into_inner(entry).mark)
    }
}

impl<K, V, S> Drop for Journal<K, V, S> {
    fn drop(&mut self) {
        self.entries.drain().for_each(|entry| drop(Kept::into_inner(entry)));
    }
}

#[cfg(test)]
mod tests;
