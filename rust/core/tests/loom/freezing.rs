//! Whoever waits on a view that is frozen is woken, however many there are.

use std::sync::Arc;

use change_buffers_core::store::{ViewId, WakeFor};

use crate::{Empty, Subject, endings_within, join, next_change, set, spawn, take};

#[test]
fn freezing_a_view_wakes_all_who_wait_on_it() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiters = [(); 2].map(|()| spawn(&store, move |store| next_change(store, view)));
        store.freeze_view(view);
        assert_eq!(join(waiters), [None, None]);
    });
}

#[test]
fn freezing_the_store_wakes_all_who_wait_on_a_view() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiters = [(); 2].map(|()| spawn(&store, move |store| next_change(store, view)));
        store.freeze();
        assert!(store.is_frozen());
        assert_eq!(join(waiters), [None, None]);
    });
}

#[test]
fn one_of_two_who_wait_gets_the_last_change_and_the_other_hears_of_the_end() {
    let endings = endings_within(4, || {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiters = [(); 2].map(|()| spawn(&store, move |store| next_change(store, view)));
        store.update(&mut set("a", 1)).expect("not frozen");
        store.freeze();
        match join(waiters).map(|change| change.is_some()) {
            [true, false] => "the one",
            [false, true] => "the other",
            got => panic!("lost or twice: {got:?}"),
        }
    });
    assert_eq!(endings, ["the one", "the other"]);
}

/// Waits like a subscriber whose next change is not due yet: until nothing is left to wait for.
fn end(store: &Subject, view: ViewId) -> Empty {
    while let Some(sleeper) = store.wait(view, WakeFor::End) {
        assert!(sleeper.sleep(None), "there is no deadline");
    }
    take(store, view).expect_err("nothing is left")
}

#[test]
fn freezing_an_empty_view_ends_the_wait_of_a_paced_subscriber() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let paced = spawn(&store, move |store| end(store, view));
        store.freeze_view(view);
        assert_eq!(join([paced]), [Empty::Drained]);
    });
}

#[test]
fn freezing_the_store_ends_the_wait_of_a_paced_subscriber() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let paced = spawn(&store, move |store| end(store, view));
        store.freeze();
        assert_eq!(join([paced]), [Empty::Drained]);
    });
}

#[test]
fn a_paced_subscriber_need_not_wait_for_what_another_thread_takes() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        store.update(&mut set("a", 1)).expect("not frozen");
        let paced = spawn(&store, move |store| end(store, view));
        let freezer = spawn(&store, move |store| {
            store.freeze_view(view);
            Empty::Drained
        });
        assert_eq!(take(&store, view), Ok(vec![("a", Some(1))]));
        assert_eq!(join([paced, freezer]), [Empty::Drained, Empty::Drained]);
    });
}
