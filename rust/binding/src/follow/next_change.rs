//! What a task awaits: the next change of a subscription, or of a buffer.
//!
//! Python could say the same in a coroutine, but this is what a server does most, thousands of times
//! a second. It has all that a coroutine has.

use std::time::Duration;

use change_buffers_core::store::{HubId, Ticket, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::{
    PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopAsyncIteration, PyStopIteration,
    PyTypeError, PyValueError,
};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTraceback, PyTuple, PyType};

use crate::follow::pace::{Asker, Step, Subscription};
use crate::journal::errors::drained;
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::flushed::{Flushed, flush};
use crate::journal::shared::SharedStore;
use crate::tasks::call::aside;
use crate::tasks::home::Home;
use crate::tasks::stint::Stint;
use crate::tasks::ticks::{Seat, Ticks};
use crate::tasks::wake_up::WakeUp;

/// A coroutine that gives the next change of a subscription or a buffer.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct NextChange {
    source: Source,
    /// A leaf among the locks: only references are moved under it.
    stage: Mutex<Stage>,
}

/// Where the change comes from.
pub(crate) enum Source {
    /// For `async for`.
    Subscription(Py<Subscription>),
    /// For `flush_changed()`.
    Buffer(Py<DictionaryChangeBuffer>),
}

enum Stage {
    Idle,
    /// It runs, in this thread or another.
    Running,
    Waiting(Wait),
    Over,
}

/// What to do when the wait is over, one way or another.
struct Wait {
    wake_up: Py<WakeUp>,
    place: Option<(Py<SharedStore>, HubId, Ticket)>,
    /// Among those who wait for a moment, too.
    seat: Option<Seat>,
}

impl Wait {
    fn end(self, py: Python<'_>) -> PyResult<()> {
        if let Some((shared, hub, ticket)) = self.place {
            shared.get().forget_in(hub, ticket, &self.wake_up);
        }
        self.seat.map_or(Ok(()), |seat| seat.leave(py))
    }
}

impl Source {
    fn claim(&self) -> PyResult<()> {
        match self {
            Self::Subscription(subscription) => subscription.get().claim(),
            Self::Buffer(_) => Ok(()),
        }
    }

    fn release(&self) {
        if let Self::Subscription(subscription) = self {
            subscription.get().release();
        }
    }

    fn step(&self, py: Python<'_>, time_is_up: bool) -> PyResult<Step> {
        let buffer = match self {
            Self::Subscription(subscription) => {
                return subscription.get().step(py, Asker::Task { time_is_up });
            }
            Self::Buffer(buffer) => buffer,
        };
        Ok(match flush(py, buffer.get())? {
            Flushed::Change(change) => Step::Deliver(change),
            Flushed::Drained => return Err(drained()),
            Flushed::Nothing => Step::Wait(buffer.clone_ref(py), WakeFor::Change, None, None),
        })
    }

    fn home(&self, py: Python<'_>, shared: &Py<SharedStore>) -> PyResult<Home> {
        match self {
            Self::Subscription(subscription) => subscription.get().home(py, shared),
            Self::Buffer(_) => SharedStore::home(shared, py, "flush_changed()"),
        }
    }

    fn wait(
        &self,
        buffer: &DictionaryChangeBuffer,
        hub: HubId,
        wake_for: WakeFor,
        wake_up: &Py<WakeUp>,
    ) -> PyResult<Option<Ticket>> {
        match self {
            Self::Subscription(it) => it.get().wait(buffer, hub, wake_for, wake_up),
            Self::Buffer(_) => buffer.shared().get().wait_in(hub, buffer.view(), wake_for, wake_up),
        }
    }

    fn stint(&self) -> &Stint {
        match self {
            Self::Subscription(subscription) => subscription.get().stint(),
            Self::Buffer(buffer) => buffer.get().stint(),
        }
    }

