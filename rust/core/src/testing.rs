//! Keys and values that misbehave, and threads that may hang, for the tests of this crate.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::batch::Key;

/// After so long something that should happen at once is taken to be stuck.
const HANG: Duration = Duration::from_secs(20);

thread_local! {
    static STEPS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// One step of a [`panic_at`].
fn step() {
    STEPS_LEFT.with(|left| match left.get() {
        Some(0) => {
            left.set(None);
            panic!("injected")
        }
        Some(more) => left.set(Some(more - 1)),
        None => {}
    });
}

/// A key whose comparison panics when [`panic_at`] says so.
#[derive(Clone, Debug)]
pub(crate) struct Fragile(pub(crate) u32);

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        step();
        self.0 == other.0
    }
}

impl Eq for Fragile {}

impl Key for Fragile {}

impl Hash for Fragile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A key of which every third takes much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Weighty(pub(crate) u8);

impl Key for Weighty {
    fn is_light(&self) -> bool {
        !self.0.is_multiple_of(3)
    }
}

/// A value whose cloning panics when [`panic_at`] says so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Brittle(pub(crate) u32);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        step();
        Self(self.0)
    }
}

/// Runs something of which step number `count` panics: a comparison of keys, or the cloning of a
/// value. Says whether it came to that.
pub(crate) fn panic_at<T>(count: usize, run: impl FnOnce() -> T) -> (T, bool) {
    STEPS_LEFT.with(|left| left.set(Some(count)));
    let result = run();
    let injected = STEPS_LEFT.with(|left| left.replace(None).is_none());
    (result, injected)
}

/// Runs something that might wait for ever, and fails if it waits for long.
pub(crate) fn soon<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = channel();
    let thread = thread::spawn(move || {
        let result = run();
        let _ = send.send(());
        result
    });
    let ended = receive.recv_timeout(HANG);
    // An error that is no timeout stands for a panic, which joining passes on.
    assert!(ended != Err(std::sync::mpsc::RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
