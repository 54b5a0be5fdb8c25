//! How long tasks go on without letting their event loop run.
//!
//! A task that never has to wait never gives way: nothing else runs in its loop, no timeout strikes and
//! the first Ctrl-C does nothing. So now and then it is made to give way.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A task that is not made to wait goes on for so long.
const LONGEST: Duration = Duration::from_millis(10);

/// When tasks have begun to be served without a wait.
#[derive(Default)]
pub(crate) struct Stint(Mutex<Option<Instant>>);

impl Stint {
    /// Whether it is time to give way, which ends it. Otherwise it begins now, if it has not before.
    pub(crate) fn is_over(&self) -> bool {
        let now = Instant::now();
        let mut begun = self.0.lock();
        if now - *begun.get_or_insert(now) < LONGEST {
            return false;
        }
        *begun = None;
        true
    }

    /// A task has let its loop run.
    pub(crate) fn end(&self) {
        *self.0.lock() = None;
    }
}
