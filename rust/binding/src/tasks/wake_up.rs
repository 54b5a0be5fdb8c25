//! What a task awaits while it waits for a change: a future.
//!
//! `asyncio.Future` would do, but for one thing: setting it runs Python code of the event loop, and if a
//! signal handler raises in there, it is done and its task never hears of it. Here the tasks that are
//! to be told stay on the list until they have been.

use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, asyncio};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use smallvec::SmallVec;

use crate::tasks::call::{Call, Duty, running_loop};

/// A future that is done when its task is to look again. Never seen by users.
///
/// It has what `asyncio.Task` asks of a future that is not asyncio's own.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct WakeUp {
    asyncio_loop: Py<PyWeakrefReference>,
    /// A leaf among the locks: only references are moved under it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    /// Those who are to be told, each with its context.
    callbacks: SmallVec<[Callback; 1]>,
    /// It is being awaited, and not just yielded; see `asyncio.isfuture()`.
    is_blocking: bool,
}

/// A function, and the context to call it in.
type Callback = (Py<PyAny>, Option<Py<PyAny>>);

pub(crate) enum Outcome {
    LookAgain,
    TimeIsUp,
    /// With the message.
    Cancelled(Option<Py<PyAny>>),
}

impl WakeUp {
    pub(crate) fn new(asyncio_loop: Py<PyWeakrefReference>) -> Self {
        Self { asyncio_loop, state: Mutex::default() }
    }

    /// One of the loop that runs here, if one does. Whoever awaits it goes on when the loop comes to it.
    pub(crate) fn done_here(py: Python<'_>) -> PyResult<Option<Py<Self>>> {
        let running = running_loop(py)?;
        if running.is_none() {
            return Ok(None);
        }
        let wake_up = Self::new(PyWeakrefReference::new(&running)?.unbind());
        wake_up.state.lock().outcome = Some(Outcome::LookAgain);
        Py::new(py, wake_up).map(Some)
    }

    /// The event loop, if it is there still.
    pub(crate) fn asyncio_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.asyncio_loop.bind(py).upgrade()
    }

    /// Has the tasks that await it go on, right now. Only the loop itself may call this.
    pub(crate) fn set(slf: &Bound<'_, Self>, outcome: Outcome) -> PyResult<()> {
        slf.get().state.lock().outcome.get_or_insert(outcome);
        Self::tell(slf)
    }

    /// Tells those who have yet to be told that it is done.
    pub(crate) fn tell(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let mut told = Ok(());
        while let Some((callback, context)) = slf.get().next_callback() {
            let this = match context {
                Some(context) => context.bind(py).call_method1(intern!(py, "run"), (callback, slf)),
                None => callback.bind(py).call1((slf,)),
            };
            told = told.and(this.map(drop));
        }
        told
    }

    fn next_callback(&self) -> Option<Callback> {
        let mut state = self.state.lock();
        if state.callbacks.is_empty() { None } else { Some(state.callbacks.remove(0)) }
    }

    pub(crate) fn is_told(&self) -> bool {
        self.state.lock().callbacks.is_empty()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.lock().outcome.is_some()
    }

    /// It was its timer.
    pub(crate) fn time_is_up(&self) -> bool {
        matches!(self.state.lock().outcome, Some(Outcome::TimeIsUp))
    }

    /// Gives it to the task.
    pub(crate) fn block(&self) {
        self.state.lock().is_blocking = true;
    }

    pub(crate) fn check(&self, py: Python<'_>) -> PyResult<()> {
        let message = match &self.state.lock().outcome {
            Some(Outcome::LookAgain | Outcome::TimeIsUp) => return Ok(()),
            Some(Outcome::Cancelled(message)) => Some(message.as_ref().map(|it| it.clone_ref(py))),
            None => None,
        };
        Err(match message {
            Some(Some(message)) => asyncio::CancelledError::new_err((message,)),
            Some(None) => asyncio::CancelledError::new_err(()),
            None => asyncio::InvalidStateError::new_err("it is not done"),
        })
    }

    fn soon(slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some(asyncio_loop) = slf.get().asyncio_loop(slf.py()) else { return Ok(()) };
        Call::soon(&asyncio_loop, &Tell(slf.clone().unbind()))
    }
}

/// Telling those who await it.
struct Tell(Py<WakeUp>);

impl Duty for Tell {
    fn perform(&self, py: Python<'_>) -> PyResult<()> {
        WakeUp::tell(self.0.bind(py))
    }

    fn renew(&self, py: Python<'_>) -> PyResult<bool> {
        let wake_up = self.0.get();
        let asyncio_loop = if wake_up.is_told() { None } else { wake_up.asyncio_loop(py) };
        asyncio_loop.map_or(Ok(()), |it| Call::soon_threadsafe(&it, self)).map(|()| true)
    }

    fn again(&self, py: Python<'_>) -> Box<dyn Duty> {
        Box::new(Self(self.0.clone_ref(py)))
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

#[pymethods]
impl WakeUp {
    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.state.lock().is_blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, is_blocking: bool) {
        self.state.lock().is_blocking = is_blocking;
    }

    #[pyo3(name = "get_loop")]
    pub(crate) fn running_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.asyncio_loop(py).ok_or_else(|| PyRuntimeError::new_err("the event loop is gone"))
    }

    #[pyo3(signature = (callback, /, *, context = None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let mut state = slf.get().state.lock();
        state.callbacks.push((callback, context));
        let is_done = state.outcome.is_some();
        drop(state);
        if is_done { Self::soon(slf) } else { Ok(()) }
    }

    /// As of `asyncio.Future`: the task is told so when the loop comes to it.
    #[pyo3(signature = (msg = None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let mut state = slf.get().state.lock();
        if state.outcome.is_some() {
            drop(state);
            return Ok(false);
        }
        state.outcome = Some(Outcome::Cancelled(msg));
        drop(state);
        Self::soon(slf)?;
        Ok(true)
    }

    fn done(&self) -> bool {
        self.is_done()
    }

    fn cancelled(&self) -> bool {
        matches!(self.state.lock().outcome, Some(Outcome::Cancelled(_)))
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.asyncio_loop)?;
        let Some(state) = self.state.try_lock() else { return Ok(()) };
        if let Some(Outcome::Cancelled(Some(message))) = &state.outcome {
            visit.call(message)?;
        }
        for (callback, context) in &state.callbacks {
            visit.call(callback)?;
            visit.call(context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let state = std::mem::take(&mut *self.state.lock());
        drop(state);
    }
}
