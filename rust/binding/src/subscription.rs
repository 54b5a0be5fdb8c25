//! `subscribe_changes()`: an iterator over flushes that keeps a pace, for threads and for tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use change_buffers_core::sleep::Sleeper;
use change_buffers_core::store::{Flush, Harvest, HubId, Ticket, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::args::Interval;
use crate::buffer::DictionaryChangeBuffer;
use crate::change::DictionaryChange;
use crate::finished::change;
use crate::following::Following;
use crate::home::Home;
use crate::next_change::NextChange;
use crate::shared::SharedStore;
use crate::waiting;

/// An iterator over the changes of a buffer or a multi-view, at a pace.
///
/// Made by `subscribe_changes()`. It serves `for` and `async for`, one of them: the next change
/// is waited for until there is one and it is due, and the iteration ends when the source is
/// frozen and drained, or the subscription is closed. It works as a context manager, with `with`
/// and with `async with`, that closes it.
///
/// One thread or task at a time may wait for the next change, another gets a `ValueError`; any
/// thread may call `close()` or set `interval`.
#[pyclass(frozen, weakref, module = "change_buffers")]
pub(crate) struct Subscription {
    /// A leaf among the locks: only references are moved and counted under it.
    state: Mutex<State>,
}

struct State {
    source: Source,
    interval: Duration,
    /// When the last change was handed out.
    delivered: Option<Instant>,
    form: Option<Form>,
    /// Whether somebody waits for the next change.
    is_busy: bool,
    /// How that somebody is woken to look again.
    waiter: Option<Waiter>,
    /// Counts up when it is closed or its interval is set.
    revision: u64,
    /// What that somebody knows of.
    known_revision: u64,
    /// Where the tasks are that have waited last.
    home: Option<Home>,
}

#[derive(Clone)]
enum Source {
    /// Of a multi-view; the private view is made when the first change is asked for.
    Content(Arc<Following>),
    Buffer(Py<DictionaryChangeBuffer>),
    Closed,
}

/// Which kind of iteration it serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    For,
    AsyncFor,
}

enum Waiter {
    Thread(Arc<Sleeper>),
    Task(Py<SharedStore>, HubId, Ticket),
}

/// What to do for the next change.
pub(crate) enum Step {
    Deliver(DictionaryChange),
    Wait(Py<DictionaryChangeBuffer>, WakeFor, Option<Instant>),
    End,
}

impl Subscription {
    pub(crate) fn to_content(following: Following, interval: Interval) -> Self {
        Self::new(Source::Content(Arc::new(following)), interval)
    }

    pub(crate) fn to_buffer(buffer: Py<DictionaryChangeBuffer>, interval: Interval) -> Self {
        Self::new(Source::Buffer(buffer), interval)
    }

    fn new(source: Source, Interval(interval): Interval) -> Self {
        let state = State {
            source,
            interval,
            delivered: None,
            form: None,
            is_busy: false,
            waiter: None,
            revision: 0,
            known_revision: 0,
            home: None,
        };
        Self { state: Mutex::new(state) }
    }

    fn serve(&self, form: Form) -> PyResult<()> {
        let served = *self.state.lock().form.get_or_insert(form);
        if served == form {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(match served {
            Form::For => {
                "this subscription serves a `for` loop already: subscribe anew for `async for`"
            }
            Form::AsyncFor => {
                "this subscription serves an `async for` loop already: subscribe anew for `for`"
            }
        }))
    }

    /// Remembers how to wake whoever waits. Says no if there is something new for it already.
    fn register(&self, waiter: Waiter) -> bool {
        let mut state = self.state.lock();
        let replaced = state.waiter.replace(waiter);
        let is_current = state.revision == state.known_revision;
        drop(state);
        drop(replaced);
        is_current
    }

    /// The buffer to flush; none once closed.
    fn buffer(&self, py: Python<'_>) -> PyResult<Option<Py<DictionaryChangeBuffer>>> {
        let source = self.state.lock().source.clone();
        let following = match source {
            Source::Closed => return Ok(None),
            Source::Buffer(buffer) => return Ok(Some(buffer)),
            Source::Content(following) => following,
        };
        let buffer = DictionaryChangeBuffer::follow(py, &following)?;
        let mut next = Source::Buffer(buffer.clone_ref(py));
        {
            let mut state = self.state.lock();
            if matches!(state.source, Source::Closed) {
                return Ok(None);
            }
            std::mem::swap(&mut state.source, &mut next);
        }
        Ok(Some(buffer))
    }

    pub(crate) fn step(&self, py: Python<'_>) -> PyResult<Step> {
        let due = {
            let mut state = self.state.lock();
            state.known_revision = state.revision;
            state.delivered.and_then(|delivered| delivered.checked_add(state.interval))
        };
        let Some(holder) = self.buffer(py)? else { return Ok(Step::End) };
        let buffer = holder.get();
        if let Some(due) = due.filter(|due| *due > Instant::now()) {
            let status = buffer.store().status(buffer.view());
            let is_over = status.frozen && !status.pending;
            return Ok(if is_over {
                Step::End
            } else {
                Step::Wait(holder, WakeFor::End, Some(due))
            });
        }
        let mut harvest = Harvest::default();
        Ok(match buffer.store().flush(buffer.view(), &mut harvest) {
            Flush::Change => {
                let change = change(py, buffer.store(), &mut harvest)?;
                // As late as can be: from here it goes to whoever waits for it.
                self.state.lock().delivered = Some(Instant::now());
                Step::Deliver(change)
            }
            Flush::Drained => Step::End,
            Flush::Nothing => Step::Wait(holder, WakeFor::Change, None),
        })
    }

