//! Finished forms that outlast small updates: who is given them, and when they go.

use std::collections::hash_map::RandomState;
use std::ops::Range;

use super::*;
use crate::batch::Mark;

/// Its finished forms are the names of their keys, with a reference to be counted.
type Subject = Store<u32, u32, Arc<Vec<u32>>, RandomState>;

/// So many keys that four may change, or be left out, and eight updates are followed.
const ALL: Range<u32> = 0..32;

fn set(store: &Subject, keys: Range<u32>) {
    store.update(&mut Batch::new(keys.map(|key| (key, key)), [])).expect("not frozen");
}

/// Brings what an update has left level, and says which keys that took.
fn level(store: &Subject) -> Option<Vec<u32>> {
    let mut stale = store.take_stale()?;
    let keys: Vec<u32> = stale.marks.iter().map(|mark| mark.key).collect();
    let whole = Arc::make_mut(&mut stale.whole);
    whole.extend(keys.iter().filter(|key| !whole.contains(key)).collect::<Vec<_>>());
    store.bring_back(stale);
    Some(keys)
}

fn flushed(store: &Subject, view: ViewId) -> Harvest<u32, u32, Arc<Vec<u32>>> {
    let mut harvest = Harvest::default();
    assert_eq!(store.flush(view, &mut harvest), Flush::Change);
    harvest
}

/// What it is for: all keys of a finished form but those that are to be left out.
fn keys(harvest: &Harvest<u32, u32, Arc<Vec<u32>>>) -> Option<Vec<u32>> {
    let (Whole::Owned(whole) | Whole::Shared(whole)) = harvest.whole.as_ref()?;
    let mut keys: Vec<u32> = whole.iter().copied().collect();
    keys.retain(|key| !harvest.seen.contains(key));
    keys.sort_unstable();
    Some(keys)
}

/// A store with three views, of which the first has seen an update of all keys, and the finished form
/// that it has left to the others.
fn store_with_a_finished_form() -> (Subject, [ViewId; 3], Arc<Vec<u32>>) {
    let store = Subject::default();
    let views = [(); 3].map(|()| store.open_view(None));
    set(&store, ALL);
    let Harvest { marks, memo, .. } = flushed(&store, views[0]);
    let whole = Arc::new(marks.iter().map(|Mark { key, .. }| *key).collect::<Vec<_>>());
    store.memoize(memo.expect("others have the same to expect"), Arc::clone(&whole), true);
    (store, views, whole)
}

#[test]
fn a_small_update_is_put_into_it() {
    let (store, [_, second, third], _) = store_with_a_finished_form();
    set(&store, 5..6);
    assert_eq!(level(&store), Some(vec![5]));
    assert_eq!(keys(&flushed(&store, second)), Some(ALL.collect()));
    set(&store, 100..103);
    assert_eq!(level(&store), Some(vec![100, 101, 102]));
    assert_eq!(keys(&flushed(&store, third)), Some(ALL.chain(100..103).collect()));
    assert_eq!(level(&store), None, "it is level");
}

#[test]
fn what_a_view_has_seen_is_left_out() {
    let (store, [first, ..], _) = store_with_a_finished_form();
    for start in ALL.step_by(4).skip(1) {
        set(&store, start..start + 4);
        assert!(level(&store).is_some());
    }
    set(&store, 1..3);
    assert!(level(&store).is_some());
    let harvest = flushed(&store, first);
    assert_eq!(harvest.seen, [0, 3]);
    assert_eq!(keys(&harvest), Some((1..3).chain(4..32).collect()));
}