    /// Nothing will come any more.
    fn close(&self) {
        if let Self::Subscription(subscription) = self {
            subscription.get().end();
        }
    }
}

impl NextChange {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, stage: Mutex::new(Stage::Idle) }
    }

    fn enter(&self, stage: Stage) -> Stage {
        std::mem::replace(&mut *self.stage.lock(), stage)
    }

    /// Begins to run, if it may.
    fn run(&self) -> PyResult<Stage> {
        let last = self.enter(Stage::Running);
        match last {
            Stage::Running => Err(PyValueError::new_err("this is being awaited already")),
            Stage::Over => {
                self.enter(Stage::Over);
                Err(PyRuntimeError::new_err("this has been awaited before"))
            }
            _ => Ok(last),
        }
    }

    /// Runs until there is something to wait for, which is given to the event loop, or an end.
    fn resume<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let last = self.run()?;
        if matches!(last, Stage::Idle) {
            self.source.claim().inspect_err(|_| drop(self.enter(Stage::Over)))?;
        }
        let next = self.go_on(py, last);
        if next.is_err() {
            self.enter(Stage::Over);
            self.source.release();
        }
        next
    }

    fn go_on<'py>(&self, py: Python<'py>, last: Stage) -> PyResult<Bound<'py, PyAny>> {
        let mut time_is_up = false;
        match last {
            // Somebody else has a hand in it.
            Stage::Waiting(wait) if !wait.wake_up.get().is_done() => return Ok(self.wait(py, wait)),
            Stage::Waiting(wait) => {
                let outcome = wait.wake_up.get().check(py);
                time_is_up = wait.wake_up.get().time_is_up();
                wait.end(py).and(outcome)?;
            }
            Stage::Idle if self.source.stint().is_over() => {
                // Not by giving nothing to wait for: a task that is interrupted then is lost.
                if let Some(wake_up) = WakeUp::done_here(py)? {
                    return Ok(self.wait(py, Wait { wake_up, place: None, seat: None }));
                }
            }
            _ => {}
        }
        loop {
            match self.source.step(py, std::mem::take(&mut time_is_up))? {
                Step::Deliver(change) => {
                    return Err(PyStopIteration::new_err((Bound::new(py, change)?.unbind(),)));
                }
                Step::End => {
                    self.source.close();
                    return Err(PyStopAsyncIteration::new_err(()));
                }
                Step::Wait(buffer, wake_for, left, home) => {
                    if let Some(wait) = self.begin_wait(py, buffer.get(), wake_for, left, home)? {
                        return Ok(self.wait(py, wait));
                    }
                }
            }
        }
    }

    fn begin_wait(
        &self,
        py: Python<'_>,
        buffer: &DictionaryChangeBuffer,
        wake_for: WakeFor,
        left: Option<Duration>,
        home: Option<Home>,
    ) -> PyResult<Option<Wait>> {
        let shared = buffer.shared();
        let home = home.map_or_else(|| self.source.home(py, &shared), Ok)?;
        let Home { asyncio_loop, ticks, hub, .. } = home;
        let wake_up = Py::new(py, WakeUp::new(asyncio_loop))?;
        let seat = left.map(|left| Ticks::sit(&ticks, py, &wake_up, left)).transpose()?;
        let ticket = self.source.wait(buffer, hub, wake_for, &wake_up);
        let place = ticket.as_ref().ok().copied().flatten().map(|ticket| (shared, hub, ticket));
        let wait = Wait { wake_up, place, seat };
        if wait.place.is_some() {
            return Ok(Some(wait));
        }
        wait.end(py)?;
        ticket.map(|_| None)
    }

    /// Gives the event loop what to wait for.
    fn wait<'py>(&self, py: Python<'py>, wait: Wait) -> Bound<'py, PyAny> {
        let wake_up = wait.wake_up.bind(py).clone();
        wake_up.get().block();
        self.source.stint().end();
        self.enter(Stage::Waiting(wait));
        wake_up.into_any()
    }

    /// Nobody will go on with it.
    fn finish(&self, py: Python<'_>, last: Stage) -> PyResult<()> {
        self.enter(Stage::Over);
        if matches!(last, Stage::Waiting(_)) {
            self.source.release();
        }
        if let Stage::Waiting(wait) = last { wait.end(py) } else { Ok(()) }
    }
}

