//! Freeing tombstones that nobody is to be told of.
//!
//! Some cursors are read for the sake of some keys only. One of those that stays behind would keep
//! the tombstones of all keys.

use std::hash::BuildHasher;

use super::{CursorId, Journal};
use crate::batch::{Key, Mark};

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// The version up to which a cursor has seen every removal.
    pub fn seen_removals(&self, cursor: CursorId) -> u64 {
        self.cursors[cursor.0].seen.removed
    }

    /// Frees the tombstones that concern none of the cursors behind them.
    ///
    /// Cursors are concerned by all, if they are not picky. `is_owed` says of a key that was
    /// removed by some version whether one of those that are picky, and have not seen that
    /// version, is concerned.
    ///
    /// Takes time in proportion to the tombstones and the picky cursors.
    pub fn sweep(
        &mut self,
        is_picky: impl Fn(CursorId) -> bool,
        is_owed: impl Fn(&K, u64) -> bool,
        freed: &mut Vec<Mark<K, V>>,
    ) {
        let mut cursor = self.by_seen.first();
        while let Some(slot) = cursor.filter(|&slot| is_picky(CursorId(slot))) {
            [_, cursor] = self.cursors[slot].links.neighbours();
        }
        let seen_by_others = cursor.map_or(u64::MAX, |slot| self.cursors[slot].seen.removed);
        let mut tombstone = self.removed.first();
        while let Some(slot) = tombstone {
            let entry = &self.entries[slot];
            if entry.version > seen_by_others {
                break;
            }
            [_, tombstone] = entry.links.neighbours();
            if !is_owed(&entry.mark.key, entry.version) {
                self.free_tombstone(slot, freed);
            }
        }
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use proptest::prelude::*;

    use super::*;
    use crate::batch::Batch;

    #[derive(Clone, Debug)]
    enum Step {
        Update(Vec<u8>),
        Remove(Vec<u8>),
        Open,
        OpenPicky(u8),
        Advance(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        let keys = || prop::collection::vec(0..12_u8, 1..4);
        prop_oneof![
            2 => keys().prop_map(Step::Update),
            4 => keys().prop_map(Step::Remove),
            1 => Just(Step::Open),
            2 => (0..3_u8).prop_map(Step::OpenPicky),
            1 => any::<prop::sample::Index>().prop_map(Step::Advance),
        ]
    }

    fn check(steps: Vec<Step>) {
        let mut journal = Journal::<u8, (), RandomState>::default();
        // What each is about; none for all.
        let mut cursors: Vec<(CursorId, Option<u8>)> = Vec::new();
        let mut freed = Vec::new();
        for step in steps {
            match step {
                Step::Update(mut keys) => {
                    keys.sort_unstable();
                    keys.dedup();
                    let updates = keys.into_iter().map(|key| (key, ()));
                    journal.apply::<()>(&mut Batch::new(updates, []), &mut freed);
                }
                Step::Remove(keys) => {
                    journal.apply::<()>(&mut Batch::new([], keys), &mut freed);
                }
                Step::Open => cursors.push((journal.open_cursor(), None)),
                Step::OpenPicky(topic) => cursors.push((journal.open_cursor(), Some(topic))),
                Step::Advance(at) if !cursors.is_empty() => {
                    journal.advance(cursors[at.index(cursors.len())].0, &mut freed);
                }
                Step::Advance(_) => {}
            }
        }
        let owed = |journal: &Journal<u8, (), RandomState>,
                    (cursor, topic): (CursorId, Option<u8>)| {
            let unseen = journal.unseen(cursor).map(|seen| (seen.mark.key, seen.version));
            let mut owed: Vec<_> =
                unseen.filter(|(key, _)| topic.is_none_or(|topic| key % 3 == topic)).collect();
            owed.sort_unstable();
            owed
        };
        let before: Vec<_> = cursors.iter().map(|&each| owed(&journal, each)).collect();
        let behind: Vec<_> = cursors
            .iter()
            .filter_map(|&(cursor, topic)| Some((journal.seen_removals(cursor), topic?)))
            .collect();
        let topic_of = |cursor| cursors.iter().find(|(other, _)| *other == cursor)?.1;
        journal.sweep(
            |cursor| topic_of(cursor).is_some(),
            |key, version| behind.iter().any(|&(seen, topic)| seen < version && key % 3 == topic),
            &mut freed,
        );
        let after: Vec<_> = cursors.iter().map(|&each| owed(&journal, each)).collect();
        assert_eq!(after, before, "nobody misses anything");
        let removed = journal.removed.backwards(&journal.entries);
        let kept: Vec<_> = removed.map(|entry| (entry.mark.key, entry.version)).collect();
        assert_eq!(kept.len(), journal.tombstones());
        for tombstone in kept {
            let is_owed = after.iter().any(|owed| owed.contains(&tombstone));
            assert!(is_owed, "{tombstone:?} is kept for nobody");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 5 } else { 2000 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn exactly_the_tombstones_that_nobody_is_owed_are_freed(
            steps in prop::collection::vec(step(), 1..40)
        ) {
            check(steps);
        }
    }
}
