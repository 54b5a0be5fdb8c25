//! A publisher may go in the middle of anything, and whoever waits hears that its keys are gone.

use std::sync::Arc;

use change_buffers_core::store::{Following, PublisherId, Terms};

use crate::{Subject, endings_within, join, next_change, set, spawn, take};

/// A store with a publisher that has set a key.
fn store_with_a_publisher() -> (Arc<Subject>, PublisherId) {
    let store = Arc::new(Subject::default());
    let publisher = store.open_publisher(false);
    let terms = Terms { by: Some(publisher), unchanged_since: None };
    store.update_on(terms, &mut set("its own", 1)).expect("not refused");
    (store, publisher)
}

#[test]
fn a_thread_that_waits_hears_of_a_publisher_that_goes_amid_an_operation() {
    let endings = endings_within(2, || {
        let (store, publisher) = store_with_a_publisher();
        let view = store.open_view(None);
        take(&store, view).expect("there is the content");
        let leaver = spawn(&store, move |store| {
            store.leave_publisher(publisher);
        });
        // Nobody but those who sleep comes by later.
        let other = spawn(&store, |store| drop(store.get(&"another")));
        let change = next_change(&store, view);
        join([leaver, other]);
        assert_eq!(change, Some(vec![("its own", None)]));
        assert_eq!(store.stats().publishers, 0);
        "heard"
    });
    assert_eq!(endings, ["heard"]);
}

#[test]
fn a_publisher_that_has_gone_is_seen_by_nobody_who_knows() {
    let endings = endings_within(3, || {
        let (store, publisher) = store_with_a_publisher();
        let leaver = spawn(&store, move |store| {
            let is_free_now = !store.leave_publisher(publisher).is_empty();
            assert!(store.get(&"its own").is_none());
            is_free_now
        });
        store.get(&"another");
        let [is_free_now] = join([leaver]);
        assert!(store.get(&"its own").is_none());
        if is_free_now { "at once" } else { "by the other operation, or the next" }
    });
    assert_eq!(endings, ["at once", "by the other operation, or the next"]);
}

#[test]
fn a_publisher_that_goes_amid_a_freeze_takes_its_keys_before_or_leaves_them() {
    let endings = endings_within(3, || {
        let (store, publisher) = store_with_a_publisher();
        let leaver = spawn(&store, move |store| store.leave_publisher(publisher).len());
        store.freeze();
        join([leaver]);
        let version = store.version();
        match store.get(&"its own") {
            Some(_) if version == 1 => "left",
            None if version == 2 => "taken",
            _ => "something else",
        }
    });
    assert_eq!(endings, ["left", "taken"]);
}

#[test]
fn an_update_on_a_condition_is_refused_or_comes_first() {
    let endings = endings_within(3, || {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let rivals = [1, 2].map(|value| {
            spawn(&store, move |store| {
                let terms = Terms { by: None, unchanged_since: Some(0) };
                store.update_on(terms, &mut set("a", value)).is_ok()
            })
        });
        let came_first = join(rivals);
        assert_ne!(came_first[0], came_first[1]);
        let value = if came_first[0] { 1 } else { 2 };
        assert_eq!(take(&store, view), Ok(vec![("a", Some(value))]));
        if came_first[0] { "the first" } else { "the second" }
    });
    assert_eq!(endings, ["the first", "the second"]);
}

#[test]
fn a_thread_that_waits_without_a_publisher_is_woken_by_others_alone() {
    let endings = endings_within(2, || {
        let (store, publisher) = store_with_a_publisher();
        let view = store.follow(Following { without: Some(publisher), ..Following::default() });
        let writer = spawn(&store, move |store| {
            let terms = Terms { by: Some(publisher), unchanged_since: None };
            store.update_on(terms, &mut set("its own", 2)).expect("not refused");
            store.update(&mut set("another's", 3)).expect("not refused");
        });
        assert_eq!(next_change(&store, view), Some(vec![("another's", Some(3))]));
        join([writer]);
        "woken"
    });
    assert_eq!(endings, ["woken"]);
}
