//! Letting go of values, however long the chain is in which each holds the next.
//!
//! A value may be a multi-view whose value is a multi-view, and so on: dropping the first would
//! drop all of them from within each other, and run out of stack.

use std::cell::{Cell, RefCell};

use crate::value::Value;

/// So many may be dropped from within each other; what lies deeper waits until they are done.
const DEEPEST: usize = 20;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static LATER: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Drops values. Call it with no lock held: destructors may run anything.
pub(crate) fn release(values: impl Iterator<Item = Value>) {
    let depth = DEPTH.get();
    if depth == DEEPEST {
        LATER.with_borrow_mut(|later| later.extend(values));
        return;
    }
    DEPTH.set(depth + 1);
    values.for_each(drop);
    if depth == 0 {
        while let Some(value) = LATER.with_borrow_mut(Vec::pop) {
            drop(value);
        }
    }
    DEPTH.set(depth);
}