#[test]
fn it_is_not_for_those_who_have_seen_much_of_it_or_missed_more() {
    let (store, [first, second, third], _) = store_with_a_finished_form();
    set(&store, 0..4);
    assert!(level(&store).is_some());
    let Harvest { marks, whole, .. } = flushed(&store, first);
    assert_eq!((marks.len(), whole), (4, None));
    // From here on there is one about what the first has missed.
    assert_eq!(keys(&flushed(&store, second)), Some(ALL.collect()));
    set(&store, 50..100);
    let Harvest { marks, memo, .. } = flushed(&store, second);
    let whole = marks.iter().map(|mark| mark.key).collect::<Vec<_>>().into();
    store.memoize(memo.expect("the first has missed just that"), whole, true);
    set(&store, 0..1);
    assert_eq!(level(&store), Some(vec![0]));
    let Harvest { marks, whole, .. } = flushed(&store, third);
    assert_eq!((marks.len(), whole), (82, None));
    assert_eq!(keys(&flushed(&store, first)), Some((0..1).chain(50..100).collect()));
}

#[test]
fn it_goes_with_a_removal_with_a_large_update_and_when_all_have_seen_everything() {
    let (store, _, whole) = store_with_a_finished_form();
    store.update(&mut Batch::new([], [3])).expect("not frozen");
    assert_eq!((Arc::strong_count(&whole), level(&store)), (1, None));

    let (store, _, whole) = store_with_a_finished_form();
    set(&store, 0..5);
    assert_eq!((Arc::strong_count(&whole), level(&store)), (1, None));

    let (store, views, whole) = store_with_a_finished_form();
    flushed(&store, views[1]);
    store.leave(views[2]);
    set(&store, 0..1);
    assert_eq!((Arc::strong_count(&whole), level(&store)), (1, None));

    let (store, views, whole) = store_with_a_finished_form();
    for view in views {
        store.leave(view);
    }
    assert_eq!(Arc::strong_count(&whole), 1);
}

#[test]
fn one_that_is_not_brought_level_is_nobodys() {
    let (store, [_, second, _], whole) = store_with_a_finished_form();
    set(&store, 0..1);
    assert_eq!(flushed(&store, second).whole, None);
    set(&store, 0..1);
    assert_eq!((Arc::strong_count(&whole), level(&store)), (1, None));
}

#[test]
fn one_that_comes_back_late_is_nobodys() {
    let (store, [_, second, _], whole) = store_with_a_finished_form();
    set(&store, 0..1);
    let stale = store.take_stale().expect("it is to be brought level");
    set(&store, 1..2);
    store.bring_back(stale);
    assert_eq!((Arc::strong_count(&whole), flushed(&store, second).whole), (1, None));

    let (store, views, whole) = store_with_a_finished_form();
    set(&store, 0..1);
    let stale = store.take_stale().expect("it is to be brought level");
    for view in views {
        store.leave(view);
    }
    store.bring_back(stale);
    assert_eq!(Arc::strong_count(&whole), 1);
}

#[test]
fn it_lasts_as_long_as_it_is_of_use() {
    let (store, [first, second, _], _) = store_with_a_finished_form();
    for view in [second, first, second] {
        for key in ALL.step_by(4) {
            set(&store, key..key + 4);
            assert!(level(&store).is_some());
        }
        assert_eq!(keys(&flushed(&store, view)), Some(ALL.collect()));
    }
    for _ in 0..8 {
        set(&store, 0..1);
        assert!(level(&store).is_some());
    }
    set(&store, 0..1);
    assert_eq!(level(&store), None, "nobody has asked for it");
}

#[test]
fn one_that_is_not_to_last_goes_with_the_next_update() {
    let (store, [_, second, _], _) = store_with_a_finished_form();
    set(&store, ALL);
    let ticket = flushed(&store, second).memo.expect("the third has the same to expect");
    let whole = Arc::new(Vec::new());
    store.memoize(ticket, Arc::clone(&whole), false);
    set(&store, 0..1);
    assert_eq!((Arc::strong_count(&whole), level(&store)), (1, None));
}

#[test]
fn that_of_an_update_may_last_too() {
    let store = Subject::default();
    let [first, second, _] = [(); 3].map(|()| store.open_view(None));
    let mut batch = Batch::new(ALL.map(|key| (key, key)), []);
    batch.finish(Arc::new(ALL.collect()), true);
    store.update(&mut batch).expect("not frozen");
    for view in [first, second] {
        set(&store, 0..1);
        assert_eq!(level(&store), Some(vec![0]));
        assert_eq!(keys(&flushed(&store, view)), Some(ALL.collect()));
    }
}

