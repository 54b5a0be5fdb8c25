//! A thread may give up at any time and loses nothing by it.

use std::sync::Arc;
use std::time::Instant;

use change_buffers_core::store::{ViewId, WakeFor};

use crate::{Subject, endings, join, next_change, set, spawn, take};

/// Waits until a deadline that passes at any time. Says whether it was woken before.
fn wait_a_while(store: &Subject, view: ViewId) -> bool {
    let Some(sleeper) = store.wait(view, WakeFor::Change) else { return true };
    let is_woken = sleeper.sleep(Some(Instant::now()));
    if !is_woken {
        store.forget(&sleeper);
    }
    is_woken
}

#[test]
fn a_change_at_the_deadline_is_taken_or_stays_pending() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiter = spawn(&store, move |store| {
            let is_woken = wait_a_while(store, view);
            (is_woken, take(store, view).is_ok())
        });
        store.update(&mut set("a", 1)).expect("not frozen");
        let [(is_woken, is_taken)] = join([waiter]);
        assert_eq!(store.stats().waiting_threads, 0);
        assert_eq!(take(&store, view).is_ok(), !is_taken, "it is delivered once");
        match (is_woken, is_taken) {
            (true, true) => "woken",
            (false, true) => "in the last moment",
            (false, false) => "too late",
            (true, false) => panic!("woken for nothing"),
        }
    });
    assert_eq!(endings, ["in the last moment", "too late", "woken"]);
}

#[test]
fn a_thread_that_gives_up_leaves_the_wake_up_to_the_other() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let patient = spawn(&store, move |store| next_change(store, view).is_some());
        let impatient = spawn(&store, move |store| wait_a_while(store, view));
        store.update(&mut set("a", 1)).expect("not frozen");
        let [is_taken, _] = join([patient, impatient]);
        assert!(is_taken, "nobody else takes it");
        assert_eq!(store.stats().waiting_threads, 0);
    });
}

#[test]
fn a_thread_that_gives_up_does_not_take_with_it_whom_it_was_to_wake() {
    for impatient_first in [true, false] {
        let endings = endings(move || {
            let store = Arc::new(Subject::default());
            let [mine, other] = [(); 2].map(|()| store.open_view(None));
            let order = if impatient_first { [mine, other] } else { [other, mine] };
            let [first, second] =
                order.map(|view| store.wait(view, WakeFor::Change).expect("nothing is pending"));
            let (own, others) = if impatient_first { (first, second) } else { (second, first) };
            let patient = spawn(&store, move |_| others.sleep(None));
            let impatient = spawn(&store, move |_| own.sleep(Some(Instant::now())));
            store.update(&mut set("a", 1)).expect("not frozen");
            let [is_woken, was_in_time] = join([patient, impatient]);
            assert!(is_woken);
            if was_in_time { "woken" } else { "gave up" }
        });
        assert_eq!(endings, ["gave up", "woken"]);
    }
}

#[test]
fn a_thread_that_gives_up_when_its_view_is_frozen_finds_it_drained() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiter = spawn(&store, move |store| wait_a_while(store, view));
        store.freeze_view(view);
        let [is_woken] = join([waiter]);
        assert!(store.wait(view, WakeFor::Change).is_none(), "frozen");
        assert_eq!(store.stats().waiting_threads, 0);
        if is_woken { "woken" } else { "gave up" }
    });
    assert_eq!(endings, ["gave up", "woken"]);
}
