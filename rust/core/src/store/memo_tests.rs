//! The finished form of a change that is kept for others: when it is of use, and for how long.

use std::collections::hash_map::RandomState;

use super::*;

type Subject = Store<&'static str, i32, Arc<str>, RandomState>;

fn set(key: &'static str) -> Batch<&'static str, i32, Arc<str>> {
    Batch::new([(key, 1)], [])
}

/// Two views that are owed the same, one of which has flushed, and the ticket that it got.
fn store_with_a_ticket() -> (Subject, [ViewId; 2], MemoTicket) {
    let store = Subject::default();
    let views = [store.open_view(None), store.open_view(None)];
    store.update(&mut set("a")).expect("not frozen");
    let ticket = flushed(&store, views[0]).memo.expect("the other has the same to expect");
    (store, views, ticket)
}

fn flushed(store: &Subject, view: ViewId) -> Harvest<&'static str, i32, Arc<str>> {
    let mut harvest = Harvest::default();
    assert_eq!(store.flush(view, &mut harvest), Flush::Change);
    harvest
}

#[test]
fn a_finished_form_is_for_those_who_have_the_same_to_expect() {
    let (store, [_, other], ticket) = store_with_a_ticket();
    store.memoize(ticket, "a".into(), false);
    assert_eq!(flushed(&store, other).whole, Some(Whole::Owned("a".into())));
}

#[test]
fn a_finished_form_that_comes_after_the_next_update_is_of_no_use() {
    let (store, [_, other], ticket) = store_with_a_ticket();
    store.update(&mut set("b")).expect("not frozen");
    let late: Arc<str> = "a".into();
    store.memoize(ticket, Arc::clone(&late), false);
    assert_eq!(Arc::strong_count(&late), 1);
    let Harvest { marks, whole, .. } = flushed(&store, other);
    assert_eq!((marks.len(), whole), (2, None));
}

#[test]
fn a_finished_form_goes_with_the_last_view() {
    let (store, views, ticket) = store_with_a_ticket();
    let whole: Arc<str> = "a".into();
    store.memoize(ticket, Arc::clone(&whole), false);
    store.leave(views[0]);
    assert_eq!(Arc::strong_count(&whole), 2);
    store.leave(views[1]);
    assert_eq!(Arc::strong_count(&whole), 1);
}

#[test]
fn a_value_that_is_no_part_of_the_content_is_kept_in_no_finished_form() {
    let store = Subject::default();
    let views = [store.open_view(None), store.open_view(None)];
    store.update(&mut Batch::new([("a", 1)], ["a"])).expect("not frozen");
    assert!(flushed(&store, views[0]).memo.is_none());
}

#[test]
fn what_is_prepared_for_one_view_is_given_to_all_prepared() {
    let store: Store<&str, i32, &str, RandomState> = Store::default();
    let views = [(); 3].map(|()| store.open_view(None));
    store.update(&mut Batch::new([("a", 1), ("b", 2)], [])).expect("not frozen");
    let mut harvest = Harvest::default();
    store.flush(views[0], &mut harvest);
    store.memoize(harvest.memo.expect("others have the same to expect"), "not prepared", false);

    assert_eq!(store.unprepared(views[1]), 2);
    store.prepare(views[1], |value| *value += 10);
    for view in &views[1..] {
        assert_eq!(store.unprepared(*view), 0);
        let mut harvest = Harvest::default();
        store.flush(*view, &mut harvest);
        assert_eq!(harvest.whole, None, "it was made of values that were not prepared");
        let values: Vec<_> = harvest.marks.iter().filter_map(|mark| mark.fate.value()).collect();
        assert_eq!(values, [&11, &12]);
    }
    assert_eq!(store.unprepared(store.open_buffer()), 0);
}

/// Views of two sets of keys, two of each.
fn choosy_views(store: &Subject) -> [ViewId; 4] {
    ["a", "b", "a", "b"].map(|prefix| store.open_view(Some(Filter::of_prefixes(vec![prefix]))))
}

