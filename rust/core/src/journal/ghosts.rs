//! Ghosts: entries of keys that are forgotten, kept for a while in case that the key comes back.
//!
//! What goes, often comes back at once under the same name: a hand that holds something, all that is
//! set anew. To find a ghost is a look-up less, and nothing has to be allocated. For everything else a
//! ghost is not there. The updates that come afterwards each give up some.

use std::hash::BuildHasher;

use super::{Entry, Journal};
use crate::batch::{Fate, Key, Mark};
use crate::list::short;

/// How many ghosts are kept, the last ones.
pub(super) const MOST_GHOSTS: usize = 1024;

/// How many ghosts an update gives up: more than most updates remove keys.
const GIVEN_UP: usize = 8;

/// The version of a ghost, which no update has.
const NEVER: u64 = 0;

impl<K, V> Entry<K, V> {
    #[inline]
    pub(super) fn is_ghost(&self) -> bool {
        self.version == NEVER
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// How many keys it knows, living or removed.
    pub(super) fn known(&self) -> usize {
        self.entries.len() - self.ghosts
    }

    /// Forgets a removed key that is in no list any more.
    #[inline]
    pub(super) fn forget(&mut self, slot: usize, freed: &mut Vec<Mark<K, V>>) {
        let entry = &mut self.entries[slot];
        self.horizon = entry.version;
        entry.version = NEVER;
        if let Some(by) = entry.by.take() {
            self.publishers.remove_tombstone(by);
        }
        if entry.mark.fate.value().is_some() {
            let fate = std::mem::replace(&mut entry.mark.fate, Fate::Removed);
            freed.push(Mark { key: entry.mark.key.clone(), fate });
        }
        if !entry.mark.key.is_light() {
            self.heavy.push(short(slot));
        }
        self.departed.push_back(&mut self.entries, slot);
        self.ghosts += 1;
    }

    /// Gives up those that are too many or take too much memory. The rest of a change may name them, so
    /// that is done at its end.
    #[inline]
    pub(super) fn trim_ghosts(&mut self, freed: &mut Vec<Mark<K, V>>) {
        if self.ghosts > MOST_GHOSTS || !self.heavy.is_empty() {
            self.trim(freed);
        }
    }

    #[cold]
    fn trim(&mut self, freed: &mut Vec<Mark<K, V>>) {
        while let Some(slot) = self.heavy.pop() {
            self.lay(slot as usize, freed);
        }
        while self.ghosts > MOST_GHOSTS
            && let Some(oldest) = self.departed.first()
        {
            self.lay(oldest, freed);
        }
    }

    /// Its key is back.
    #[inline]
    pub(super) fn revive(&mut self, slot: usize) {
        self.departed.unlink(&mut self.entries, slot);
        self.ghosts -= 1;
    }

    /// Gives up some of the oldest, of which there were so many before this update.
    #[inline]
    pub(super) fn age_ghosts(&mut self, before: usize, freed: &mut Vec<Mark<K, V>>) {
        self.trim_ghosts(freed);
        for _ in 0..GIVEN_UP.min(before).min(self.ghosts) {
            self.departed.first().into_iter().for_each(|oldest| self.lay(oldest, freed));
        }
    }

    /// Gives up a ghost.
    fn lay(&mut self, slot: usize, freed: &mut Vec<Mark<K, V>>) {
        self.revive(slot);
        let mark = self.entries.remove(slot).mark;
        self.index.remove(&mark.key, slot);
        freed.push(mark);
    }

    /// Gives up all ghosts, but leaves the index to be made anew.
    pub(super) fn lay_all(&mut self, freed: &mut Vec<Mark<K, V>>) {
        freed.reserve(self.ghosts);
        while let Some(slot) = self.departed.first() {
            self.revive(slot);
            freed.push(self.entries.remove(slot).mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;
    use crate::batch::Batch;
    use crate::journal::{Refusal, Terms};

    type Subject = Journal<u32, &'static str, RandomState>;

    fn apply(
        journal: &mut Subject,
        keys: impl IntoIterator<Item = u32>,
        removals: impl IntoIterator<Item = u32>,
    ) -> Vec<Mark<u32, &'static str>> {
        let mut freed = Vec::new();
        let keys = keys.into_iter().map(|key| (key, "value"));
        let applied =
            journal.apply(&mut Batch::<_, _>::new(keys, removals), Terms::default(), &mut freed);
        assert!(applied.is_ok(), "nobody refuses");
        freed
    }

    #[test]
    fn a_key_that_comes_back_finds_its_entry_and_is_born_anew() {
        let mut journal = Subject::default();
        apply(&mut journal, [1, 2], []);
        assert_eq!(apply(&mut journal, [], [1]), []);
        assert_eq!((journal.len(), journal.tombstones(), journal.ghosts), (1, 0, 1));
        assert_eq!(journal.get(&1), None);
        apply(&mut journal, [1], []);
        assert_eq!((journal.len(), journal.ghosts, journal.entries.len()), (2, 0, 2));
        let cursor = journal.open_cursor();
        let mut keys: Vec<_> =
            journal.unseen(cursor).map(|seen| (seen.born, seen.mark.key)).collect();
        keys.sort_unstable();
        assert_eq!(keys, [(1, 2), (2, 1)]);
    }

    #[test]
    fn only_the_last_ones_are_kept_and_their_values_never() {
        let mut journal = Subject::default();
        let many = u32::try_from(MOST_GHOSTS).expect("it is small") + 10;
        apply(&mut journal, 0..many, []);
        // So that there is no memory to be given back.
        apply(&mut journal, (0..many).map(|key| u32::MAX - key), []);
        let freed: Vec<u32> =
            apply(&mut journal, [], 0..many).into_iter().map(|mark| mark.key).collect();
        assert_eq!(freed, (0..10).collect::<Vec<_>>());
        assert_eq!(journal.ghosts, MOST_GHOSTS);
        assert_eq!(journal.values().count(), journal.len());
    }

    #[test]
    fn updates_give_up_those_that_have_not_come_back() {
        let mut journal = Subject::default();
        apply(&mut journal, 0..20, []);
        assert_eq!(apply(&mut journal, [], 0..20), []);
        assert_eq!(journal.ghosts, 20);
        let freed = apply(&mut journal, [0, 1, 100], []);
        assert_eq!(
            freed.iter().map(|mark| mark.key).collect::<Vec<_>>(),
            (2..10).collect::<Vec<_>>()
        );
        apply(&mut journal, [100], []);
        apply(&mut journal, [], [100]);
        assert_eq!((journal.ghosts, journal.entries.len()), (1, 3));
        apply(&mut journal, [0], []);
        assert_eq!((journal.ghosts, journal.entries.len()), (0, 2));
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Heavy(u32);

    impl Key for Heavy {
        fn is_light(&self) -> bool {
            self.0 >= 100
        }
    }

    #[test]
    fn a_key_that_takes_much_memory_is_given_up_at_once() {
        let mut journal: Journal<Heavy, i32, RandomState> = Journal::default();
        for _ in 0..3 {
            let mut batch = Batch::<_, _>::new([(Heavy(1), 1), (Heavy(2), 2)], []);
            batch.remove_as_they_come([1, 1, 3, 1].map(Heavy));
            let mut freed = Vec::new();
            assert_eq!(journal.apply(&mut batch, Terms::default(), &mut freed), Ok(()));
            assert_eq!((journal.ghosts, journal.entries.len()), (0, 1));
        }
        // A ghost that comes back leaves no older one in front of the heavy.
        for change in [
            Batch::<_, _>::new([(Heavy(1), 1), (Heavy(100), 1)], []),
            Batch::new([], [Heavy(100)]),
            Batch::new([(Heavy(100), 1)], [Heavy(1)]),
        ] {
            let mut batch = change;
            assert_eq!(journal.apply(&mut batch, Terms::default(), &mut Vec::new()), Ok(()));
        }
        assert_eq!((journal.ghosts, journal.entries.len()), (0, 2));
        let cursor = journal.open_cursor();
        let mut batch = Batch::<_, _>::new([], [Heavy(2), Heavy(100)]);
        assert_eq!(journal.apply(&mut batch, Terms::default(), &mut Vec::new()), Ok(()));
        journal.advance(cursor, &mut Vec::new());
        assert_eq!((journal.ghosts, journal.entries.len()), (1, 1));
    }

    #[test]
    fn a_change_may_name_ghosts_of_which_it_makes_too_many() {
        let mut journal = Subject::default();
        let most = u32::try_from(MOST_GHOSTS).expect("it is small");
        // So that there is no memory to be given back.
        apply(&mut journal, (0..2 * most).map(|key| u32::MAX - key), []);
        apply(&mut journal, 0..most + 10, []);
        apply(&mut journal, [], 0..most);
        assert_eq!(journal.ghosts, MOST_GHOSTS);
        apply(&mut journal, [], (most..most + 10).chain(0..most));
        assert!(journal.ghosts <= MOST_GHOSTS);
        assert_eq!(journal.len(), 2 * MOST_GHOSTS);
        assert!((0..most + 10).all(|key| journal.get(&key).is_none()));
    }

    #[test]
    fn nothing_is_known_of_a_ghost() {
        let mut journal = Subject::default();
        apply(&mut journal, [1], []);
        apply(&mut journal, [], [1]);
        let mut again = Batch::<_, _>::new([(1, "again")], []);
        let terms = Terms { unchanged_since: Some(1), ..Terms::default() };
        let conflict = journal.apply(&mut again, terms, &mut Vec::new());
        assert_eq!(conflict, Err(Refusal::Conflict(vec![1])));
        // Its removal is told to those alone who were there.
        let cursor = journal.open_cursor();
        assert!(!journal.is_behind(cursor));
        apply(&mut journal, [], [1]);
        assert_eq!((journal.tombstones(), journal.ghosts), (1, 0));
        assert_eq!(journal.unseen(cursor).count(), 1);
    }
}
