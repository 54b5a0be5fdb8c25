//! A view may go in the middle of anything. It keeps nothing alive then.

use std::sync::Arc;

use change_buffers_core::batch::Batch;
use change_buffers_core::store::ViewId;

use crate::{Subject, Value, endings, endings_within, join, next_change, remove, set, spawn, take};

/// A view that holds a value of its own, and that value.
fn view_with_a_value(store: &Subject) -> (ViewId, Value) {
    let (view, value) = (store.open_view(None), Value::new(0));
    let mut batch = Batch::new([("its own", value.clone())], []);
    store.update_view(view, &mut batch).expect("not frozen");
    (view, value)
}

/// Leaves. Says whether nobody but the model has the value any more.
fn leave(store: &Subject, view: ViewId, value: &Value) -> bool {
    store.leave(view);
    Value::strong_count(value) == 1
}

#[test]
fn a_view_that_leaves_amid_an_update_is_freed_by_the_next_operation_at_the_latest() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let (view, value) = view_with_a_value(&store);
        let leaver = spawn(&store, move |store| (leave(store, view, &value), value));
        store.update(&mut remove("owed to the view")).expect("not frozen");
        let [(at_once, value)] = join([leaver]);
        let stats = store.stats();
        assert_eq!((stats.views, stats.tombstones), (0, 0));
        assert_eq!(Value::strong_count(&value), 1);
        if at_once { "at once" } else { "by the next operation" }
    });
    assert_eq!(endings, ["at once", "by the next operation"]);
}

#[test]
fn what_was_kept_for_a_view_that_leaves_amid_a_flush_is_freed() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let [view, other] = [(); 2].map(|()| store.open_view(None));
        let value = Value::new(0);
        let mut batch = Batch::new([("owed", value.clone())], ["owed"]);
        store.update(&mut batch).expect("not frozen");
        let leaver = spawn(&store, move |store| store.leave(view));
        assert_eq!(take(&store, other), Ok(vec![("owed", Some(0))]));
        join([leaver]);
        let stats = store.stats();
        assert_eq!((stats.views, stats.tombstones), (1, 0));
        assert_eq!(Value::strong_count(&value), 1);
    });
}

#[test]
fn two_views_that_leave_at_once_are_both_freed() {
    let endings = endings_within(4, || {
        let store = Arc::new(Subject::default());
        let views = [(); 2].map(|()| view_with_a_value(&store));
        let leavers = views
            .map(|(view, value)| spawn(&store, move |store| (leave(store, view, &value), value)));
        // The first may bury what the second meets.
        store.update(&mut set("a", 1)).expect("not frozen");
        store.update(&mut set("a", 2)).expect("not frozen");
        let left = join(leavers);
        assert_eq!(store.stats().views, 0);
        assert_eq!(left.each_ref().map(|(_, value)| Value::strong_count(value)), [1, 1]);
        match left.map(|(at_once, _)| at_once) {
            [true, true] => "both at once",
            [false, false] => "both by another operation",
            _ => "one of each",
        }
    });
    assert_eq!(endings, ["both at once", "both by another operation", "one of each"]);
}

#[test]
fn a_view_that_comes_gets_nothing_of_one_that_goes() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let (view, value) = view_with_a_value(&store);
        let leaver = spawn(&store, move |store| drop((leave(store, view, &value), value)));
        let next = store.open_view(None);
        store.update(&mut set("a", 1)).expect("not frozen");
        join([leaver]);
        assert_eq!(store.stats().views, 1);
        assert_eq!(take(&store, next), Ok(vec![("a", Some(1))]));
    });
}

#[test]
fn a_view_that_leaves_does_not_hold_up_a_thread_that_waits_on_another() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let [view, other] = [(); 2].map(|()| store.open_view(None));
        let waiter = spawn(&store, move |store| next_change(store, other));
        let leaver = spawn(&store, move |store| {
            store.leave(view);
            None
        });
        store.update(&mut set("a", 1)).expect("not frozen");
        assert_eq!(join([waiter, leaver]), [Some(vec![("a", Some(1))]), None]);
        assert_eq!(store.stats().views, 1);
    });
}
