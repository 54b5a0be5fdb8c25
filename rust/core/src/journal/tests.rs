use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::memory::KEPT_CAPACITY;
use super::*;
use crate::batch::Batch;
use crate::testing::{Fragile, Weighty, panic_at};

type Subject = Journal<&'static str, i32, RandomState>;

fn apply<K: Key, V>(
    journal: &mut Journal<K, V, RandomState>,
    updates: impl IntoIterator<Item = (K, V)>,
    removals: impl IntoIterator<Item = K>,
) -> Vec<Mark<K, V>> {
    let mut freed = Vec::new();
    let result =
        journal.apply::<K, ()>(&mut Batch::new(updates, removals), Terms::default(), &mut freed);
    assert!(result.is_ok(), "nobody refuses");
    freed
}

fn read(journal: &mut Subject, cursor: CursorId) -> Vec<(&'static str, Fate<i32>)> {
    let mut unseen: Vec<_> =
        journal.unseen(cursor).map(|seen| (seen.mark.key, seen.mark.fate.clone())).collect();
    assert_eq!(journal.is_behind(cursor), !unseen.is_empty());
    journal.advance(cursor, &mut Vec::new());
    assert!(!journal.is_behind(cursor));
    unseen.sort_by_key(|(key, _)| *key);
    unseen
}

#[test]
fn a_new_cursor_owes_the_content_and_no_earlier_removal() {
    let mut journal = Subject::default();
    let early = journal.open_cursor();
    apply(&mut journal, [("a", 1), ("b", 1)], []);
    apply(&mut journal, [("c", 2)], ["a"]);
    let late = journal.open_cursor();
    assert_eq!(read(&mut journal, late), [("b", Fate::Set(1)), ("c", Fate::Set(2))]);
    assert_eq!(
        read(&mut journal, early),
        [("a", Fate::Removed), ("b", Fate::Set(1)), ("c", Fate::Set(2))]
    );
}

#[test]
fn each_key_is_read_once_with_its_last_fate() {
    let mut journal = Subject::default();
    let cursor = journal.open_cursor();
    for value in 0..5 {
        apply(&mut journal, [("a", value), ("b", value)], ["b"]);
    }
    assert_eq!(read(&mut journal, cursor), [("a", Fate::Set(4)), ("b", Fate::SetAndRemoved(4))]);
    assert_eq!(read(&mut journal, cursor), []);
}

