//! The event loop that tasks run in.

use std::time::{Duration, Instant};

use change_buffers_core::store::HubId;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::tasks::asyncio_side;
use crate::tasks::call::running_loop;
use crate::tasks::ticks::Ticks;

/// An event loop, and what there is for it and a store.
#[derive(Clone)]
pub(crate) struct Home {
    /// Weakly: a subscription that waits no more does not keep the loop.
    pub(crate) asyncio_loop: Py<PyWeakrefReference>,
    pub(crate) ticks: Py<Ticks>,
    pub(crate) hub: HubId,
    clock: Clock,
}

/// What the timers of an event loop go by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// The clock of threads. What libuv itself tells of it may be some milliseconds old.
    Libuv,
    /// Python's monotonic clock, which is that of threads unless somebody has put another in its
    /// place.
    Asyncio,
    /// One of its own, which need not be a real one.
    Own,
}

impl Home {
    /// That of the event loop that runs in this thread.
    pub(crate) fn here(py: Python<'_>, store: &Py<PyAny>, what: &str) -> PyResult<Self> {
        static HOME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let home = asyncio_side::get(py, &HOME, "home")?.call1((what, store))?;
        let (asyncio_loop, ticks, hub, clock) =
            home.extract::<(Bound<'_, PyAny>, _, _, PyBackedStr)>()?;
        let asyncio_loop = PyWeakrefReference::new(&asyncio_loop)?.unbind();
        let clock = match &*clock {
            "libuv" => Clock::Libuv,
            "asyncio" => Clock::Asyncio,
            _ => Clock::Own,
        };
        Ok(Self { asyncio_loop, ticks, hub: HubId(hub), clock })
    }

    /// Whether it is that of the event loop that runs in this thread.
    pub(crate) fn is_here(&self, py: Python<'_>) -> PyResult<bool> {
        let running = running_loop(py)?;
        let asyncio_loop = self.asyncio_loop.bind(py).upgrade();
        Ok(asyncio_loop.is_some_and(|asyncio_loop| asyncio_loop.is(&running)))
    }

    /// What its clock says, in seconds. None if that is the same as what threads go by.
    fn time(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        static TIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let time = match self.clock {
            Clock::Libuv => return Ok(None),
            Clock::Asyncio => {
                let module = TIME.get_or_try_init(py, || py.import("time").map(Into::into))?;
                module.call_method0(py, intern!(py, "monotonic"))?
            }
            Clock::Own => match self.asyncio_loop.bind(py).upgrade() {
                Some(asyncio_loop) => asyncio_loop.call_method0(intern!(py, "time"))?.unbind(),
                None => return Ok(None),
            },
        };
        time.extract(py).map(Some)
    }

    /// Whether its time is up when its timer says so. A clock that is not a real one may stand still
    /// until then, just before; a real one goes on while it is looked at.
    pub(crate) fn trusts_timers(&self) -> bool {
        self.clock == Clock::Own
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.asyncio_loop)?;
        visit.call(&self.ticks)
    }
}

/// A moment, on the clock of threads and, in a task, on that of its event loop.
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

    /// Moves it to now. It runs no Python code, lest a signal handler raises in there.
    pub(crate) fn catch_up(&mut self, py: Python<'_>, home: Option<&Home>) {
        self.instant = Instant::now();
        // A clock that is not a real one stands still while a task runs.
        if let Some((_, time)) = &mut self.in_loop
            && let Some(home) = home.filter(|home| home.clock == Clock::Asyncio)
            && let Ok(Some(now)) = home.time(py)
        {
            *time = now;
        }
    }

    /// How much time has passed since another one.
    ///
    /// The clocks of two loops cannot be compared. What has passed up to here by that of threads
    /// counts, and from here on the loop's own.
    pub(crate) fn since(&self, other: &mut Self) -> Duration {
        let passed = self.instant.saturating_duration_since(other.instant);
        let Some((this_loop, now)) = &self.in_loop else { return passed };
        match &other.in_loop {
            Some((asyncio_loop, then)) if asyncio_loop.is(this_loop) => {
                Duration::try_from_secs_f64(now - then).unwrap_or_default()
            }
            _ => {
                other.in_loop = Some((this_loop.clone(), now - passed.as_secs_f64()));
                passed
            }
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.in_loop.as_ref().map_or(Ok(()), |(asyncio_loop, _)| visit.call(asyncio_loop))
    }
}