#[test]
fn one_that_was_lent_is_nobodys_own() {
    let (store, [_, second, third], whole) = store_with_a_finished_form();
    assert_eq!(flushed(&store, second).whole, Some(Whole::Shared(Arc::clone(&whole))));
    assert_eq!(flushed(&store, third).whole, Some(Whole::Shared(whole)));
    let (store, [_, second, third], whole) = store_with_a_finished_form();
    store.leave(second);
    assert_eq!(flushed(&store, third).whole, Some(Whole::Owned(whole)));
}

/// An update of one key, then the ticket that a view gets which is where nobody else is.
fn ticket_apart(store: &Subject, view: ViewId) -> Option<MemoTicket> {
    set(store, 0..1);
    let harvest = flushed(store, view);
    assert_eq!(harvest.whole, None);
    harvest.memo
}

#[test]
fn one_is_tried_for_those_who_are_elsewhere_if_it_is_worth_it() {
    for (number, later_ones, is_tried) in [(8, 1, true), (7, 1, false), (8, 0, false)] {
        let store = Subject::default();
        let view = store.open_view(None);
        set(&store, 50..51);
        flushed(&store, view);
        set(&store, 0..number);
        let others: Vec<_> = (0..later_ones).map(|_| store.open_view(None)).collect();
        for other in others {
            // It has seen a part of what the view has not.
            flushed(&store, other);
        }
        assert_eq!(ticket_apart(&store, view).is_some(), is_tried, "{number}, {later_ones}");
    }
}

#[test]
fn after_one_that_was_of_no_use_it_takes_some_flushes_to_try_another() {
    let (store, [first, second, _], _) = store_with_a_finished_form();
    flushed(&store, second);
    let mut tries = Vec::new();
    for round in 0..20 {
        set(&store, ALL);
        let view = [first, second][round % 2];
        let ticket = ticket_apart(&store, view);
        tries.push(ticket.is_some());
        if let Some(ticket) = ticket {
            store.memoize(ticket, Arc::default(), true);
        }
    }
    let rounds: Vec<_> = (0..20).filter(|&round| tries[round]).collect();
    assert_eq!(rounds, [0, 17]);
}

#[test]
fn those_of_some_keys_do_not_last() {
    let (store, ..) = store_with_a_finished_form();
    let views = [(); 2].map(|()| store.open_view(Some(Filter::of_prefixes(vec![0]))));
    let ticket = flushed(&store, views[0]).memo.expect("the other has the same to expect");
    let whole = Arc::new(Vec::new());
    store.memoize(ticket, Arc::clone(&whole), true);
    set(&store, 20..21);
    assert_eq!(Arc::strong_count(&whole), 1);
    assert!(level(&store).is_some(), "that of all keys does");
}

#[test]
fn one_that_is_of_use_just_now_is_not_replaced() {
    for is_lent in [false, true] {
        let store = Subject::default();
        let [first, second, third] = [(); 3].map(|()| store.open_view(None));
        let others = [(); 3].map(|()| store.open_view(None));
        set(&store, ALL);
        let ticket = flushed(&store, first).memo.expect("others have the same to expect");
        store.memoize(ticket, Arc::new(ALL.collect()), true);
        for other in others {
            assert_eq!(keys(&flushed(&store, other)), Some(ALL.collect()));
        }
        set(&store, 0..4);
        assert!(level(&store).is_some());
        if is_lent {
            assert_eq!(keys(&flushed(&store, second)), Some(ALL.collect()));
        }
        // Each has yet to see four keys, and offers what it has made of them.
        for other in others {
            let Harvest { whole, memo, .. } = flushed(&store, other);
            if whole.is_none() {
                store.memoize(memo.expect("there are others"), Arc::new((0..4).collect()), true);
            }
        }
        assert_eq!(keys(&flushed(&store, third)).is_some(), is_lent);
    }
}
