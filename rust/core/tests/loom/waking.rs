//! A thread that saw nothing and goes to sleep hears of what comes meanwhile.

use std::sync::Arc;

use change_buffers_core::store::{Filter, WakeFor};

use crate::{Subject, join, next_change, set, spawn};

#[test]
fn an_update_wakes_a_thread_on_its_way_to_sleep() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiter = spawn(&store, move |store| next_change(store, view));
        store.update(&mut set("a", 1)).expect("not frozen");
        assert_eq!(join([waiter]), [Some(vec![("a", Some(1))])]);
        assert_eq!(store.stats().waiting_threads, 0);
    });
}

#[test]
fn an_update_of_one_view_wakes_a_thread_on_its_way_to_sleep() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_buffer();
        let waiter = spawn(&store, move |store| next_change(store, view));
        store.update_view(view, &mut set("a", 1)).expect("not frozen");
        assert_eq!(join([waiter]), [Some(vec![("a", Some(1))])]);
    });
}

#[test]
fn an_update_wakes_whoever_waits_on_any_view() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let waiters = [store.open_view(None), store.open_view(None)]
            .map(|view| spawn(&store, move |store| next_change(store, view)));
        store.update(&mut set("a", 1)).expect("not frozen");
        for change in join(waiters) {
            assert_eq!(change, Some(vec![("a", Some(1))]));
        }
    });
}

#[test]
fn a_thread_that_waits_for_some_keys_hears_of_them_after_others() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let filter: Filter<&'static str> = Filter::of_prefixes(vec!["mine"]);
        let view = store.open_view(Some(filter));
        let waiter = spawn(&store, move |store| next_change(store, view));
        store.update(&mut set("other", 1)).expect("not frozen");
        store.update(&mut set("mine", 2)).expect("not frozen");
        assert_eq!(join([waiter]), [Some(vec![("mine", Some(2))])]);
    });
}

#[test]
fn two_updates_reach_a_thread_that_waits_for_both() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let updaters = ["a", "b"].map(|key| {
            spawn(&store, move |store| store.update(&mut set(key, 1)).expect("not frozen"))
        });
        let mut keys = Vec::new();
        while keys.len() < 2 {
            let change = next_change(&store, view).expect("not frozen");
            keys.extend(change.into_iter().map(|(key, _)| key));
        }
        join(updaters);
        keys.sort_unstable();
        assert_eq!(keys, ["a", "b"]);
    });
}

/// In a model there is one row, so each thread that is woken is to wake the next.
#[test]
fn three_threads_wake_each_other() {
    let mut orders = loom::model::Builder::new();
    orders.preemption_bound = Some(2);
    orders.check(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiters = [(); 3].map(|()| {
            spawn(&store, move |store| {
                let sleeper = store.wait(view, WakeFor::End).expect("not frozen");
                assert!(sleeper.sleep(None), "there is no deadline");
            })
        });
        while store.stats().waiting_threads < 3 {
            loom::thread::yield_now();
        }
        store.freeze();
        join(waiters);
    });
}
