//! `DictionaryChangeBuffer`: a buffer of its own, or a view of a multi-view.

use std::time::Instant;

use change_buffers_core::batch::Mark;
use change_buffers_core::store::{Frozen, WakeFor};
use pyo3::exceptions::PyTimeoutError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

use crate::args::seconds::{Interval, Timeout};
use crate::change::dictionary_change::DictionaryChange;
use crate::follow::next_change::{self, NextChange};
use crate::follow::pace::Subscription;
use crate::journal::batch::{Batch, fill};
use crate::journal::errors::{drained, frozen};
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::flushed::{Flushed, flush};
use crate::waiting;

#[pymethods]
impl DictionaryChangeBuffer {
    // Takes anything, for the sake of subclasses with another signature of `__init__`.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Self::alone(py)
    }

    #[allow(clippy::unused_self, reason = "it is here to refuse arguments")]
    fn __init__(&self) {}

    /// Merge a change into what is pending, in one atomic step.
    ///
    /// For each key in `updates`, a pending removal of it is cancelled and its pending value
    /// replaced. For each key in `removals`, a pending value of it is dropped and a pending
    /// removal recorded, also when the key was never seen. A key in both ends up in both parts of
    /// the flushed change. On any error nothing has changed.
    ///
    /// Args:
    ///     updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
    ///         reference.
    ///     removals: Iterable of `str` keys, or `None`.
    ///
    /// Raises:
    ///     ObjectFrozenError: The buffer is frozen.
    ///     TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
    ///         string, or a key is not a `str`.
    #[pyo3(signature = (updates = None, removals = None))]
    fn update(
        &self,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let status = self.store().status(self.view());
        if status.frozen {
            return Err(frozen());
        }
        let mut batch = Batch::default();
        fill(&mut batch, updates, removals, || !status.pending)?;
        self.store().update_view(self.view(), &mut batch).map_err(|Frozen| frozen())
    }

    /// Wait until something is pending, then return it and forget it.
    ///
    /// Several threads may wait on one buffer: every pending change goes to exactly one of them.
    /// The GIL is released while waiting. On the main thread a signal handler that raises, as
    /// Ctrl-C does, ends the wait within 0.2 seconds; nothing is lost by that.
    ///
    /// Args:
    ///     timeout: Seconds to wait at most, or `None` to wait as long as it takes. Without a
    ///         positive number it does not wait.
    ///
    /// Returns:
    ///     The pending change; it belongs to the caller alone.
    ///
    /// Raises:
    ///     ObjectFrozenError: The buffer is frozen, or is frozen meanwhile, and nothing is
    ///         pending.
    ///     TimeoutError: The time is over; nothing is lost by that.
    ///     TypeError: `timeout` is not a number.
    ///     OverflowError: `timeout` is longer than 292 years.
    #[pyo3(signature = (timeout = None))]
    fn flush_changed_blocking(
        &self,
        py: Python<'_>,
        timeout: Option<Timeout>,
    ) -> PyResult<DictionaryChange> {
        let deadline = timeout.and_then(|timeout| timeout.deadline());
        loop {
            if let Some(change) = self.flush_changed_nowait(py)? {
                return Ok(change);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(PyTimeoutError::new_err("nothing was pending in time"));
            }
            if let Some(sleeper) = self.store().wait(self.view(), WakeFor::Change) {
                let slept = waiting::sleep(py, &sleeper, deadline);
                if !matches!(slept, Ok(true)) {
                    self.store().forget(&sleeper);
                }
                slept?;
            }
        }
    }

    /// Return what is pending and forget it, or return `None` when nothing is.
    ///
    /// Raises:
    ///     ObjectFrozenError: The buffer is frozen and nothing is pending.
    fn flush_changed_nowait(&self, py: Python<'_>) -> PyResult<Option<DictionaryChange>> {
        match flush(py, self)? {
            Flushed::Change(change) => Ok(Some(change)),
            Flushed::Drained => Err(drained()),
            Flushed::Nothing => Ok(None),
        }
    }

    /// Wait in an asyncio task until something is pending, then return it and forget it.
    ///
    /// A coroutine: it can be called anywhere, and waits in the event loop where it is awaited.
    /// Any number of tasks may wait on one buffer, in any number of event loops: every pending
    /// change goes to exactly one of them. Cancelling it loses nothing: what is pending stays
    /// pending.
    ///
    /// Returns:
    ///     The pending change, when awaited; it belongs to the caller alone.
    ///
    /// Raises:
    ///     ObjectFrozenError: The buffer is frozen, or is frozen meanwhile, and nothing is
    ///         pending.
    ///     RuntimeError: It has to wait, and there is no event loop.
    fn flush_changed(slf: Py<Self>) -> NextChange {
        NextChange::new(next_change::Source::Buffer(slf))
    }

    /// Take no more updates, and wake every thread that waits.
    ///
    /// What is pending can be flushed once more. A view is detached from its multi-view by this.
    /// Freezing twice is not an error.
    fn freeze(&self, py: Python<'_>) {
        self.freeze_view(py);
    }

    /// Make another buffer or view with the same pending.
    ///
    /// What is pending here is pending there, too, and from now on each is for itself. The clone
    /// of a view is fed as the view is, about the same keys; it is removed when it is dropped,
    /// frozen or passed to `remove_view()`. The clone of a frozen buffer is frozen. Takes time in
    /// proportion to what the view holds for itself alone, such as its own updates.
    fn clone(&self, py: Python<'_>) -> PyResult<Py<Self>> {
        self.another(py)
    }

    /// Iterate over flushes, paced.
    ///
    /// The first change comes as soon as something is pending; after that at least `interval`
    /// seconds lie between one delivery and the next. The iterator ends when the buffer is frozen
    /// and drained: at once when nothing is pending, else after the last change, which comes when
    /// it is due.
    ///
    /// Args:
    ///     interval: Seconds, 0 or more, on the monotonic clock; in a task, on its event loop's.
    ///
    /// Raises:
    ///     TypeError: `interval` is not a number.
    ///     ValueError: `interval` is negative or NaN.
    ///     OverflowError: `interval` is longer than 292 years.
    #[pyo3(signature = (interval = Interval::ZERO), text_signature = "($self, interval=0)")]
    fn subscribe_changes(slf: Bound<'_, Self>, interval: Interval) -> Subscription {
        Subscription::to_buffer(slf.unbind(), interval)
    }

    /// A snapshot of the updates that a flush would give now. Private.
    #[getter]
    fn _pending_changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let updates = PyDict::new(py);
        for Mark { key, fate } in self.store().peek(self.view()) {
            if let Some(value) = fate.value() {
                updates.set_item(key.text(py), value.object(py)?)?;
            }
        }
        Ok(updates)
    }

    /// A snapshot of the removals that a flush would give now. Private.
    #[getter]
    fn _pending_removals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        let marks = self.store().peek(self.view());
        let removed = marks.iter().filter(|mark| !mark.fate.is_live());
        PySet::new(py, removed.map(|mark| mark.key.text(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.store_ref().visit_first(&visit, |store| {
            store.try_each_pending(
                self.view(),
                |value| value.visit(&visit),
                |whole| whole.visit(&visit),
            )
        })
    }

    fn __clear__(&self) {
        self.store().clear_view(self.view());
    }
}