    fn next_change(&self, py: Python<'_>) -> PyResult<Option<DictionaryChange>> {
        loop {
            let (buffer, wake_for, until) = match self.step(py)? {
                Step::Deliver(change) => return Ok(Some(change)),
                Step::End => return Ok(None),
                Step::Wait(buffer, wake_for, until) => (buffer, wake_for, until),
            };
            let buffer = buffer.get();
            if let Some(sleeper) = buffer.store().wait(buffer.view(), wake_for) {
                let slept = self.sleep(py, &sleeper, until);
                // Also when it was woken: that may have been by `close()`.
                buffer.store().forget(&sleeper);
                slept?;
            }
        }
    }

    fn sleep(
        &self,
        py: Python<'_>,
        sleeper: &Arc<Sleeper>,
        until: Option<Instant>,
    ) -> PyResult<()> {
        let is_current = self.register(Waiter::Thread(Arc::clone(sleeper)));
        if is_current { waiting::sleep(py, sleeper, until).map(drop) } else { Ok(()) }
    }

    /// Where the tasks were last; they may be elsewhere now.
    pub(crate) fn home(&self) -> Option<Home> {
        self.state.lock().home.clone()
    }

    /// Remembers where the tasks are.
    pub(crate) fn settle(&self, home: Home) {
        let mut state = self.state.lock();
        let dropped = if matches!(state.source, Source::Closed) {
            Some(home)
        } else {
            state.home.replace(home)
        };
        drop(state);
        drop(dropped);
    }

    /// Begins to wait for the next change, alone.
    pub(crate) fn claim(&self) -> PyResult<()> {
        if std::mem::replace(&mut self.state.lock().is_busy, true) {
            let message = "somebody waits for the next change of this subscription already";
            return Err(PyValueError::new_err(message));
        }
        Ok(())
    }

    /// Ends what `claim()` began.
    pub(crate) fn release(&self) {
        let mut state = self.state.lock();
        state.is_busy = false;
        let waiter = state.waiter.take();
        drop(state);
        drop(waiter);
    }

    /// Registers a task that is to look again, unless it is to do so at once.
    pub(crate) fn wait(
        &self,
        buffer: &DictionaryChangeBuffer,
        hub: HubId,
        wake_for: WakeFor,
        future: Py<PyAny>,
    ) -> Option<Ticket> {
        let shared = buffer.shared();
        let ticket = shared.get().wait_in(hub, buffer.view(), wake_for, future)?;
        if !self.register(Waiter::Task(shared, hub, ticket)) {
            self.wake();
        }
        Some(ticket)
    }

    /// Whoever waits is to look again.
    fn wake(&self) {
        let waiter = self.state.lock().waiter.take();
        match waiter {
            Some(Waiter::Thread(sleeper)) => sleeper.wake(),
            Some(Waiter::Task(shared, hub, ticket)) => shared.get().store.poke(hub, ticket),
            None => {}
        }
    }
}

#[pymethods]
impl Subscription {
    fn __iter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        slf.get().serve(Form::For)?;
        Ok(slf)
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<DictionaryChange>> {
        self.serve(Form::For)?;
        self.claim()?;
        let next = self.next_change(py);
        self.release();
        if matches!(next, Ok(None)) {
            self.close();
        }
        next
    }

    fn __aiter__(slf: Py<Self>) -> PyResult<Py<Self>> {
        slf.get().serve(Form::AsyncFor)?;
        Ok(slf)
    }

    fn __anext__(slf: Py<Self>) -> PyResult<NextChange> {
        slf.get().serve(Form::AsyncFor)?;
        Ok(NextChange::new(slf))
    }

    /// Seconds that lie at least between two deliveries. Setting it takes effect at once.
    #[getter]
    fn interval(&self) -> f64 {
        self.state.lock().interval.as_secs_f64()
    }

    #[setter]
    fn set_interval(&self, interval: Interval) {
        let mut state = self.state.lock();
        state.interval = interval.0;
        state.revision += 1;
        drop(state);
        self.wake();
    }

    /// End the iteration and remove the private view, if there is one.
    ///
    /// A thread or task that waits for the next change is woken and its iteration ends. Closing
    /// twice is no error.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        let source = std::mem::replace(&mut state.source, Source::Closed);
        let home = state.home.take();
        state.revision += 1;
        drop(state);
        self.wake();
        drop(home);
        // A private view goes with its last reference; a buffer of the user's is left as it is.
        drop(source);
    }

    /// Do what `close()` does. To be awaited.
    fn aclose<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static CLOSE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLOSE.import(slf.py(), "change_buffers._asyncio", "close")?.call1((slf,))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Close the subscription.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> bool {
        self.close();
        false
    }

    /// Give the subscription. To be awaited.
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static ENTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        ENTER.import(slf.py(), "change_buffers._asyncio", "enter")?.call1((slf,))
    }

    /// Close the subscription. To be awaited.
    #[pyo3(signature = (*_exception))]
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        _exception: &Bound<'_, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::aclose(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(state) = self.state.try_lock() else { return Ok(()) };
        state.home.as_ref().map_or(Ok(()), |home| home.visit(&visit))?;
        if let Some(Waiter::Task(shared, ..)) = &state.waiter {
            visit.call(shared)?;
        }
        match &state.source {
            Source::Content(following) => following.visit(&visit),
            Source::Buffer(buffer) => visit.call(buffer),
            Source::Closed => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.close();
    }
}
