//! Publishers: who changed which keys last, and what goes with whom.
//!
//! An entry names the publisher of its last change and its own place among that publisher's keys.
//! So a key changes hands in constant time, and a publisher that sets its own keys again and again
//! moves nothing at all.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use slab::Slab;

use super::{Entry, Journal};
use crate::batch::{Fate, Key, Mark};
use crate::list::{MOST_ITEMS, short};

/// Names a publisher of one journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublisherId(NonZeroU32);

impl PublisherId {
    fn of_slot(slot: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(short(slot)))
    }

    fn slot(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
struct Publisher {
    /// The slots of the keys whose last change is its own.
    keys: Vec<u32>,
    /// Tombstones that name it.
    tombstones: usize,
    /// Its owner, and cursors that do not want to hear of it.
    holders: usize,
    is_open: bool,
    is_exclusive: bool,
    /// Its owner is gone.
    is_departed: bool,
}

/// A publisher stays here for as long as anything names it: no other is taken for it.
#[derive(Debug, Default)]
pub(super) struct Publishers {
    slots: Slab<Publisher>,
    open: usize,
    exclusive: usize,
    owned: usize,
}

impl Publishers {
    pub(super) fn is_any_exclusive(&self) -> bool {
        self.exclusive > 0
    }

    pub(super) fn is_exclusive(&self, publisher: PublisherId) -> bool {
        let Publisher { is_open, is_exclusive, .. } = self.slots[publisher.slot()];
        is_open && is_exclusive
    }

    /// The content was forgotten, and whose it was.
    pub(super) fn forget_keys(&mut self) {
        for (_, publisher) in &mut self.slots {
            publisher.keys.clear();
            publisher.tombstones = 0;
        }
        self.slots.retain(|_, publisher| publisher.is_named());
        self.owned = 0;
    }

    /// Returns where the key is among those of the publisher.
    fn add_key(&mut self, publisher: PublisherId, slot: u32) -> u32 {
        let keys = &mut self.slots[publisher.slot()].keys;
        keys.push(slot);
        self.owned += 1;
        short(keys.len() - 1)
    }

    /// Returns the slot of the key that has taken the place, if one has.
    fn remove_key(&mut self, publisher: PublisherId, place: u32) -> Option<u32> {
        let keys = &mut self.slots[publisher.slot()].keys;
        keys.swap_remove(place as usize);
        self.owned -= 1;
        let moved = keys.get(place as usize).copied();
        self.forget_unnamed(publisher);
        moved
    }

    pub(super) fn move_key(&mut self, publisher: PublisherId, place: u32, slot: usize) {
        self.slots[publisher.slot()].keys[place as usize] = short(slot);
    }

    fn add_tombstones(&mut self, publisher: PublisherId, count: usize) {
        self.slots[publisher.slot()].tombstones += count;
    }

    pub(super) fn remove_tombstone(&mut self, publisher: PublisherId) {
        self.slots[publisher.slot()].tombstones -= 1;
        self.forget_unnamed(publisher);
    }

    fn take_keys(&mut self, publisher: PublisherId) -> Vec<u32> {
        let keys = std::mem::take(&mut self.slots[publisher.slot()].keys);
        self.owned -= keys.len();
        keys
    }

    fn forget_unnamed(&mut self, publisher: PublisherId) {
        if !self.slots[publisher.slot()].is_named() {
            self.slots.remove(publisher.slot());
        }
    }
}

impl Publisher {
    fn is_named(&self) -> bool {
        self.holders > 0 || self.tombstones > 0 || !self.keys.is_empty()
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// A new publisher, which holds itself until it is [released](Self::release_publisher).
    pub fn open_publisher(&mut self, is_exclusive: bool) -> PublisherId {
        let publishers = &mut self.publishers;
        assert!(publishers.slots.len() < MOST_ITEMS - 1, "too many publishers");
        publishers.open += 1;
        publishers.exclusive += usize::from(is_exclusive);
        PublisherId::of_slot(publishers.slots.insert(Publisher {
            keys: Vec::new(),
            tombstones: 0,
            holders: 1,
            is_open: true,
            is_exclusive,
            is_departed: false,
        }))
    }

    /// How many keys are its own.
    pub fn owned_by(&self, publisher: PublisherId) -> usize {
        self.publishers.slots[publisher.slot()].keys.len()
    }

    /// Whether it has not been closed.
    pub fn is_open(&self, publisher: PublisherId) -> bool {
        self.publishers.slots[publisher.slot()].is_open
    }

    /// How many publishers are open.
    pub fn publishers(&self) -> usize {
        self.publishers.open
    }

    /// Whether anything names a publisher, open or not.
    pub fn has_publishers(&self) -> bool {
        !self.publishers.slots.is_empty()
    }

    /// How many keys go with their publisher.
    pub fn owned(&self) -> usize {
        self.publishers.owned
    }

    /// Somebody names it from now on.
    pub fn hold_publisher(&mut self, publisher: PublisherId) {
        self.publishers.slots[publisher.slot()].holders += 1;
    }

    /// Somebody names it no more.
    pub fn release_publisher(&mut self, publisher: PublisherId) {
        self.publishers.slots[publisher.slot()].holders -= 1;
        self.publishers.forget_unnamed(publisher);
    }

    /// Marks a publisher whose owner is gone. Allocates nothing.
    pub fn note_departed(&mut self, publisher: PublisherId) {
        self.publishers.slots[publisher.slot()].is_departed = true;
    }

    /// Its owner is forgotten. It may be named for long after that.
    pub fn release_departed(&mut self, publisher: PublisherId) {
        self.publishers.slots[publisher.slot()].is_departed = false;
        self.release_publisher(publisher);
    }

    /// The publishers that were marked.
    pub fn departed(&self) -> impl Iterator<Item = PublisherId> {
        let departed = self.publishers.slots.iter().filter(|(_, publisher)| publisher.is_departed);
        departed.map(|(slot, _)| PublisherId::of_slot(slot))
    }

    /// Takes no more updates by a publisher, and removes the keys that are its own: one change.
    ///
    /// Gives what they were. Costs as much as there are of them.
    pub fn close_publisher(
        &mut self,
        publisher: PublisherId,
        freed: &mut Vec<Mark<K, V>>,
    ) -> Vec<Mark<K, V>> {
        let was_open = self.shut_publisher(publisher);
        let keys = if was_open { self.publishers.take_keys(publisher) } else { Vec::new() };
        if keys.is_empty() {
            return Vec::new();
        }
        self.version += 1;
        self.stamps += keys.len() as u64;
        self.tombstones += keys.len();
        self.publishers.add_tombstones(publisher, keys.len());
        let left = keys.into_iter().map(|slot| {
            let slot = slot as usize;
            let entry = &mut self.entries[slot];
            entry.version = self.version;
            let fate = std::mem::replace(&mut entry.mark.fate, Fate::Removed);
            let key = entry.mark.key.clone();
            self.live.unlink(&mut self.entries, slot);
            self.removed.push_back(&mut self.entries, slot);
            Mark { key, fate }
        });
        let left = left.collect();
        self.clean_up(freed);
        left
    }

    /// Takes no more updates by a publisher, in a journal that takes none at all. Its keys stay.
    pub fn retire_publisher(&mut self, publisher: PublisherId) {
        if self.shut_publisher(publisher) {
            // They go with nobody. But it still is who has changed them last.
            self.publishers.owned -= self.publishers.slots[publisher.slot()].keys.len();
        }
    }

    /// Says whether it was open.
    fn shut_publisher(&mut self, publisher: PublisherId) -> bool {
        let Publisher { is_open, is_exclusive, .. } = &mut self.publishers.slots[publisher.slot()];
        let was_open = std::mem::replace(is_open, false);
        self.publishers.open -= usize::from(was_open);
        self.publishers.exclusive -= usize::from(was_open && *is_exclusive);
        was_open
    }

    /// The last change of an entry was made by this publisher, or by none, and it is another than
    /// before, or the key comes or goes.
    #[cold]
    pub(super) fn pass_on(
        &mut self,
        slot: usize,
        was_live: bool,
        is_live: bool,
        by: Option<PublisherId>,
    ) {
        self.disown(slot, was_live);
        self.own(slot, is_live, by);
    }

    pub(super) fn own(&mut self, slot: usize, is_live: bool, by: Option<PublisherId>) {
        let entry = &mut self.entries[slot];
        entry.by = by;
        match by {
            Some(by) if is_live => entry.place = self.publishers.add_key(by, short(slot)),
            Some(by) => self.publishers.add_tombstones(by, 1),
            None => {}
        }
    }

    fn disown(&mut self, slot: usize, was_live: bool) {
        let Entry { by, place, .. } = *self.entries[slot];
        match by {
            Some(by) if was_live => {
                if let Some(moved) = self.publishers.remove_key(by, place) {
                    self.entries[moved as usize].place = place;
                }
            }
            Some(by) => self.publishers.remove_tombstone(by),
            None => {}
        }
    }
}
