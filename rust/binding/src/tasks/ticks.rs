//! Timers of an event loop, on its own clock: those that end in the same millisecond are one.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::tasks::call::{Call, Duty};
use crate::tasks::wake_up::{Outcome, WakeUp};

const TICKS_PER_SECOND: f64 = 1000.0;

/// Less than a float can tell of a clock that has run for some months.
const ROUNDING: f64 = 1e-6;

/// The timers of one event loop. Never seen by users.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct Ticks {
    asyncio_loop: Py<PyWeakrefReference>,
    /// By number. Weakly, as whoever waits refers to its loop: it is the loop that keeps them.
    ///
    /// A leaf among the locks: only references are moved under it.
    ticks: Mutex<BTreeMap<i64, Py<PyWeakrefReference>>>,
}

/// One timer, and those who wait for it.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct Tick {
    ticks: Py<Ticks>,
    number: i64,
    /// A leaf among the locks: only references are moved under it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Weakly, as of the loop's own alone: if that is interrupted and forgets it, it is to be noticed.
    timer: Option<Py<PyWeakrefReference>>,
    waiting: BTreeMap<u64, Py<WakeUp>>,
    /// How many there have been.
    seats: u64,
    /// Nobody may join any more.
    is_over: bool,
}

/// A place among those who wait for a tick.
pub(crate) struct Seat {
    tick: Py<Tick>,
    number: u64,
}

impl Ticks {
    /// Has a task of this thread's loop woken when so much time has passed.
    pub(crate) fn sit(
        slf: &Py<Self>,
        py: Python<'_>,
        wake_up: &Py<WakeUp>,
        left: Duration,
    ) -> PyResult<Seat> {
        let asyncio_loop = wake_up.get().running_loop(py)?;
        let now: f64 = asyncio_loop.call_method0(intern!(py, "time"))?.extract()?;
        let number = first_tick_at(now + left.as_secs_f64());
        let there = slf.get().ticks.lock().get(&number).map(|tick| tick.clone_ref(py));
        let there = there.and_then(|reference| tick_of(reference.bind(py)));
        if let Some(seat) = there.and_then(|tick| Tick::join(&tick, wake_up)) {
            return Ok(seat);
        }
        let state = Mutex::default();
        let tick = Bound::new(py, Tick { ticks: slf.clone_ref(py), number, state })?;
        // The timer first: if that fails, nobody may count on it.
        #[allow(clippy::cast_precision_loss, reason = "it was a float before")]
        let when = number as f64 / TICKS_PER_SECOND;
        let timer = Call::at(&asyncio_loop, when, Box::new(Strike(tick.clone().unbind())))?;
        tick.get().state.lock().timer = PyWeakrefReference::new(&timer).ok().map(Bound::unbind);
        let reference = PyWeakrefReference::new(&tick)?.unbind();
        let replaced = slf.get().ticks.lock().insert(number, reference);
        drop(replaced);
        Ok(Tick::join(&tick, wake_up).expect("it was made just now"))
    }

    /// The first of all, if it comes before this one.
    fn before<'py>(&self, py: Python<'py>, number: i64) -> Option<Bound<'py, Tick>> {
        loop {
            let ticks = self.ticks.lock();
            let (&first, reference) = ticks.range(..number).next()?;
            let reference = reference.clone_ref(py);
            drop(ticks);
            let tick = tick_of(reference.bind(py));
            if tick.is_some() {
                return tick;
            }
            self.forget(first, &reference);
        }
    }

    fn forget(&self, number: i64, reference: &Py<PyWeakrefReference>) {
        let mut ticks = self.ticks.lock();
        let is_it = ticks.get(&number).is_some_and(|it| it.is(reference));
        let forgotten = is_it.then(|| ticks.remove(&number));
        drop(ticks);
        drop(forgotten);
    }
}

fn tick_of<'py>(reference: &Bound<'py, PyWeakrefReference>) -> Option<Bound<'py, Tick>> {
    reference.upgrade_as().ok().flatten()
}

#[allow(clippy::cast_possible_truncation, reason = "that far away it does not matter")]
fn first_tick_at(due: f64) -> i64 {
    (due * TICKS_PER_SECOND - ROUNDING).ceil() as i64
}

