//! What a subscription is: a source of changes, and a pace to keep, for threads and for tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use change_buffers_core::sleep::Sleeper;
use change_buffers_core::store::{HubId, Ticket, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::args::seconds::Interval;
use crate::change::dictionary_change::DictionaryChange;
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::flushed::{Flushed, flush};
use crate::journal::following::Following;
use crate::journal::shared::SharedStore;
use crate::tasks::home::{Home, Moment};
use crate::tasks::stint::Stint;
use crate::tasks::wake_up::WakeUp;
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
    stint: Stint,
}

struct State {
    source: Source,
    interval: Duration,
    /// When the last change was handed out.
    delivered: Option<Moment>,
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
pub(crate) enum Form {
    For,
    AsyncFor,
}

enum Waiter {
    Thread(Arc<Sleeper>),
    Task(Py<SharedStore>, HubId, Ticket),
}

/// Who asks for the next change.
#[derive(Clone, Copy)]
pub(crate) enum Asker {
    Thread,
    Task {
        /// The timer has struck that it was told to wait for.
        time_is_up: bool,
    },
}

/// What to do for the next change.
pub(crate) enum Step {
    Deliver(DictionaryChange),
    /// For so long at most, if there is an end to it, and there, if that was of interest.
    Wait(Py<DictionaryChangeBuffer>, WakeFor, Option<Duration>, Option<Home>),
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
        Self { state: Mutex::new(state), stint: Stint::default() }
    }

    pub(crate) fn serve(&self, form: Form) -> PyResult<()> {
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

    pub(crate) fn step(&self, py: Python<'_>, asker: Asker) -> PyResult<Step> {
        let (interval, delivered, is_news) = {
            let mut state = self.state.lock();
            let is_news = state.known_revision != state.revision;
            state.known_revision = state.revision;
            (state.interval, state.delivered.clone(), is_news)
        };
        let Some(holder) = self.buffer(py)? else { return Ok(Step::End) };
        let buffer = holder.get();
        let keeps_a_pace = !interval.is_zero();
        let (in_task, time_is_up) = match asker {
            Asker::Thread => (false, false),
            Asker::Task { time_is_up } => (true, time_is_up && !is_news),
        };
        let home =
            (in_task && keeps_a_pace).then(|| self.home(py, &buffer.shared())).transpose()?;
        let is_due = time_is_up && home.as_ref().is_some_and(Home::trusts_timers);
        let mut now = Moment::now(py, home.as_ref())?;
        if let Some(mut delivered) = delivered.filter(|_| keeps_a_pace && !is_due) {
            let left = interval.saturating_sub(now.since(&mut delivered));
            self.note_delivery(delivered);
            if !left.is_zero() {
                let status = buffer.store().status(buffer.view());
                let is_over = status.frozen && !status.pending;
                return Ok(if is_over {
                    Step::End
                } else {
                    Step::Wait(holder, WakeFor::End, Some(left), home)
                });
            }
        }
        Ok(match flush(py, buffer)? {
            Flushed::Change(change) => {
                // As late as can be: from here it goes to whoever waits for it.
                now.catch_up(py, home.as_ref());
                self.note_delivery(now);
                Step::Deliver(change)
            }
            Flushed::Drained => Step::End,
            Flushed::Nothing => Step::Wait(holder, WakeFor::Change, None, home),
        })
    }

    fn note_delivery(&self, moment: Moment) {
        let last = self.state.lock().delivered.replace(moment);
        drop(last);
    }

    /// Waits for the next change, in a thread.
    pub(crate) fn next_change(&self, py: Python<'_>) -> PyResult<Option<DictionaryChange>> {
        loop {
            let (buffer, wake_for, left) = match self.step(py, Asker::Thread)? {
                Step::Deliver(change) => return Ok(Some(change)),
                Step::End => return Ok(None),
                Step::Wait(buffer, wake_for, left, _) => (buffer, wake_for, left),
            };
            let until = left.map(|left| Instant::now() + left);
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

    pub(crate) fn stint(&self) -> &Stint {
        &self.stint
    }

    /// Where the tasks are: as a rule, where they were last.
    pub(crate) fn home(&self, py: Python<'_>, shared: &Py<SharedStore>) -> PyResult<Home> {
        let last = self.state.lock().home.clone();
        if let Some(last) = last
            && last.is_here(py)?
        {
            return Ok(last);
        }
        let home = SharedStore::home(shared, py, "async for")?;
        self.settle(home.clone());
        Ok(home)
    }

    /// Remembers where the tasks are.
    fn settle(&self, home: Home) {
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
        wake_up: &Py<WakeUp>,
    ) -> PyResult<Option<Ticket>> {
        let shared = buffer.shared();
        let ticket = shared.get().wait_in(hub, buffer.view(), wake_for, wake_up)?;
        if let Some(ticket) = ticket
            && !self.register(Waiter::Task(shared, hub, ticket))
        {
            self.wake();
        }
        Ok(ticket)
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

    /// What lies at least between two deliveries.
    pub(crate) fn pace(&self) -> Duration {
        self.state.lock().interval
    }

    pub(crate) fn set_pace(&self, Interval(interval): Interval) {
        let mut state = self.state.lock();
        state.interval = interval;
        state.revision += 1;
        drop(state);
        self.wake();
    }

    /// Ends the iteration.
    pub(crate) fn end(&self) {
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

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(state) = self.state.try_lock() else { return Ok(()) };
        state.home.as_ref().map_or(Ok(()), |home| home.visit(visit))?;
        state.delivered.as_ref().map_or(Ok(()), |delivered| delivered.visit(visit))?;
        if let Some(Waiter::Task(shared, ..)) = &state.waiter {
            visit.call(shared)?;
        }
        match &state.source {
            Source::Content(following) => following.visit(visit),
            Source::Buffer(buffer) => visit.call(buffer),
            Source::Closed => Ok(()),
        }
    }
}
