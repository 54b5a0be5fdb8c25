//! Letting go of objects, however long the chain is in which each holds the next.
//!
//! A value may be a multi-view whose value is a multi-view, and so on: dropping the first would
//! drop all of them from within each other, and run out of stack.

use std::cell::{Cell, RefCell};

use pyo3::prelude::*;

/// So many may be dropped from within each other; what lies deeper waits until they are done.
const DEEPEST: usize = 20;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static LATER: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
}

/// Drops objects. Call it with no lock held: destructors may run anything.
pub(crate) fn release(objects: impl Iterator<Item = Py<PyAny>>) {
    let depth = DEPTH.get();
    if depth < DEEPEST {
        DEPTH.set(depth + 1);
        objects.for_each(drop);
        // There is no later for a thread that ends.
        while let Ok(Some(object)) = LATER.try_with(|later| next(depth, later)) {
            drop(object);
        }
        DEPTH.set(depth);
        return;
    }
    // Dropped here after all if the thread ends: not within the closure, where `LATER` is borrowed.
    let objects: Vec<_> = objects.collect();
    let mut objects = Some(objects);
    let _ = LATER.try_with(|later| later.borrow_mut().extend(objects.take().unwrap_or_default()));
}

/// What waits for the outermost to be done.
fn next(depth: usize, later: &RefCell<Vec<Py<PyAny>>>) -> Option<Py<PyAny>> {
    if depth == 0 { later.borrow_mut().pop() } else { None }
}
