//! Keys and values that misbehave, for the tests of this crate.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

thread_local! {
    static COMPARISONS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A key whose comparison panics when [`panic_at`] says so.
#[derive(Clone, Debug)]
pub(crate) struct Fragile(pub(crate) u32);

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        COMPARISONS_LEFT.with(|left| match left.get() {
            Some(0) => {
                left.set(None);
                panic!("injected")
            }
            Some(more) => left.set(Some(more - 1)),
            None => {}
        });
        self.0 == other.0
    }
}

impl Eq for Fragile {}

impl Hash for Fragile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Runs something whose comparison number `count` panics. Says whether it came to that.
pub(crate) fn panic_at<T>(count: usize, run: impl FnOnce() -> T) -> (T, bool) {
    COMPARISONS_LEFT.with(|left| left.set(Some(count)));
    let result = run();
    let injected = COMPARISONS_LEFT.with(|left| left.replace(None).is_none());
    (result, injected)
}
