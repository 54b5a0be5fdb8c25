//! The sleepers of one store, by the view each of them watches.

use std::sync::Arc;

use super::ViewId;
use crate::sleep::Sleeper;

#[derive(Debug)]
struct Waiting {
    view: ViewId,
    sleeper: Arc<Sleeper>,
}

/// Sleepers that one kind of event wakes. Nobody waiting costs nothing.
#[derive(Debug, Default)]
pub(super) struct Waiters(Vec<Waiting>);

/// Sleepers that are not waiting any more. Wake them after unlocking.
#[must_use = "whoever was taken off the list has to be woken"]
#[derive(Debug)]
pub(super) struct Woken(Vec<Waiting>);

impl Waiters {
    pub(super) fn add(&mut self, view: ViewId) -> Arc<Sleeper> {
        let sleeper = Arc::new(Sleeper::default());
        self.0.push(Waiting { view, sleeper: Arc::clone(&sleeper) });
        sleeper
    }

    pub(super) fn forget(&mut self, sleeper: &Arc<Sleeper>) {
        self.0.retain(|waiting| !Arc::ptr_eq(&waiting.sleeper, sleeper));
    }

    pub(super) fn take_all(&mut self) -> Woken {
        Woken(std::mem::take(&mut self.0))
    }

    pub(super) fn take_of(&mut self, view: ViewId) -> Woken {
        if self.0.is_empty() {
            return Woken(Vec::new());
        }
        Woken(self.0.extract_if(.., |waiting| waiting.view == view).collect())
    }
}

impl Woken {
    #[inline]
    pub(super) fn wake(self) {
        for waiting in self.0 {
            waiting.sleeper.wake();
        }
    }
}
