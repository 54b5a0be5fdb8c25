//! Where a view begins, and what is kept for it.

use std::collections::hash_map::RandomState;

use super::*;
use crate::batch::Mark;

type Subject = Store<u32, i32, (), RandomState>;

fn set(keys: std::ops::Range<u32>) -> Batch<u32, i32> {
    Batch::new(keys.map(|key| (key, 1)), [])
}

fn remove(keys: std::ops::Range<u32>) -> Batch<u32, i32> {
    Batch::new([], keys)
}

fn store_with(history: usize, keys: std::ops::Range<u32>) -> Subject {
    let store = Subject::default();
    store.set_history(history);
    store.update(&mut set(keys)).expect("not frozen");
    store
}

/// The keys with values, those without, and whether that is complete; and up to which version.
type Flushed = (Vec<u32>, Vec<u32>, bool, Option<u64>);

fn flushed(store: &Subject, view: ViewId) -> Option<Flushed> {
    let mut harvest = Harvest::default();
    let flush = store.flush(view, &mut harvest);
    let Harvest { mut marks, is_complete, version, .. } = harvest;
    marks.sort_by_key(|mark| mark.key);
    let (live, removed): (Vec<_>, Vec<_>) = marks.iter().partition(|mark| mark.fate.is_live());
    let keys = |marks: Vec<&Mark<u32, i32>>| marks.iter().map(|mark| mark.key).collect();
    (flush == Flush::Change).then(|| (keys(live), keys(removed), is_complete, version))
}

fn since(store: &Subject, version: u64) -> ViewId {
    store.follow(Following { since: Some(version), ..Following::default() })
}

#[test]
fn the_first_flush_of_a_view_is_complete_and_no_other() {
    let store = store_with(0, 0..2);
    let view = store.open_view(None);
    assert_eq!(flushed(&store, view), Some((vec![0, 1], vec![], true, Some(1))));
    store.update(&mut remove(0..1)).expect("not frozen");
    assert_eq!(flushed(&store, view), Some((vec![], vec![0], false, Some(2))));
    assert_eq!(flushed(&store, view), None);
    store.update_view(view, &mut set(5..6)).expect("not frozen");
    assert_eq!(flushed(&store, view), Some((vec![5], vec![], false, Some(2))));
    let buffer = store.open_buffer();
    store.update_view(buffer, &mut set(5..6)).expect("not frozen");
    assert_eq!(flushed(&store, buffer), Some((vec![5], vec![], false, None)));
}

#[test]
fn a_detached_view_is_of_the_version_it_was_detached_at() {
    let store = store_with(0, 0..1);
    let view = store.open_view(None);
    store.freeze_view(view);
    store.update(&mut set(0..5)).expect("not frozen");
    store.freeze_view(view);
    assert_eq!(flushed(&store, view), Some((vec![0], vec![], true, Some(1))));
}

#[test]
fn a_snapshot_comes_at_once_also_of_nothing() {
    let store = Subject::default();
    let snapshot = Following { is_snapshot: true, ..Following::default() };
    let view = store.follow(snapshot.clone());
    assert!(store.wait(view, WakeFor::Change).is_none());
    assert_eq!(flushed(&store, view), Some((vec![], vec![], true, Some(0))));
    assert_eq!(flushed(&store, view), None);
    store.freeze();
    let late = store.follow(snapshot);
    assert_eq!(flushed(&store, late), Some((vec![], vec![], true, Some(0))));
    assert_eq!(store.flush(late, &mut Harvest::default()), Flush::Drained);
}

#[test]
fn a_view_since_a_version_owes_what_has_changed_after_it() {
    let store = store_with(10, 0..4);
    store.update(&mut remove(0..1)).expect("not frozen");
    store.update(&mut Batch::new([(1, 2)], [2])).expect("not frozen");
    let [before, after, now] = [1, 2, 3].map(|version| since(&store, version));
    assert_eq!(flushed(&store, after), Some((vec![1], vec![2], false, Some(3))));
    assert_eq!(flushed(&store, now), None);
    store.update(&mut set(0..1)).expect("not frozen");
    assert_eq!(flushed(&store, before), Some((vec![0, 1], vec![2], false, Some(4))));
    assert_eq!(flushed(&store, now), Some((vec![0], vec![], false, Some(4))));
}

#[test]
fn what_can_not_be_gone_on_from_begins_anew() {
    let store = store_with(2, 0..4);
    store.update(&mut remove(0..1)).expect("not frozen");
    store.update(&mut remove(1..3)).expect("not frozen");
    assert_eq!((store.stats().horizon, store.stats().history), (2, 2));
    let view = since(&store, 2);
    assert_eq!(flushed(&store, view), Some((vec![], vec![1, 2], false, Some(3))));
    let view = since(&store, 1);
    assert_eq!(flushed(&store, view), Some((vec![3], vec![], true, Some(3))));
    store.update(&mut remove(3..4)).expect("not frozen");
    let view = since(&store, 1);
    assert_eq!(flushed(&store, view), Some((vec![], vec![], true, Some(4))), "also of nothing");
}

