//! Models of how threads sleep in the child of a fork, where they park: see `loom`.

#![cfg(loom)]

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use change_buffers_core::batch::Batch;
use change_buffers_core::sleep::forked;
use change_buffers_core::store::{Flush, Harvest, Store, WakeFor};

type Subject = Store<&'static str, loom::sync::Arc<u32>, (), RandomState>;

/// One thread waits for the update that another one makes. Gives the sleepers' answers.
fn update_against_a_wait(until: Option<Instant>) -> BTreeSet<Option<bool>> {
    forked();
    let answers = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&answers);
    loom::model(move || {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let waiter = {
            let store = Arc::clone(&store);
            loom::thread::spawn(move || {
                let sleeper = store.wait(view, WakeFor::Change)?;
                let is_woken = sleeper.sleep(until);
                store.forget(&sleeper);
                assert!(!is_woken || store.flush(view, &mut Harvest::default()) == Flush::Change);
                Some(is_woken)
            })
        };
        let mut batch = Batch::new([("a", loom::sync::Arc::new(1))], []);
        store.update(&mut batch).expect("not frozen");
        let answer = waiter.join().expect("it does not panic");
        let is_left = store.flush(view, &mut Harvest::default()) == Flush::Change;
        assert_eq!(is_left, answer != Some(true), "it is delivered once");
        seen.lock().expect("no model panics here").insert(answer);
    });
    answers.lock().expect("no model panicked here").clone()
}

#[test]
fn an_update_wakes_a_thread_on_its_way_to_park() {
    assert_eq!(update_against_a_wait(None), BTreeSet::from([None, Some(true)]));
}

#[test]
fn a_deadline_that_passes_loses_nothing() {
    let answers = update_against_a_wait(Some(Instant::now()));
    assert_eq!(answers, BTreeSet::from([None, Some(false), Some(true)]));
}
