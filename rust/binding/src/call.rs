//! Calls that an event loop is asked to make, none of which gets lost.
//!
//! A signal handler may raise at any moment in the loop's own thread: while the loop is asked, between
//! its taking the call from its queue and making it, and in the middle of the call. So what is to be
//! done stays where it is until it is done, and a call that goes without having done it has the loop
//! asked again.

use std::sync::atomic::{AtomicBool, Ordering};

use change_buffers_core::store::HubId;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyClass, intern};

use crate::shared::SharedStore;
use crate::ticks::Tick;
use crate::wake_up::WakeUp;

/// What an event loop calls, in its own thread.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct Call {
    duty: Duty,
    /// The loop has promised to make it, and it has not done what it is for.
    is_owed: AtomicBool,
}

/// What there is to do.
pub(crate) enum Duty {
    /// Wake those tasks of a hub that are to look again.
    Answer(Py<PyWeakrefReference>, HubId),
    /// Wake those whose time is over.
    Strike(Py<Tick>),
    /// Tell those who await it.
    Tell(Py<WakeUp>),
}

impl Call {
    pub(crate) fn new(duty: Duty) -> Self {
        Self { duty, is_owed: AtomicBool::new(false) }
    }

    /// The loop is going to make it.
    pub(crate) fn is_promised(&self) {
        self.is_owed.store(true, Ordering::Relaxed);
    }

    /// Has a loop that runs in this thread make a call soon.
    pub(crate) fn soon(asyncio_loop: &Bound<'_, PyAny>, duty: &Duty) -> PyResult<()> {
        Self::ask_twice(asyncio_loop, intern!(asyncio_loop.py(), "call_soon"), duty)
    }

    /// If a signal handler raises in there, it is not known whether the loop was asked. Twice does no
    /// harm.
    fn ask_twice<'py>(
        asyncio_loop: &Bound<'py, PyAny>,
        method: &Bound<'py, PyString>,
        duty: &Duty,
    ) -> PyResult<()> {
        let ask = || Self::ask(asyncio_loop, method, None, duty.clone_ref(asyncio_loop.py()));
        ask().or_else(|error| ask().and(Err(error))).map(drop)
    }

    /// Has a loop make a call at a time of its clock. Gives the timer.
    pub(crate) fn at<'py>(
        asyncio_loop: &Bound<'py, PyAny>,
        when: f64,
        duty: Duty,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::ask(asyncio_loop, intern!(asyncio_loop.py(), "call_at"), Some(when), duty)
    }

    fn ask<'py>(
        asyncio_loop: &Bound<'py, PyAny>,
        method: &Bound<'py, PyString>,
        when: Option<f64>,
        duty: Duty,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = asyncio_loop.py();
        let method = asyncio_loop.getattr(method)?;
        let call = Bound::new(py, Self::new(duty))?;
        let kwargs = PyDict::new(py);
        kwargs.set_item(intern!(py, "context"), empty_context(py)?)?;
        let handle = match when {
            Some(when) => method.call((when, &call), Some(&kwargs)),
            None => method.call((&call,), Some(&kwargs)),
        }?;
        call.get().is_promised();
        Ok(handle)
    }

    /// Has the loop asked again, in whatever thread this is, if that is of use. Says whether it was.
    fn renew(&self, py: Python<'_>) -> PyResult<bool> {
        let asyncio_loop = match &self.duty {
            Duty::Answer(store, hub) => {
                let store = upgrade::<SharedStore>(py, store);
                return Ok(store.is_none_or(|store| store.get().store.ring(*hub)));
            }
            Duty::Strike(tick) if tick.get().is_empty() => return Ok(true),
            Duty::Strike(tick) => tick.get().asyncio_loop(py),
            Duty::Tell(wake_up) if wake_up.get().is_told() => return Ok(true),
            Duty::Tell(wake_up) => wake_up.get().asyncio_loop(py),
        };
        let Some(asyncio_loop) = asyncio_loop else { return Ok(true) };
        if !asyncio_loop.call_method0(intern!(py, "is_closed"))?.is_truthy()? {
            let method = intern!(py, "call_soon_threadsafe");
            Self::ask_twice(&asyncio_loop, method, &self.duty)?;
        }
        Ok(true)
    }
}

#[pymethods]
impl Call {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let done = match &self.duty {
            Duty::Answer(store, hub) => {
                let store = upgrade::<SharedStore>(py, store);
                store.map_or(Ok(()), |store| store.get().answer(py, *hub))
            }
            Duty::Strike(tick) => tick.get().strike(py),
            Duty::Tell(wake_up) => WakeUp::tell(wake_up.bind(py)),
        };
        if done.is_ok() || matches!(self.renew(py), Ok(true)) {
            self.is_owed.store(false, Ordering::Relaxed);
        }
        done
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.duty {
            Duty::Answer(store, _) => visit.call(store),
            Duty::Strike(tick) => visit.call(tick),
            Duty::Tell(wake_up) => visit.call(wake_up),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.is_owed.load(Ordering::Relaxed) {
            aside(|py| self.renew(py).map(drop));
        }
    }
}

impl Duty {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Answer(store, hub) => Self::Answer(store.clone_ref(py), *hub),
            Self::Strike(tick) => Self::Strike(tick.clone_ref(py)),
            Self::Tell(wake_up) => Self::Tell(wake_up.clone_ref(py)),
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

fn upgrade<'py, T: PyClass>(
    py: Python<'py>,
    reference: &Py<PyWeakrefReference>,
) -> Option<Bound<'py, T>> {
    reference.bind(py).upgrade()?.cast_into().ok()
}

/// One for each call, as it can be entered by one at a time. Without it a call would keep all context
/// variables of whoever happened to ask for it.
pub(crate) fn empty_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CONTEXT.import(py, "contextvars", "Context")?.call0()
}
