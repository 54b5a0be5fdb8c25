//! Models of how threads meet at a store, run in every order there is: `make test-loom`.
//!
//! Each is as small as shows its rule, and what it asserts holds in whatever order two or three
//! threads get there. Values are counted by loom: one that leaks, or that is dropped once too
//! often, fails the model it is in. So does a thread that nobody wakes.

#![cfg(loom)]

mod delivery;
mod departure;
mod freezing;
mod giving_up;
mod hubs;
mod publishers;
mod waking;

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex};

use change_buffers_core::batch::Batch;
use change_buffers_core::store::{Flush, Harvest, Store, ViewId, WakeFor};

/// Loom counts the references.
type Value = loom::sync::Arc<u32>;

/// The finished form of a change is a value, too.
type Subject = Store<&'static str, Value, Value, RandomState>;

/// Of each key the value, if it still has one.
type Change = Vec<(&'static str, Option<u32>)>;

/// Why there was no change.
#[derive(Debug, PartialEq, Eq)]
enum Empty {
    Nothing,
    Drained,
}

fn set(key: &'static str, value: u32) -> Batch<&'static str, Value, Value> {
    Batch::new([(key, Value::new(value))], [])
}

fn remove(key: &'static str) -> Batch<&'static str, Value, Value> {
    Batch::new([], [key])
}

fn plain(harvest: Harvest<&'static str, Value, Value>) -> Change {
    let value = |mark: &Value| **mark;
    let marks = harvest.marks.into_iter();
    marks.map(|mark| (mark.key, mark.fate.value().map(value))).collect()
}

fn take(store: &Subject, view: ViewId) -> Result<Change, Empty> {
    let mut harvest = Harvest::default();
    match store.flush(view, &mut harvest) {
        Flush::Change => Ok(plain(harvest)),
        Flush::Nothing => Err(Empty::Nothing),
        Flush::Drained => Err(Empty::Drained),
    }
}

/// Waits for a change as long as it takes; there is none when the view is frozen and drained.
fn next_change(store: &Subject, view: ViewId) -> Option<Change> {
    loop {
        match take(store, view) {
            Ok(change) => return Some(change),
            Err(Empty::Drained) => return None,
            Err(Empty::Nothing) => {}
        }
        if let Some(sleeper) = store.wait(view, WakeFor::Change) {
            assert!(sleeper.sleep(None), "there is no deadline");
        }
    }
}

/// A thread of a model.
fn spawn<T: 'static>(
    store: &Arc<Subject>,
    run: impl FnOnce(&Subject) -> T + 'static,
) -> loom::thread::JoinHandle<T> {
    let store = Arc::clone(store);
    loom::thread::spawn(move || run(&store))
}

/// What threads gave. Nothing of the model runs any more then.
fn join<T, const N: usize>(threads: [loom::thread::JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().expect("no thread panics"))
}

/// Runs a model in every order and says all the ways in which it came to an end: one that never
/// gets to where it matters shows nothing.
fn endings(model: impl Fn() -> &'static str + Send + Sync + 'static) -> Vec<&'static str> {
    endings_with(&loom::model::Builder::new(), model)
}

/// For a model that would take hours: in every order in which no more than so many times a thread
/// that could go on has to stand back for another. Few faults need more than two.
fn endings_within(
    preemptions: usize,
    model: impl Fn() -> &'static str + Send + Sync + 'static,
) -> Vec<&'static str> {
    let mut orders = loom::model::Builder::new();
    orders.preemption_bound = Some(preemptions);
    endings_with(&orders, model)
}

fn endings_with(
    orders: &loom::model::Builder,
    model: impl Fn() -> &'static str + Send + Sync + 'static,
) -> Vec<&'static str> {
    let endings = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&endings);
    orders.check(move || {
        let ending = model();
        seen.lock().expect("no model panics here").insert(ending);
    });
    let endings = endings.lock().expect("no model panicked here");
    endings.iter().copied().collect()
}