#[test]
fn views_of_the_same_prefixes_share_a_finished_form_and_others_do_not() {
    let store = Subject::default();
    let [first, other, second, another] = choosy_views(&store);
    store.update(&mut Batch::new([("a", 1), ("b", 1)], [])).expect("not frozen");
    let ticket = flushed(&store, first).memo.expect("the second has the same to expect");
    store.memoize(ticket, "a".into(), false);
    let ticket = flushed(&store, other).memo.expect("so has this one");
    store.memoize(ticket, "b".into(), false);
    assert_eq!(flushed(&store, second).whole, Some(Whole::Shared("a".into())));
    assert_eq!(flushed(&store, another).whole, Some(Whole::Shared("b".into())));
    store.update(&mut set("a")).expect("not frozen");
    assert_eq!(flushed(&store, second).whole, None);
}

#[test]
fn a_finished_form_goes_with_the_last_view_of_these_prefixes_and_is_for_no_later_one() {
    let store = Subject::default();
    store.update(&mut Batch::new([("a", 1), ("c", 1)], [])).expect("not frozen");
    let [first, _, second, _] = choosy_views(&store);
    let ticket = flushed(&store, first).memo.expect("the second has the same to expect");
    let whole: Arc<str> = "a".into();
    store.memoize(ticket, Arc::clone(&whole), false);
    store.leave(first);
    assert_eq!(Arc::strong_count(&whole), 2);
    store.leave(second);
    assert_eq!(Arc::strong_count(&whole), 1);
    // Others may take the place of the topic.
    let others = [(); 2].map(|()| store.open_view(Some(Filter::of_prefixes(vec!["c"]))));
    store.memoize(ticket, Arc::clone(&whole), false);
    assert_eq!(Arc::strong_count(&whole), 1);
    assert_eq!(flushed(&store, others[0]).whole, None);
}

/// An update of these keys, which is done as soon as it is applied if that is of use.
fn update(store: &Subject, keys: [&'static str; 2], whole: &str) {
    let mut batch = Batch::new(keys.map(|key| (key, 1)), []);
    if store.wants_whole() {
        batch.finish(whole.into(), false);
    }
    store.update(&mut batch).expect("not frozen");
}

/// A store with two views, of which the first has seen an update.
fn store_with_views() -> (Subject, [ViewId; 2]) {
    let store = Subject::default();
    let views = [store.open_view(None), store.open_view(None)];
    update(&store, ["a", "b"], "first");
    flushed(&store, views[0]);
    (store, views)
}

#[test]
fn an_update_that_names_all_there_is_to_see_is_for_those_who_missed_some() {
    let (store, [view, other]) = store_with_views();
    update(&store, ["a", "b"], "second");
    assert_eq!(flushed(&store, other).whole, Some(Whole::Shared("second".into())));
    update(&store, ["a", "b"], "third");
    // One has not seen two updates, the other one.
    assert_eq!(flushed(&store, view).whole, Some(Whole::Shared("third".into())));
    assert_eq!(flushed(&store, other).whole, Some(Whole::Shared("third".into())));
}

#[test]
fn an_update_is_not_all_there_is_to_see_for_those_who_missed_other_keys() {
    for (keys, removals) in [(vec![("c", 1)], vec![]), (vec![], vec!["b"])] {
        let (store, [view, other]) = store_with_views();
        store.update(&mut Batch::new(keys, removals)).expect("not frozen");
        flushed(&store, other);
        update(&store, ["a", "d"], "second");
        let Harvest { marks, whole, .. } = flushed(&store, view);
        assert_eq!((marks.len(), whole), (3, None));
        assert_eq!(flushed(&store, other).whole, Some(Whole::Owned("second".into())));
    }
}

#[test]
fn a_view_that_is_far_behind_is_worth_no_finished_form() {
    let (store, [view, _]) = store_with_views();
    let is_wanted: Vec<bool> = (0..4)
        .map(|_| {
            let is_wanted = store.wants_whole();
            update(&store, ["a", "b"], "next");
            is_wanted
        })
        .collect();
    assert_eq!(is_wanted, [true, true, false, false]);
    assert_eq!(flushed(&store, view).whole, None);
}

#[test]
fn nor_is_one_if_each_update_names_other_keys() {
    let (store, [view, _]) = store_with_views();
    for _ in 0..3 {
        update(&store, ["c", "d"], "one");
        assert!(!store.wants_whole());
        update(&store, ["a", "b"], "another");
        flushed(&store, view);
    }
}
