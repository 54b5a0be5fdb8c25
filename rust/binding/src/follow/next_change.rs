//! What `async for` awaits: the next change of a subscription.
//!
//! Python could say the same in a coroutine, but this is what a server does most, thousands of times
//! a second.

use std::time::Instant;

use change_buffers_core::store::{HubId, Ticket, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopAsyncIteration, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTraceback};

use crate::follow::home::Home;
use crate::follow::pace::{Step, Subscription};
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::shared::SharedStore;

/// The next change of a subscription, to be awaited once.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct NextChange {
    subscription: Py<Subscription>,
    /// A leaf among the locks: only references are moved under it.
    stage: Mutex<Stage>,
}

enum Stage {
    Idle,
    /// The subscription has been claimed, by this and nobody else.
    Claimed,
    Waiting(Wait),
    Over,
}

/// What to do when the wait is over, one way or another.
struct Wait {
    shared: Py<SharedStore>,
    hub: HubId,
    ticket: Ticket,
    future: Py<PyAny>,
    /// The future being awaited.
    awaiting: Py<PyIterator>,
}

impl Wait {
    fn end(self) {
        self.shared.get().forget_in(self.hub, self.ticket, &self.future);
    }
}

impl NextChange {
    pub(crate) fn new(subscription: Py<Subscription>) -> Self {
        Self { subscription, stage: Mutex::new(Stage::Idle) }
    }

    fn enter(&self, stage: Stage) -> Stage {
        std::mem::replace(&mut *self.stage.lock(), stage)
    }

    /// Runs until there is something to wait for, which is given to the event loop, or an end.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let subscription = self.subscription.get();
        loop {
            match self.enter(Stage::Claimed) {
                Stage::Claimed => {}
                Stage::Idle => {
                    subscription.claim().inspect_err(|_| drop(self.enter(Stage::Over)))?;
                }
                Stage::Over => {
                    drop(self.enter(Stage::Over));
                    return Err(PyRuntimeError::new_err("this has been awaited before"));
                }
                Stage::Waiting(wait) => {
                    let pause = wait.awaiting.bind(py).clone().next();
                    if let Some(Ok(pause)) = pause {
                        self.resume(wait)?;
                        return Ok(pause);
                    }
                    wait.end();
                    pause.transpose()?;
                }
            }
            match subscription.step(py)? {
                Step::Deliver(change) => {
                    return Err(PyStopIteration::new_err((Bound::new(py, change)?.unbind(),)));
                }
                Step::End => {
                    subscription.end();
                    return Err(PyStopAsyncIteration::new_err(()));
                }
                Step::Wait(buffer, wake_for, until) => {
                    let wait = self.begin_wait(py, buffer.get(), wake_for, until)?;
                    if let Some(wait) = wait {
                        self.resume(wait)?;
                    }
                }
            }
        }
    }

    /// Goes on waiting, unless it was closed meanwhile.
    fn resume(&self, wait: Wait) -> PyResult<()> {
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Claimed) {
            *stage = Stage::Waiting(wait);
            return Ok(());
        }
        drop(stage);
        wait.end();
        Err(PyRuntimeError::new_err("this was closed while it was awaited"))
    }

    fn begin_wait(
        &self,
        py: Python<'_>,
        buffer: &DictionaryChangeBuffer,
        wake_for: WakeFor,
        until: Option<Instant>,
    ) -> PyResult<Option<Wait>> {
        let shared = buffer.shared();
        let subscription = self.subscription.get();
        let home = Home::now(py, subscription.home())?;
        let hub = home.hub(py, &shared)?;
        let left = |until: Instant| (until - Instant::now()).as_secs_f64();
        let seconds = until.map_or(f64::INFINITY, left);
        let future = home.future(py, seconds)?;
        if home.hub.is_none() {
            subscription.settle(home.with_hub(hub));
        }
        let awaiting = future.bind(py).call_method0(intern!(py, "__await__"))?;
        let awaiting = awaiting.cast_into()?.unbind();
        let ticket = subscription.wait(buffer, hub, wake_for, future.clone());
        Ok(ticket.map(|ticket| Wait { shared, hub, ticket, future, awaiting }))
    }

    /// Nobody will go on with it.
    fn finish(&self) {
        let stage = self.enter(Stage::Over);
        if matches!(stage, Stage::Claimed | Stage::Waiting(_)) {
            self.subscription.get().release();
        }
        if let Stage::Waiting(wait) = stage {
            wait.end();
        }
    }
}

impl Drop for NextChange {
    fn drop(&mut self) {
        self.finish();
    }
}

#[pymethods]
impl NextChange {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let next = self.advance(py);
        if next.is_err() {
            self.finish();
        }
        next
    }

    /// End the wait with this exception, as a task does that is cancelled.
    #[pyo3(signature = (kind, value = None, traceback = None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyTraceback>>,
    ) -> PyResult<()> {
        self.finish();
        let error = match value {
            Some(value) if value.is_instance_of::<PyBaseException>() => value,
            Some(value) => kind.call1((value,))?,
            None if kind.is_instance_of::<PyBaseException>() => kind,
            None => kind.call0()?,
        };
        let error = PyErr::from_value(error);
        if traceback.is_some() {
            error.set_traceback(py, traceback);
        }
        Err(error)
    }

    /// Give up.
    fn close(&self) {
        self.finish();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.subscription)?;
        let Some(stage) = self.stage.try_lock() else { return Ok(()) };
        if let Stage::Waiting(Wait { shared, future, awaiting, .. }) = &*stage {
            visit.call(shared)?;
            visit.call(future)?;
            visit.call(awaiting)?;
        }
        Ok(())
    }
}
