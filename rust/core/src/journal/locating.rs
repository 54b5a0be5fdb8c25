//! Finding out where the keys of a change are.
//!
//! Whoever changes many keys mostly names them in the same order again, so the next key is often the
//! next entry. To see that takes one comparison.

use std::borrow::Borrow;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use slab::Slab;

use super::memory::KEPT_CAPACITY;
use super::{Entry, Journal, Kept};
use crate::batch::{Batch, Key, Mark};
use crate::index::Index;
use crate::list::{MOST_ITEMS, NO_SLOT, short};

/// After so many guesses in a row that were wrong, a batch is taken to be in another order.
const PATIENCE: u32 = 4;

/// Where the keys of the batch at hand are; kept only to spare allocations.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// By the place of the mark; [`NO_SLOT`] for a key that has no entry.
    pub(super) slots: Vec<u32>,
    /// Marks of keys without an entry, and the places of earlier marks that name the same key.
    pub(super) repeats: Vec<(usize, usize)>,
}

impl Located {
    /// Gives back what one large change needed and those of a journal of this size do not.
    #[inline]
    pub(super) fn give_back(&mut self, entries: usize) {
        // What grows by doubling may have room for twice as many.
        if self.slots.capacity() > KEPT_CAPACITY.max(2 * entries) {
            self.slots = Vec::new();
        }
        if self.repeats.capacity() > KEPT_CAPACITY {
            self.repeats = Vec::new();
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity().max(self.repeats.capacity())
    }
}

/// Which entry the next key may have.
struct Guess {
    /// The one that is kept beside the last.
    beside: usize,
    /// The one that was changed after the last.
    next: usize,
    patience: u32,
}

impl Guess {
    fn starting_at(first: Option<usize>) -> Self {
        Self { beside: usize::MAX, next: first.unwrap_or(usize::MAX), patience: PATIENCE }
    }

    #[inline]
    fn check<K: Key, V>(&mut self, entries: &Slab<Kept<Entry<K, V>>>, key: &K) -> Option<usize> {
        if self.patience == 0 {
            return None;
        }
        let is_it = |slot: &usize| entries.get(*slot).is_some_and(|entry| entry.mark.key == *key);
        let slot = [self.beside, self.next].into_iter().find(is_it);
        self.patience = if slot.is_some() { PATIENCE } else { self.patience - 1 };
        slot
    }

    fn go_on_from<K, V>(&mut self, slot: usize, entry: &Entry<K, V>) {
        (self.beside, self.next) = (slot + 1, entry.links.next() as usize);
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// Finds all keys, and makes room for those that are new.
    pub(super) fn locate<Q: Borrow<K>, W>(&mut self, batch: &Batch<Q, V, W>) {
        let Self { entries, index, live, located: Located { slots, repeats }, .. } = self;
        slots.clear();
        repeats.clear();
        let key_at = |slot: usize| &entries[slot].mark.key;
        if entries.is_empty() {
            slots.resize(batch.marks.len(), NO_SLOT);
        } else {
            let mut guess = Guess::starting_at(live.first());
            slots.extend(batch.marks.iter().map(|mark| {
                let key = mark.key.borrow();
                let slot = guess.check(entries, key).or_else(|| index.find(key, key_at));
                let Some(slot) = slot else { return NO_SLOT };
                guess.go_on_from(slot, &entries[slot]);
                short(slot)
            }));
        }
        let new = slots.iter().filter(|&&slot| slot == NO_SLOT).count();
        if new > 0 {
            if batch.may_repeat {
                find_repeats(index, slots, &batch.marks, repeats);
            }
            let new = new - repeats.len();
            index.reserve(new, key_at);
            self.assert_room(new);
            self.entries.reserve(new);
        }
    }

    #[inline]
    pub(super) fn slot_of(&self, key: &K) -> Option<usize> {
        self.index.find(key, |slot| &self.entries[slot].mark.key)
    }

    pub(super) fn assert_room(&self, more: usize) {
        assert!(self.entries.len() < MOST_ITEMS - more, "too many keys");
    }
}

/// Finds marks of keys without an entry that name the same key.
#[cold]
fn find_repeats<K: Key, V, Q: Borrow<K>, S: BuildHasher>(
    index: &Index<S>,
    slots: &[u32],
    marks: &[Mark<Q, V>],
    repeats: &mut Vec<(usize, usize)>,
) {
    let key_at = |place: usize| -> &K { marks[place].key.borrow() };
    let hash_at = |place: &usize| index.hash(key_at(*place));
    let mut places: HashTable<usize> = HashTable::new();
    for place in (0..marks.len()).filter(|&place| slots[place] == NO_SLOT) {
        let (key, hash) = (key_at(place), hash_at(&place));
        match places.find(hash, |&earlier| key_at(earlier) == key) {
            Some(&earlier) => repeats.push((place, earlier)),
            None => drop(places.insert_unique(hash, place, hash_at)),
        }
    }
}
