//! Ghosts: entries of keys that are forgotten, kept for a while in case that the key comes back.
//!
//! What goes, often comes back at once under the same name: a hand that holds something, all that is
//! set anew. To find a ghost is a look-up less, and nothing has to be allocated. For everything else a
//! ghost is not there. The updates that come afterwards each give up some.
//!
//! A ghost keeps its slot until the change at hand is through, however many there are by then: a later
//! mark may name the same key.

use std::hash::BuildHasher;

use super::{Entry, Journal, Kept};
use crate::batch::{Fate, Key, Mark};

/// How many ghosts are kept, the last ones. Tests reach it with few keys.
const MOST_GHOSTS: usize = if cfg!(test) { 6 } else { 1024 };

/// How many ghosts an update gives up: more than most updates remove keys.
const GIVEN_UP: usize = if cfg!(test) { 2 } else { 8 };

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

    /// Forgets a removed key that is in no list any more. Whoever does so [gives up](Self::lay_excess)
    /// what is too much, when it is through.
    #[inline]
    pub(super) fn forget(&mut self, slot: usize, freed: &mut Vec<Mark<K, V>>) {
        let entry = &mut self.entries[slot];
        // Versions that were left out may have put it beyond.
        self.horizon = self.horizon.max(entry.version);
        entry.version = NEVER;
        if let Some(by) = entry.by.take() {
            self.publishers.remove_tombstone(by);
        }
        if entry.mark.fate.value().is_some() {
            let fate = std::mem::replace(&mut entry.mark.fate, Fate::Removed);
            freed.push(Mark { key: entry.mark.key.clone(), fate });
        }
        self.ghosts += 1;
        if entry.mark.key.is_light() {
            self.departed.push_back(&mut self.entries, slot);
        } else {
            self.departed.push_front(&mut self.entries, slot);
            self.has_heavy_ghosts = true;
        }
    }

    /// Its key is back.
    #[inline]
    pub(super) fn revive(&mut self, slot: usize) {
        self.departed.unlink(&mut self.entries, slot);
        self.ghosts -= 1;
    }

    /// Gives up some of the oldest, of which there were so many before this update, and all that are
    /// too many.
    #[inline]
    pub(super) fn age_ghosts(&mut self, before: usize, freed: &mut Vec<Mark<K, V>>) {
        if self.ghosts > 0 {
            self.lay_excess(GIVEN_UP.min(before), freed);
        }
    }

    /// Gives up at least so many, if there are, all that are too many, and all that are heavy.
    pub(super) fn lay_excess(&mut self, least: usize, freed: &mut Vec<Mark<K, V>>) {
        if std::mem::take(&mut self.has_heavy_ghosts) {
            while let Some(heavy) = self.departed.first()
                && !self.entries[heavy].mark.key.is_light()
            {
                self.lay(heavy, freed);
            }
        }
        let excess = self.ghosts.saturating_sub(MOST_GHOSTS);
        for _ in 0..excess.max(least) {
            let Some(oldest) = self.departed.first() else { break };
            self.lay(oldest, freed);
        }
    }

    /// Gives up a ghost.
    fn lay(&mut self, slot: usize, freed: &mut Vec<Mark<K, V>>) {
        self.revive(slot);
        let mark = Kept::into_inner(self.entries.remove(slot)).mark;
        self.index.remove(&mark.key, slot);
        freed.push(mark);
    }

    /// Gives up all ghosts, but leaves the index to be made anew.
    pub(super) fn lay_all(&mut self, freed: &mut Vec<Mark<K, V>>) {
        freed.reserve(self.ghosts);
        while let Some(slot) = self.departed.first() {
            self.revive(slot);
            freed.push(Kept::into_inner(self.entries.remove(slot)).mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;
    use crate::batch::Batch;
    use crate::journal::{Refusal, Terms};
    use crate::testing::Weighty;

    type Subject = Journal<u32, &'static str, RandomState>;

    #[expect(clippy::cast_possible_truncation, reason = "they are few")]
    const MOST: u32 = MOST_GHOSTS as u32;

    impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
        /// No more are kept than are to be, and none that takes much memory.
        pub(in crate::journal) fn check_ghosts(&self) {
            let kept: Vec<_> = self.departed.forwards(&self.entries).collect();
            assert!(kept.iter().all(|ghost| ghost.is_ghost() && ghost.mark.key.is_light()));
            assert_eq!(kept.len(), self.ghosts);
            assert!(self.ghosts <= MOST_GHOSTS);
        }
    }

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
        let many = MOST + 10;
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
        apply(&mut journal, 0..6, []);
        assert_eq!(apply(&mut journal, [], 0..6), []);
        assert_eq!(journal.ghosts, 6);
        let freed = apply(&mut journal, [0, 1, 100], []);
        assert_eq!(freed.iter().map(|mark| mark.key).collect::<Vec<_>>(), [2, 3]);
        apply(&mut journal, [100], []);
        apply(&mut journal, [], [100]);
        assert_eq!((journal.ghosts, journal.entries.len()), (1, 3));
        apply(&mut journal, [0], []);
        assert_eq!((journal.ghosts, journal.entries.len()), (0, 2));
    }

    /// Heavy below 100.
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
    fn what_goes_may_be_named_again_by_the_change_that_has_it_go() {
        // The last batch names first what is new to the ghosts, more than are kept, then one that would
        // have been given up by then.
        for batches in [vec![0..0, 0..2 * MOST], vec![0..MOST, MOST..2 * MOST]] {
            let mut journal = Subject::default();
            apply(&mut journal, 0..3 * MOST, []);
            for batch in batches {
                let mut removals = Batch::<u32, _>::default();
                removals.remove_as_they_come(batch.chain([0]));
                let applied =
                    journal.apply::<_, ()>(&mut removals, Terms::default(), &mut Vec::new());
                assert_eq!(applied, Ok(()));
                journal.check_ghosts();
            }
            assert_eq!((journal.len(), journal.ghosts), (MOST as usize, MOST_GHOSTS));
            assert_eq!(journal.entries.len(), MOST as usize + MOST_GHOSTS);
        }
    }

    #[test]
    fn what_takes_much_memory_is_given_up_with_the_change_that_has_it_go() {
        let mut journal: Journal<Weighty, (), RandomState> = Journal::default();
        let [heavy, light] = [Weighty(3), Weighty(1)];
        for is_followed in [false, true] {
            let mut freed = Vec::new();
            let cursor = is_followed.then(|| journal.open_cursor());
            let mut removals = Batch::default();
            removals.remove_as_they_come([heavy, light, heavy]);
            for mut batch in [Batch::new([(light, ()), (heavy, ())], []), removals] {
                let applied = journal.apply::<_, ()>(&mut batch, Terms::default(), &mut freed);
                assert_eq!(applied, Ok(()));
            }
            if let Some(cursor) = cursor {
                assert_eq!((journal.tombstones(), journal.ghosts), (2, 0));
                journal.close_cursor(cursor, &mut freed);
            }
            assert_eq!((journal.tombstones(), journal.ghosts, journal.entries.len()), (0, 1, 1));
            assert!(freed.iter().any(|mark| mark.key == heavy));
            journal.check_ghosts();
        }
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
