//! `subscribe_changes()`: an iterator over flushes that keeps a pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use change_buffers_core::sleep::Sleeper;
use change_buffers_core::store::{Flush, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::args::Interval;
use crate::buffer::DictionaryChangeBuffer;
use crate::change::DictionaryChange;
use crate::shared::{StoreRef, change};
use crate::waiting;

/// An iterator over the changes of a buffer or a multi-view, at a pace.
///
/// Made by `subscribe_changes()`. `next()` waits for a change that is due; the iteration ends
/// when the source is frozen and drained, or the subscription is closed. Works as a context
/// manager that closes it. One thread at a time may be in `next()`, another gets a `ValueError`;
/// any thread may call `close()`.
#[pyclass(frozen, weakref, module = "change_buffers")]
pub(crate) struct Subscription {
    interval: Duration,
    /// A leaf among the locks: only references are moved and counted under it.
    state: Mutex<State>,
}

struct State {
    source: Source,
    /// Not before this is the next delivery.
    due: Option<Instant>,
    /// Whether a thread is in `next()`.
    busy: bool,
    /// Where that thread sleeps.
    sleeper: Option<Arc<Sleeper>>,
}

#[derive(Clone)]
enum Source {
    /// Of a multi-view; the private view is made when the first change is asked for.
    Content(StoreRef),
    Buffer(Py<DictionaryChangeBuffer>),
    Closed,
}

impl Subscription {
    pub(crate) fn to_content(store: StoreRef, interval: Interval) -> Self {
        Self::new(Source::Content(store), interval)
    }

    pub(crate) fn to_buffer(buffer: Py<DictionaryChangeBuffer>, interval: Interval) -> Self {
        Self::new(Source::Buffer(buffer), interval)
    }

    fn new(source: Source, Interval(interval): Interval) -> Self {
        let state = State { source, due: None, busy: false, sleeper: None };
        Self { interval, state: Mutex::new(state) }
    }

    /// The buffer to flush; none once closed.
    fn buffer(&self, py: Python<'_>) -> PyResult<Option<Py<DictionaryChangeBuffer>>> {
        let source = self.state.lock().source.clone();
        let store = match source {
            Source::Closed => return Ok(None),
            Source::Buffer(buffer) => return Ok(Some(buffer)),
            Source::Content(store) => store,
        };
        let buffer = DictionaryChangeBuffer::follow(py, store)?;
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

    fn next_change(
        &self,
        py: Python<'_>,
        buffer: &DictionaryChangeBuffer,
    ) -> PyResult<Option<DictionaryChange>> {
        let (store, view) = (buffer.store(), buffer.view());
        loop {
            let due = self.state.lock().due.filter(|due| *due > Instant::now());
            let wake_for = if due.is_some() { WakeFor::End } else { WakeFor::Change };
            if due.is_none() {
                match store.flush(view) {
                    Flush::Change(harvest) => return change(py, store, harvest).map(Some),
                    Flush::Drained => return Ok(None),
                    Flush::Nothing => {}
                }
            }
            match store.wait(view, wake_for) {
                Some(sleeper) => {
                    let slept = self.sleep(py, &sleeper, due);
                    if !matches!(slept, Ok(true)) {
                        store.forget(&sleeper);
                    }
                    slept?;
                }
                None if due.is_some() => return Ok(None),
                None => {}
            }
            if matches!(self.state.lock().source, Source::Closed) {
                return Ok(None);
            }
        }
    }

    fn sleep(
        &self,
        py: Python<'_>,
        sleeper: &Arc<Sleeper>,
        until: Option<Instant>,
    ) -> PyResult<bool> {
        {
            let mut state = self.state.lock();
            if matches!(state.source, Source::Closed) {
                return Ok(false);
            }
            state.sleeper = Some(Arc::clone(sleeper));
        }
        let slept = waiting::sleep(py, sleeper, until);
        self.state.lock().sleeper = None;
        slept
    }
}

#[pymethods]
impl Subscription {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<DictionaryChange>> {
        if std::mem::replace(&mut self.state.lock().busy, true) {
            return Err(PyValueError::new_err("the subscription is already waiting for a change"));
        }
        let next = match self.buffer(py) {
            Ok(Some(buffer)) => self.next_change(py, buffer.get()),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        {
            let mut state = self.state.lock();
            state.busy = false;
            if matches!(next, Ok(Some(_))) {
                state.due = Instant::now().checked_add(self.interval);
            }
        }
        if matches!(next, Ok(None)) {
            self.close();
        }
        next
    }

    /// End the iteration and remove the private view, if there is one.
    ///
    /// A thread that waits in `next()` is woken and its iteration ends. Closing twice is no
    /// error.
    fn close(&self) {
        let (source, sleeper) = {
            let mut state = self.state.lock();
            (std::mem::replace(&mut state.source, Source::Closed), state.sleeper.take())
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        // A private view goes with its last reference; a buffer of the user's is left as it is.
        drop(source);
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

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(state) = self.state.try_lock() else { return Ok(()) };
        match &state.source {
            Source::Content(store) => store.visit_first(&visit, |_| Ok(())),
            Source::Buffer(buffer) => visit.call(buffer),
            Source::Closed => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.close();
    }
}
