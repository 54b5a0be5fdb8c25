//! The event loop that tasks run in.

use std::time::{Duration, Instant};

use change_buffers_core::store::HubId;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::shared::SharedStore;
use crate::ticks::Ticks;

/// An event loop, and what there is for it and a store.
#[derive(Clone)]
pub(crate) struct Home {
    /// Weakly: a subscription that waits no more does not keep the loop.
    pub(crate) asyncio_loop: Py<PyWeakrefReference>,
    pub(crate) ticks: Py<Ticks>,
    pub(crate) hub: HubId,
    /// Its timers go by the same clock as the sleep of threads.
    is_monotonic: bool,
}

impl Home {
    /// The one that runs now: the same as the last time, as a rule.
    pub(crate) fn now(
        py: Python<'_>,
        last: Option<Self>,
        store: &Py<SharedStore>,
        what: &str,
    ) -> PyResult<Self> {
        static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static HOME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        if let Some(last) = last {
            let running = RUNNING.import(py, "asyncio", "_get_running_loop")?.call0()?;
            let upgraded = last.asyncio_loop.bind(py).upgrade();
            if upgraded.is_some_and(|asyncio_loop| asyncio_loop.is(&running)) {
                return Ok(last);
            }
        }
        let home = HOME.import(py, "change_buffers._asyncio", "home")?.call1((what, store))?;
        let (asyncio_loop, ticks, hub, is_monotonic) = home.extract::<(Bound<'_, _>, _, _, _)>()?;
        let asyncio_loop = PyWeakrefReference::new(&asyncio_loop)?.unbind();
        Ok(Self { asyncio_loop, ticks, hub: HubId(hub), is_monotonic })
    }

    /// What its clock says, in seconds.
    fn time(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        if self.is_monotonic {
            return Ok(None);
        }
        let asyncio_loop = self.asyncio_loop.bind(py).upgrade();
        let time = asyncio_loop.map(|it| it.call_method0(intern!(py, "time"))?.extract());
        time.transpose()
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.asyncio_loop)?;
        visit.call(&self.ticks)
    }
}

/// A moment, on the clock of threads and, in a task, on that of its event loop.
///
/// A loop's timers go by its own clock, which need not be a real one.
#[derive(Clone)]
pub(crate) struct Moment {
    instant: Instant,
    in_loop: Option<(Py<PyWeakrefReference>, f64)>,
}

impl Moment {
    pub(crate) fn now(py: Python<'_>, home: Option<&Home>) -> PyResult<Self> {
        let in_loop = match home {
            Some(home) => home.time(py)?.map(|time| (home.asyncio_loop.clone_ref(py), time)),
            None => None,
        };
        Ok(Self { instant: Instant::now(), in_loop })
    }

    /// How long ago it is.
    ///
    /// The clocks of two loops cannot be compared: by that of another one, the time that has really
    /// passed up to here counts.
    pub(crate) fn elapsed(&mut self, py: Python<'_>, home: Option<&Home>) -> PyResult<Duration> {
        let Some(home) = home else { return Ok(self.instant.elapsed()) };
        let Some(now) = home.time(py)? else { return Ok(self.instant.elapsed()) };
        match &self.in_loop {
            Some((asyncio_loop, time)) if asyncio_loop.is(&home.asyncio_loop) => {
                Ok(Duration::try_from_secs_f64(now - time).unwrap_or_default())
            }
            _ => {
                let elapsed = self.instant.elapsed();
                let time = now - elapsed.as_secs_f64();
                self.in_loop = Some((home.asyncio_loop.clone_ref(py), time));
                Ok(elapsed)
            }
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.in_loop.as_ref().map_or(Ok(()), |(asyncio_loop, _)| visit.call(asyncio_loop))
    }
}