impl Tick {
    fn join(slf: &Bound<'_, Self>, wake_up: &Py<WakeUp>) -> Option<Seat> {
        let mut state = slf.get().state.lock();
        if state.is_over {
            return None;
        }
        let number = state.seats;
        state.seats += 1;
        state.waiting.insert(number, wake_up.clone_ref(slf.py()));
        Some(Seat { tick: slf.clone().unbind(), number })
    }

    /// Wakes all who wait, the first to come first. What an interruption leaves is for the next call.
    fn strike(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        slf.get().end();
        while let Some(wake_up) = slf.get().next() {
            WakeUp::set(wake_up.bind(py), Outcome::TimeIsUp)?;
        }
        Self::leave(slf)
    }

    /// Those of earlier ticks too. An interruption makes the loop forget one, and if its traceback is
    /// in a cycle, as asyncio makes them of errors in calls, that is not known until it is collected.
    fn strike_all_until(slf: &Bound<'_, Self>) -> PyResult<()> {
        let tick = slf.get();
        while let Some(earlier) = tick.ticks.get().before(slf.py(), tick.number) {
            Self::strike(&earlier)?;
        }
        Self::strike(slf)
    }

    /// Is one of the loop's no more.
    fn leave(slf: &Bound<'_, Self>) -> PyResult<()> {
        // There is but one such reference to an object.
        let reference = PyWeakrefReference::new(slf)?.unbind();
        slf.get().ticks.get().forget(slf.get().number, &reference);
        Ok(())
    }

    fn next(&self) -> Option<Py<WakeUp>> {
        self.state.lock().waiting.pop_first().map(|(_, wake_up)| wake_up)
    }

    /// Nobody joins any more. Gives the timer, once.
    fn end(&self) -> Option<Py<PyWeakrefReference>> {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.is_over, true) {
            return None;
        }
        state.timer.take()
    }

    fn is_empty(&self) -> bool {
        self.state.lock().waiting.is_empty()
    }

    fn asyncio_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.ticks.get().asyncio_loop.bind(py).upgrade()
    }
}

/// Waking those whose time is over.
struct Strike(Py<Tick>);

impl Duty for Strike {
    fn perform(&self, py: Python<'_>) -> PyResult<()> {
        Tick::strike_all_until(self.0.bind(py))
    }

    fn renew(&self, py: Python<'_>) -> PyResult<bool> {
        let tick = self.0.get();
        let asyncio_loop = if tick.is_empty() { None } else { tick.asyncio_loop(py) };
        asyncio_loop.map_or(Ok(()), |it| Call::soon_threadsafe(&it, self)).map(|()| true)
    }

    fn again(&self, py: Python<'_>) -> Box<dyn Duty> {
        Box::new(Self(self.0.clone_ref(py)))
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

impl Seat {
    /// Waits no more. The last to leave takes the timer along.
    pub(crate) fn leave(self, py: Python<'_>) -> PyResult<()> {
        let tick = self.tick.get();
        let mut state = tick.state.lock();
        let left = state.waiting.remove(&self.number);
        let is_last = left.is_some() && state.waiting.is_empty();
        drop(state);
        drop(left);
        if !is_last {
            return Ok(());
        }
        let timer = tick.end();
        Tick::leave(self.tick.bind(py))?;
        let Some(timer) = timer else { return Ok(()) };
        let (Some(timer), Some(_)) = (timer.bind(py).upgrade(), tick.asyncio_loop(py)) else {
            return Ok(());
        };
        let cancel = || timer.call_method0(intern!(py, "cancel"));
        // A signal handler may raise in there.
        cancel().or_else(|error| cancel().and(Err(error))).map(drop)
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.tick)
    }
}

#[pymethods]
impl Ticks {
    #[new]
    fn new(asyncio_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let asyncio_loop = PyWeakrefReference::new(asyncio_loop)?.unbind();
        Ok(Self { asyncio_loop, ticks: Mutex::default() })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.asyncio_loop)?;
        let Some(ticks) = self.ticks.try_lock() else { return Ok(()) };
        ticks.values().try_for_each(|tick| visit.call(tick))
    }
}

#[pymethods]
impl Tick {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ticks)?;
        let Some(state) = self.state.try_lock() else { return Ok(()) };
        visit.call(&state.timer)?;
        state.waiting.values().try_for_each(|wake_up| visit.call(wake_up))
    }

    fn __clear__(&self) {
        let state = std::mem::take(&mut *self.state.lock());
        drop(state);
    }
}
