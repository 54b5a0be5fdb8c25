//! Giving memory back.

use std::hash::BuildHasher;

use slab::Slab;

use super::Journal;
use crate::batch::{Key, Mark};
use crate::list::List;

/// For how many keys a journal keeps its memory, however few there are.
pub(super) const KEPT_CAPACITY: usize = 1024;

/// A journal with room for more than that is at least one in so many parts full.
const LEAST_FULL: usize = 8;

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// Moves the entries together when they take much more room than they need.
    ///
    /// That is paid for by the many that have gone since there was use for the room.
    #[inline]
    pub(super) fn give_back(&mut self, freed: &mut Vec<Mark<K, V>>) {
        let room = self.entries.capacity();
        if room > KEPT_CAPACITY && self.known() <= room / LEAST_FULL {
            self.move_together(freed);
        }
        self.located.give_back(self.entries.capacity());
    }

    #[cold]
    fn move_together(&mut self, freed: &mut Vec<Mark<K, V>>) {
        self.lay_all(freed);
        let needed = self.entries.len();
        let mut entries = Slab::with_capacity(needed);
        for list in [&mut self.live, &mut self.removed] {
            let mut next = std::mem::replace(list, List::EMPTY).first();
            while let Some(slot) = next {
                let entry = self.entries.remove(slot);
                [_, next] = entry.links.neighbours();
                let own = entry.by.filter(|_| entry.mark.fate.is_live());
                let place = entry.place;
                let slot = entries.insert(entry);
                if let Some(by) = own {
                    self.publishers.move_key(by, place, slot);
                }
                list.push_back(&mut entries, slot);
            }
        }
        self.entries = entries;
        self.index.clear();
        self.index.shrink_to(needed);
        let entries = &self.entries;
        for (slot, entry) in entries {
            self.index.insert_new(&entry.mark.key, slot, |slot| &entries[slot].mark.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;
    use crate::batch::Batch;
    use crate::journal::Terms;

    #[test]
    fn no_room_is_kept_for_the_keys_of_a_large_batch() {
        let mut journal: Journal<usize, (), RandomState> = Journal::default();
        let mut apply = |batch: &mut Batch<usize, ()>| {
            journal.apply(batch, Terms::default(), &mut Vec::new()).expect("no terms");
            journal.located.capacity()
        };
        assert!(apply(&mut Batch::new((0..10_000).map(|key| (key, ())), [])) >= 10_000);
        assert!(apply(&mut Batch::new([], 0..10_000)) <= KEPT_CAPACITY);
    }

    #[test]
    fn no_room_is_kept_for_keys_that_are_not_known_and_named_again_and_again() {
        for unchanged_since in [None, Some(0)] {
            let mut journal: Journal<usize, (), RandomState> = Journal::default();
            let mut apply = |key, terms| {
                let mut batch: Batch<usize, ()> = Batch::new([(0, ())], []);
                batch.remove_as_they_come(std::iter::repeat_n(key, 10_000));
                let result = journal.apply(&mut batch, terms, &mut Vec::new());
                assert!(journal.located.capacity() <= KEPT_CAPACITY);
                result.is_ok()
            };
            assert!(apply(1, Terms::default()));
            // Also if it is refused.
            let is_taken = apply(2, Terms { unchanged_since, ..Terms::default() });
            assert_eq!(is_taken, unchanged_since.is_none());
        }
    }
}