#[test]
fn a_key_that_is_named_twice_at_once_counts_once() {
    let mut journal = Subject::default();
    apply(&mut journal, [("a", 1), ("b", 1), ("c", 1), ("d", 1)], []);
    let cursor = journal.open_cursor();
    journal.advance(cursor, &mut Vec::new());
    let mut lag = |updates: &[(&'static str, i32)], removals: &[&'static str]| {
        let mut batch = Batch::default();
        batch.set_all(updates.iter().copied());
        batch.remove_as_they_come(removals.iter().copied());
        let result = journal.apply::<_, ()>(&mut batch, Terms::default(), &mut Vec::new());
        assert_eq!(result, Ok(()));
        let lag = journal.lag(cursor);
        journal.advance(cursor, &mut Vec::new());
        lag
    };
    assert_eq!(lag(&[], &["a", "a", "a"]), (1, 1));
    assert_eq!(lag(&[], &["not there", "not there", "not there"]), (1, 1));
    assert_eq!(lag(&[("b", 2)], &["b", "c", "b", "c"]), (1, 2));
    assert_eq!(lag(&[("new", 2)], &["new", "new"]), (1, 1));
}

#[test]
fn the_newest_entry_comes_first() {
    let mut journal = Subject::default();
    let cursor = journal.open_cursor();
    for key in ["a", "b", "c", "a"] {
        apply(&mut journal, [(key, 0)], []);
    }
    let keys: Vec<_> = journal.unseen(cursor).map(|seen| seen.mark.key).collect();
    assert_eq!(keys, ["a", "c", "b"]);
}

#[test]
fn births_give_the_order_of_a_plain_dictionary() {
    let mut journal = Subject::default();
    let cursor = journal.open_cursor();
    apply(&mut journal, [("a", 0), ("b", 0), ("c", 0)], []);
    apply(&mut journal, [("a", 1)], ["b"]);
    apply(&mut journal, [("b", 1)], []);
    let mut keys: Vec<_> = journal.unseen(cursor).map(|seen| (seen.born, seen.mark.key)).collect();
    keys.sort_unstable();
    assert_eq!(keys.iter().map(|(_, key)| *key).collect::<String>(), "acb");
    assert_eq!(journal.births(), 4);
}

#[test]
fn a_tombstone_is_freed_when_every_cursor_has_passed_it_and_not_before() {
    let mut journal = Subject::default();
    let (slow, fast) = (journal.open_cursor(), journal.open_cursor());
    apply(&mut journal, [("a", 1)], []);
    apply(&mut journal, [], ["a", "never seen"]);
    assert_eq!((journal.len(), journal.tombstones()), (0, 2));
    let mut freed = Vec::new();
    journal.advance(fast, &mut freed);
    assert!(freed.is_empty());
    journal.advance(slow, &mut freed);
    assert_eq!((journal.known(), journal.tombstones()), (0, 0));
}

#[test]
fn a_closed_cursor_keeps_no_tombstone() {
    let mut journal = Subject::default();
    let cursor = journal.open_cursor();
    apply(&mut journal, [("a", 1)], ["a"]);
    let mut freed = Vec::new();
    journal.close_cursor(cursor, &mut freed);
    assert_eq!(freed, [Mark { key: "a", fate: Fate::SetAndRemoved(1) }]);
    assert_eq!((journal.tombstones(), journal.cursors()), (0, 0));
}

#[test]
fn a_removal_without_a_cursor_leaves_no_trace() {
    let mut journal = Subject::default();
    apply(&mut journal, [("a", 1)], []);
    let mut batch = Batch::<_, _>::new([("b", 2)], ["a", "b", "c"]);
    let mut freed = Vec::new();
    assert_eq!(journal.apply(&mut batch, Terms::default(), &mut freed), Ok(()));
    let values = batch.marks.iter().chain(&freed).filter_map(|mark| mark.fate.value());
    assert_eq!(values.collect::<BTreeSet<_>>(), [&1, &2].into());
    assert!(journal.is_empty());
    assert_eq!((journal.tombstones(), journal.known()), (0, 0));
}

#[test]
fn replaced_values_are_handed_out() {
    let mut journal = Subject::default();
    apply(&mut journal, [("a", 1)], []);
    let mut batch = Batch::<_, _>::new([("a", 2)], []);
    assert_eq!(journal.apply(&mut batch, Terms::default(), &mut Vec::new()), Ok(()));
    assert_eq!(batch.marks[0].fate, Fate::Set(1));
}

#[test]
fn a_panic_in_comparing_keys_changes_nothing() {
    let keys = || (0..4).map(|number| (Fragile(number), 1));
    let mut journal = Journal::<Fragile, i32, RandomState>::default();
    let cursor = journal.open_cursor();
    apply(&mut journal, keys(), []);
    let mut survived = 0;
    loop {
        let update = || {
            catch_unwind(AssertUnwindSafe(|| {
                apply(&mut journal, keys().map(|(key, _)| (key, 2)), [Fragile(0), Fragile(9)])
            }))
        };
        let (_, injected) = panic_at(survived, update);
        if !injected {
            break;
        }
        survived += 1;
        assert_eq!(journal.version(), 1);
        let values: Vec<_> = journal.unseen(cursor).map(|seen| seen.mark.fate.clone()).collect();
        assert_eq!(values, [Fate::Set(1), Fate::Set(1), Fate::Set(1), Fate::Set(1)]);
    }
    assert!(survived >= 4, "only {survived} comparisons were seen");
}

/// What a view is in the plainest words: a private copy of everything pending.
mod against_a_naive_model {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// The removals as they come, which may repeat themselves.
        Update(BTreeMap<Weighty, i32>, Vec<Weighty>, bool),
        Open,
        Read(usize),
        Close(usize),
    }

    #[derive(Default)]
    struct Follower {
        updates: BTreeMap<Weighty, i32>,
        removals: BTreeSet<Weighty>,
    }

    impl Follower {
        fn update(&mut self, updates: &BTreeMap<Weighty, i32>, removals: &[Weighty]) {
            for key in removals {
                self.updates.remove(key);
            }
            for (key, value) in updates {
                self.removals.remove(key);
                self.updates.insert(*key, *value);
            }
            self.removals.extend(removals);
        }
    }

    fn update() -> impl Strategy<Value = Step> {
        let key = (0..12_u8).prop_map(Weighty);
        let updates = prop::collection::btree_map(key.clone(), any::<i32>(), 0..4);
        let removals = prop::collection::vec(key, 0..4);
        (updates, removals, any::<bool>())
            .prop_map(|(new, gone, is_raw)| Step::Update(new, gone, is_raw))
    }

    /// So many keys at a time that more go than are kept as ghosts.
    fn large_update() -> impl Strategy<Value = Step> {
        let key = (0..24_u8).prop_map(Weighty);
        let updates = prop::collection::btree_map(key.clone(), any::<i32>(), 0..24);
        let removals = prop::collection::vec(key, 0..40);
        (updates, removals, any::<bool>())
            .prop_map(|(new, gone, is_raw)| Step::Update(new, gone, is_raw))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => update(),
            1 => Just(Step::Open),
            3 => any::<prop::sample::Index>().prop_map(|index| Step::Read(index.index(1000))),
            1 => any::<prop::sample::Index>().prop_map(|index| Step::Close(index.index(1000))),
        ]
    }

    /// With each key once, or as they were given, which is the same.
    fn apply_either_way(
        journal: &mut Journal<Weighty, i32, RandomState>,
        updates: BTreeMap<Weighty, i32>,
        removals: &[Weighty],
        is_raw: bool,
    ) {
        if !is_raw {
            apply(journal, updates, removals.iter().copied());
            return;
        }
        let mut batch = Batch::<_, _>::new(updates, []);
        batch.remove_as_they_come(removals.iter().copied());
        assert_eq!(journal.apply(&mut batch, Terms::default(), &mut Vec::new()), Ok(()));
    }

    fn check(steps: Vec<Step>) {
        let mut journal = Journal::<Weighty, i32, RandomState>::default();
        // Of a plain dictionary, kept as a list, for its order.
        let mut content: Vec<(Weighty, i32)> = Vec::new();
        let mut followers: Vec<(CursorId, Follower)> = Vec::new();
        for step in steps {
            match step {
                Step::Update(updates, removals, is_raw) => {
                    apply_either_way(&mut journal, updates.clone(), &removals, is_raw);
                    for (key, value) in &updates {
                        match content.iter_mut().find(|(known, _)| known == key) {
                            Some(item) => item.1 = *value,
                            None => content.push((*key, *value)),
                        }
                    }
                    content.retain(|(key, _)| !removals.contains(key));
                    for (_, follower) in &mut followers {
                        follower.update(&updates, &removals);
                    }
                }
                Step::Open => {
                    let mut follower = Follower::default();
                    follower.update(&content.iter().copied().collect(), &[]);
                    followers.push((journal.open_cursor(), follower));
                }
                Step::Read(_) | Step::Close(_) if followers.is_empty() => {}
                Step::Read(index) => {
                    let index = index % followers.len();
                    let (cursor, follower) = &mut followers[index];
                    let expected = std::mem::take(follower);
                    let (mut updates, mut removals) = (BTreeMap::new(), BTreeSet::new());
                    for seen in journal.unseen(*cursor) {
                        let Mark { key, fate } = seen.mark;
                        if let Some(value) = fate.value() {
                            assert_eq!(updates.insert(*key, *value), None, "a key came twice");
                        }
                        if !fate.is_live() {
                            removals.insert(*key);
                        }
                    }
                    assert_eq!((updates, removals), (expected.updates, expected.removals));
                    journal.advance(*cursor, &mut Vec::new());
                }
                Step::Close(index) => {
                    let (cursor, _) = followers.remove(index % followers.len());
                    journal.close_cursor(cursor, &mut Vec::new());
                }
            }
            let owed: BTreeSet<Weighty> =
                followers.iter().flat_map(|(_, follower)| &follower.removals).copied().collect();
            let mut in_order: Vec<_> = journal
                .live
                .backwards(&journal.entries)
                .map(|entry| (entry.born, entry.mark.key, *entry.mark.fate.value().expect("live")))
                .collect();
            in_order.sort_unstable();
            let in_order: Vec<_> =
                in_order.into_iter().map(|(_, key, value)| (key, value)).collect();
            assert_eq!(in_order, content);
            assert_eq!(journal.len(), content.len());
            assert_eq!(journal.tombstones(), owed.len(), "tombstones are exactly what is owed");
            journal.check_ghosts();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 5 } else { 1000 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn every_cursor_reads_what_a_private_copy_would_hold(
            steps in prop::collection::vec(step(), 1..60)
        ) {
            check(steps);
        }

        #[test]
        fn the_content_that_nobody_follows_is_a_plain_dictionary(
            steps in prop::collection::vec(prop_oneof![update(), large_update()], 1..30)
        ) {
            check(steps);
        }

        #[test]
        fn every_cursor_is_told_of_all_that_goes_at_once(
            steps in prop::collection::vec(prop_oneof![step(), large_update()], 1..30)
        ) {
            check(steps);
        }
    }
}

