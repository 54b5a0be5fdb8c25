//! Calls that an event loop is asked to make, none of which gets lost.
//!
//! A signal handler may raise at any moment in the loop's own thread: while the loop is asked, between
//! its taking the call from its queue and making it, and in the middle of the call. So what is to be
//! done stays where it is until it is done, and a call that goes without having done it has the loop
//! asked again.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// What an event loop calls, in its own thread.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct Call {
    duty: Box<dyn Duty>,
    /// The loop has promised to make it, and it has not done what it is for.
    is_promised: AtomicBool,
}

/// What there is to do.
pub(crate) trait Duty: Send + Sync {
    /// Does it. What it leaves undone, because it was interrupted, is done the next time.
    fn perform(&self, py: Python<'_>) -> PyResult<()>;

    /// Has the loop asked again, in whatever thread this is, if that is of use. Says whether it was.
    fn renew(&self, py: Python<'_>) -> PyResult<bool>;

    /// The same once more.
    fn again(&self, py: Python<'_>) -> Box<dyn Duty>;

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

impl Call {
    pub(crate) fn new(duty: Box<dyn Duty>) -> Self {
        Self { duty, is_promised: AtomicBool::new(false) }
    }

    /// The loop is going to make it.
    ///
    /// To be said before it is asked: it may have made the call by the time that this thread goes on,
    /// and a promise that comes after that is never kept, so that the loop would be asked again.
    pub(crate) fn promise(&self) {
        self.is_promised.store(true, Ordering::Relaxed);
    }

    /// The loop is not going to make it after all, or nobody knows.
    pub(crate) fn retract(&self) {
        self.is_promised.store(false, Ordering::Relaxed);
    }

    /// Has a loop that runs in this thread make a call soon.
    pub(crate) fn soon(asyncio_loop: &Bound<'_, PyAny>, duty: &dyn Duty) -> PyResult<()> {
        Self::ask_twice(asyncio_loop, intern!(asyncio_loop.py(), "call_soon"), duty)
    }

    /// Has a loop of any thread make a call soon, unless it is closed.
    pub(crate) fn soon_threadsafe(
        asyncio_loop: &Bound<'_, PyAny>,
        duty: &dyn Duty,
    ) -> PyResult<()> {
        let py = asyncio_loop.py();
        if asyncio_loop.call_method0(intern!(py, "is_closed"))?.is_truthy()? {
            return Ok(());
        }
        Self::ask_twice(asyncio_loop, intern!(py, "call_soon_threadsafe"), duty)
    }

    /// If a signal handler raises in there, it is not known whether the loop was asked. Twice does no
    /// harm.
    fn ask_twice<'py>(
        asyncio_loop: &Bound<'py, PyAny>,
        method: &Bound<'py, PyString>,
        duty: &dyn Duty,
    ) -> PyResult<()> {
        let ask = || Self::ask(asyncio_loop, method, None, duty.again(asyncio_loop.py()));
        ask().or_else(|error| ask().and(Err(error))).map(drop)
    }

    /// Has a loop make a call at a time of its clock. Gives the timer.
    pub(crate) fn at<'py>(
        asyncio_loop: &Bound<'py, PyAny>,
        when: f64,
        duty: Box<dyn Duty>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::ask(asyncio_loop, intern!(asyncio_loop.py(), "call_at"), Some(when), duty)
    }

    fn ask<'py>(
        asyncio_loop: &Bound<'py, PyAny>,
        method: &Bound<'py, PyString>,
        when: Option<f64>,
        duty: Box<dyn Duty>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = asyncio_loop.py();
        let method = asyncio_loop.getattr(method)?;
        let call = Bound::new(py, Self::new(duty))?;
        let kwargs = PyDict::new(py);
        kwargs.set_item(intern!(py, "context"), empty_context(py)?)?;
        call.get().promise();
        match when {
            Some(when) => method.call((when, &call), Some(&kwargs)),
            None => method.call((&call,), Some(&kwargs)),
        }
        .inspect_err(|_| call.get().retract())
    }
}

#[pymethods]
impl Call {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let done = self.duty.perform(py);
        if done.is_ok() || matches!(self.duty.renew(py), Ok(true)) {
            self.retract();
        }
        done
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.duty.visit(&visit)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.is_promised.load(Ordering::Relaxed) {
            aside(|py| self.duty.renew(py).map(drop));
        }
    }
}

/// Runs Python code where an object goes, which may be while an exception is on its way.
pub(crate) fn aside(action: impl FnOnce(Python<'_>) -> PyResult<()>) {
    Python::try_attach(|py| {
        let on_its_way = PyErr::take(py);
        if let Err(error) = action(py) {
            error.write_unraisable(py, None);
        }
        if let Some(error) = on_its_way {
            error.restore(py);
        }
    });
}

/// One for each call, as it can be entered by one at a time. Without it a call would keep all context
/// variables of whoever happened to ask for it.
fn empty_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CONTEXT.import(py, "contextvars", "Context")?.call0()
}

/// The event loop that runs in this thread, or `None`.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING.import(py, "asyncio", "_get_running_loop")?.call0()
}
