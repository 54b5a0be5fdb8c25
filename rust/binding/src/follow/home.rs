//! The event loop that a subscription's tasks run in.

use change_buffers_core::store::HubId;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyWeakrefReference;

use crate::follow::asyncio_side;
use crate::journal::shared::SharedStore;

/// An event loop, and what there is for it.
#[derive(Clone)]
pub(crate) struct Home {
    /// Weakly: a subscription that waits no more does not keep the loop.
    asyncio_loop: Py<PyWeakrefReference>,
    /// The Python object that knows its hubs and timers.
    event_loop: Py<PyAny>,
    /// The hub for this store, once it is known.
    pub(crate) hub: Option<HubId>,
}

impl Home {
    /// The one that runs now: the same as the last time, as a rule.
    pub(crate) fn now(py: Python<'_>, last: Option<Self>) -> PyResult<Self> {
        static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static OURS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let running = RUNNING.import(py, "asyncio", "_get_running_loop")?.call0()?;
        let runs = |last: &Self| {
            last.asyncio_loop
                .bind(py)
                .upgrade()
                .is_some_and(|asyncio_loop| asyncio_loop.is(&running))
        };
        if let Some(last) = last.filter(runs) {
            return Ok(last);
        }
        let ours = asyncio_side::get(py, &OURS, "running_loop")?;
        let event_loop = ours.call1(("async for",))?.unbind();
        let asyncio_loop = PyWeakrefReference::new(&running)?.unbind();
        Ok(Self { asyncio_loop, event_loop, hub: None })
    }

    /// The hub there for the store, which is asked for once.
    pub(crate) fn hub(&self, py: Python<'_>, store: &Py<SharedStore>) -> PyResult<HubId> {
        if let Some(hub) = self.hub {
            return Ok(hub);
        }
        let id = self.event_loop.call_method1(py, intern!(py, "hub_of"), (store,))?;
        Ok(HubId(id.extract(py)?))
    }

    pub(crate) fn with_hub(self, hub: HubId) -> Self {
        Self { hub: Some(hub), ..self }
    }

    /// An `asyncio.Future` there, done after so many seconds if nobody sets it before.
    pub(crate) fn future(&self, py: Python<'_>, seconds: f64) -> PyResult<Py<PyAny>> {
        self.event_loop.call_method1(py, intern!(py, "future"), (seconds,))
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.asyncio_loop)?;
        visit.call(&self.event_loop)
    }
}