#[test]
fn what_a_view_has_yet_to_see_since_a_version_is_not_forgotten() {
    let store = store_with(1, 0..100);
    let (reader, view) = (store.open_view(None), since(&store, 1));
    let copy = {
        store.update(&mut remove(0..1)).expect("not frozen");
        store.clone_view(view)
    };
    for key in 1..50 {
        store.update(&mut remove(key..key + 1)).expect("not frozen");
        flushed(&store, reader);
        let late = since(&store, store.version());
        store.leave(late);
    }
    assert_eq!((store.stats().tombstones, store.stats().history), (50, 0));
    let expected = Some((vec![], (0..50).collect(), false, Some(51)));
    assert_eq!(flushed(&store, view), expected);
    assert_eq!(store.stats().tombstones, 50);
    assert_eq!(flushed(&store, copy), expected);
    assert_eq!((store.stats().tombstones, store.stats().history), (0, 1));
}

#[test]
fn those_who_come_back_again_and_again_keep_nothing() {
    let store = Subject::default();
    store.set_history(10);
    let mut views = std::collections::VecDeque::new();
    for key in 0..10_000 {
        store.update(&mut set(key..key + 1)).expect("not frozen");
        store.update(&mut remove(key..key + 1)).expect("not frozen");
        // There is always somebody who has not read yet, but never the same for long.
        views.push_back(since(&store, store.version() - 1));
        if views.len() > 10 {
            let view = views.pop_front().expect("there are some");
            store.flush(view, &mut Harvest::default());
            store.leave(view);
        }
        let stats = store.stats();
        assert!(stats.tombstones + stats.history <= 22, "{stats:?}");
    }
}

#[test]
fn a_clone_owes_the_same() {
    let store = store_with(0, 0..2);
    let view = store.open_view(None);
    store.update_view(view, &mut set(7..9)).expect("not frozen");
    store.update(&mut remove(0..1)).expect("not frozen");
    let copy = store.clone_view(view);
    store.update(&mut set(3..4)).expect("not frozen");
    let expected = Some((vec![1, 3, 7, 8], vec![0], true, Some(3)));
    assert_eq!(flushed(&store, view), expected);
    assert_eq!(store.stats().tombstones, 1);
    store.freeze_view(copy);
    let frozen = store.clone_view(copy);
    assert_eq!(flushed(&store, copy), expected);
    assert_eq!(flushed(&store, frozen), expected);
    assert_eq!(store.flush(frozen, &mut Harvest::default()), Flush::Drained);
    assert_eq!(store.stats().tombstones, 0);
}

/// What concerns a view that is not about everything is kept for it, the rest is not.
fn kept_for(follow: impl Fn(&Subject) -> ViewId, terms: impl Fn(&Subject) -> Terms) -> usize {
    let store = Subject::default();
    let (view, terms) = (follow(&store), terms(&store));
    for key in 1000..101_000 {
        store.update_on(terms, &mut set(key..key + 1)).expect("not frozen");
        store.update_on(terms, &mut remove(key..key + 1)).expect("not frozen");
        if key % 10_000 == 0 {
            store.update(&mut remove(key / 1000..key / 1000 + 1)).expect("not frozen");
        }
    }
    let kept = store.stats().tombstones;
    let expected: Vec<u32> = (1..11).map(|key| 10 * key).collect();
    assert_eq!(flushed(&store, view).expect("it is concerned").1, expected);
    kept
}

#[test]
fn removed_keys_that_are_none_of_its_concern_are_not_kept_for_a_view() {
    let about_few = |store: &Subject| store.open_view(Some(Filter::new(|key| *key < 1000)));
    assert!(kept_for(about_few, |_| Terms::default()) < 5000);
}

#[test]
fn what_a_publisher_removes_is_not_kept_for_a_view_without_it() {
    let store = Subject::default();
    let publisher = store.open_publisher(false);
    let terms = Terms { by: Some(publisher), ..Terms::default() };
    let view = store.follow(Following { without: Some(publisher), ..Following::default() });
    for key in 0..20_000 {
        store.update_on(terms, &mut set(key..key + 1)).expect("not frozen");
        store.update_on(terms, &mut remove(key..key + 1)).expect("not frozen");
        assert!(store.stats().tombstones < 3000);
    }
    assert_eq!(flushed(&store, view), None);
}