impl Drop for NextChange {
    fn drop(&mut self) {
        match (self.enter(Stage::Over), &self.source) {
            (Stage::Over, _) | (Stage::Idle, Source::Subscription(_)) => {}
            (Stage::Idle, Source::Buffer(_)) => aside(|py| {
                let warning = py.get_type::<PyRuntimeWarning>();
                PyErr::warn(py, &warning, c"flush_changed() was never awaited", 1)
            }),
            (last, _) => aside(|py| self.finish(py, last)),
        }
    }
}

/// What a coroutine makes of the arguments of its `throw()`.
fn thrown(
    kind: Bound<'_, PyAny>,
    value: Option<Bound<'_, PyAny>>,
    traceback: Option<Bound<'_, PyTraceback>>,
) -> PyResult<PyErr> {
    let py = kind.py();
    let value = value.filter(|value| !value.is_none());
    let error = match (kind.cast::<PyType>(), value) {
        (Err(_), None) if kind.is_instance_of::<PyBaseException>() => kind,
        (Err(_), Some(_)) if kind.is_instance_of::<PyBaseException>() => {
            let message = "an exception that is an instance has no value beside it";
            return Err(PyTypeError::new_err(message));
        }
        (Ok(class), value) if class.is_subclass_of::<PyBaseException>()? => match value {
            Some(value) if value.is_instance(class)? => value,
            Some(value) => match value.cast_into::<PyTuple>() {
                Ok(arguments) => class.call1(arguments)?,
                Err(error) => class.call1((error.into_inner(),))?,
            },
            None => class.call0()?,
        },
        _ => {
            let message = format!("an exception or a class of exceptions is needed, not {kind:?}");
            return Err(PyTypeError::new_err(message));
        }
    };
    // Here it would say that the coroutine has come to its end.
    let is_an_end = error.is_instance_of::<PyStopIteration>();
    let error = PyErr::from_value(error);
    if traceback.is_some() {
        error.set_traceback(py, traceback);
    }
    if !is_an_end {
        return Ok(error);
    }
    let raised = PyRuntimeError::new_err("coroutine raised StopIteration");
    raised.set_cause(py, Some(error));
    Ok(raised)
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
        self.resume(py)
    }

    /// Run until there is something to wait for, and give that.
    #[pyo3(signature = (value, /))]
    fn send<'py>(
        &self,
        py: Python<'py>,
        value: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if value.is_some() && matches!(*self.stage.lock(), Stage::Idle) {
            let message = "cannot send anything but None to what has not begun";
            return Err(PyTypeError::new_err(message));
        }
        self.resume(py)
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
        let error = thrown(kind, value, traceback)?;
        let last = self.run()?;
        self.finish(py, last)?;
        Err(error)
    }

    /// Give up. What is pending stays pending.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if matches!(*self.stage.lock(), Stage::Over) {
            return Ok(());
        }
        let last = self.run()?;
        self.finish(py, last)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.source {
            Source::Subscription(subscription) => visit.call(subscription)?,
            Source::Buffer(buffer) => visit.call(buffer)?,
        }
        let Some(stage) = self.stage.try_lock() else { return Ok(()) };
        let Stage::Waiting(Wait { wake_up, place, seat }) = &*stage else { return Ok(()) };
        visit.call(wake_up)?;
        if let Some((shared, ..)) = place {
            visit.call(shared)?;
        }
        seat.as_ref().map_or(Ok(()), |seat| seat.visit(&visit))
    }
}