#[test]
fn memory_is_given_back_while_keys_remain_and_they_stay_in_order() {
    let mut journal: Journal<usize, usize, RandomState> = Journal::default();
    let slow = journal.open_cursor();
    apply(&mut journal, (0..10_000).map(|key| (key, key)), []);
    let late = journal.open_cursor();
    journal.advance(late, &mut Vec::new());
    apply(&mut journal, [], 100..10_000);
    apply(&mut journal, (50..60).map(|key| (key, 0)), 0..10);
    assert!(journal.entries.capacity() >= 10_000);

    journal.advance(slow, &mut Vec::new());
    let mut freed = Vec::new();
    let unseen: Vec<_> = journal.unseen(late).map(|seen| seen.mark.key).collect();
    assert_eq!(unseen[..10], [59, 58, 57, 56, 55, 54, 53, 52, 51, 50]);
    assert_eq!(unseen.len(), 10 + 9_900 + 10);
    journal.advance(late, &mut freed);
    assert_eq!(freed.len(), 9_910);
    assert_eq!((journal.len(), journal.tombstones()), (90, 0));
    assert!(journal.entries.capacity() < KEPT_CAPACITY);

    apply(&mut journal, (0..90).map(|key| (key, 1)), [20]);
    let mut unseen: Vec<_> =
        journal.unseen(late).map(|seen| (seen.mark.key, seen.mark.fate.is_live())).collect();
    unseen.sort_unstable();
    assert_eq!(unseen, (0..90).map(|key| (key, key != 20)).collect::<Vec<_>>());
    assert_eq!((journal.len(), journal.tombstones()), (99, 1));
}

#[test]
fn memory_is_given_back_when_nobody_follows() {
    let mut journal: Journal<usize, usize, RandomState> = Journal::default();
    apply(&mut journal, (0..10_000).map(|key| (key, key)), []);
    apply(&mut journal, [], 1..10_000);
    assert!(journal.entries.capacity() < KEPT_CAPACITY);
    apply(&mut journal, [(0, 1), (1, 1)], []);
    assert_eq!(journal.len(), 2);
}
