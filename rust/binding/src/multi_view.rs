//! `DictionaryChangeMultiView`: one shared dictionary, many views.

use change_buffers_core::store::{PublisherId, Terms};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::args::{self, Batch, Exclusive, History, Interval, Prefixes, Snapshot};
use crate::buffer::{DictionaryChangeBuffer, frozen};
use crate::content::ContentCopy;
use crate::following::Following;
use crate::publisher::Publisher;
use crate::refused::refused;
use crate::shared::StoreRef;
use crate::stats::Stats;
use crate::subscription::Subscription;
use crate::value::fragments_are_shared;
use crate::view_context::ViewContext;

/// A shared dictionary that any number of views follow, each at its own pace.
///
/// An update costs the same whatever the number of views. Any number of threads may call any
/// method at any time; the operations on one multi-view are linearizable.
///
/// Args:
///     history: How many removed keys are remembered, the last ones, for views that go on from an
///         old version: `create_view(since=...)`. 0 or more.
///
/// Raises:
///     TypeError: `history` is not an integer.
///     ValueError: `history` is negative.
#[pyclass(frozen, subclass, weakref, dict, module = "change_buffers")]
pub(crate) struct DictionaryChangeMultiView {
    store: StoreRef,
    content: ContentCopy,
}

impl DictionaryChangeMultiView {
    pub(crate) fn store(&self) -> &StoreRef {
        &self.store
    }

    /// An update by a publisher or by anybody, perhaps on a condition.
    #[expect(clippy::inline_always, reason = "two methods consist of nothing else")]
    #[inline(always)]
    pub(crate) fn publish(
        &self,
        py: Python<'_>,
        by: Option<PublisherId>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
        unchanged_since: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if self.store.is_frozen() {
            return Err(frozen());
        }
        let since = |version| args::version(version, "unchanged_since");
        let unchanged_since = unchanged_since.map(since).transpose()?;
        let mut batch = Batch::default();
        // A dictionary of objects would say nothing of what they are on the wire.
        let has_versions = fragments_are_shared();
        let wants_whole = || !has_versions && self.store.wants_whole();
        args::fill(&mut batch, updates, removals, wants_whole)?;
        if has_versions {
            batch.values_mut().try_for_each(|value| value.become_version(py))?;
        }
        let result = if by.is_none() && unchanged_since.is_none() {
            self.store.update(&mut batch)
        } else {
            self.store.update_on(Terms { by, unchanged_since }, &mut batch)
        };
        result.map_err(|reason| refused(py, reason, unchanged_since))?;
        self.content.keep_level(py, &self.store);
        Ok(())
    }

    /// To be called after every change that is not an update.
    pub(crate) fn keep_copy_level(&self, py: Python<'_>) {
        self.content.keep_level(py, &self.store);
    }

    /// Does so in the middle of anything, without waiting.
    pub(crate) fn forget_copy(&self) {
        self.content.forget(&self.store);
    }
}

#[pymethods]
impl DictionaryChangeMultiView {
    // Takes anything, for the sake of subclasses with another signature of `__init__`.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(*, history=0)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Ok(Self { store: StoreRef::create(py)?, content: ContentCopy::default() })
    }

    #[pyo3(signature = (*, history = History(0)))]
    fn __init__(&self, history: History) {
        self.store.set_history(history.0);
    }

    /// Apply a change to the shared dictionary and to every view, in one atomic step.
    ///
    /// The updates come first, then the removals: a key in both ends removed. No view ever sees
    /// part of one call. On any error nothing has changed.
    ///
    /// Args:
    ///     updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
    ///         reference.
    ///     removals: Iterable of `str` keys, or `None`.
    ///     unchanged_since: A version of the multi-view, or `None`. The update is refused if a key
    ///         that it names has changed after that.
    ///
    /// Raises:
    ///     ObjectFrozenError: The multi-view is frozen.
    ///     KeyOwnedError: A key belongs to an exclusive publisher.
    ///     ConflictError: A key has changed after `unchanged_since`, or that is not known.
    ///     TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
    ///         string, a key is not a `str`, or `unchanged_since` is not an integer.
    ///     ValueError: There has been no version `unchanged_since`.
    #[pyo3(signature = (updates = None, removals = None, *, unchanged_since = None))]
    fn update(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
        unchanged_since: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.publish(py, None, updates, removals, unchanged_since)
    }

    /// Look one key up.
    ///
    /// Takes the same time whatever the size of the content.
    ///
    /// Args:
    ///     key: The `str` to look up.
    ///     default: What to return if the content has no such key.
    ///
    /// Returns:
    ///     The value of the key: the object that was passed to `update()`.
    ///
    /// Raises:
    ///     TypeError: `key` is not a `str`.
    #[pyo3(signature = (key, default = None))]
    fn get(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let value = self.store.get(&args::key(key)?);
        Ok(value.map_or(default, |value| Some(value.object(py).clone().unbind())))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.store.get(&args::key(key)?).is_some())
    }

    /// The number of updates so far, of this multi-view and through its publishers.
    ///
    /// An update without a key does not count, nor does one of a single view. A publisher that
    /// leaves keys behind counts.
    #[getter]
    fn version(&self) -> u64 {
        self.store.version()
    }

    /// Make a publisher: what its owner sets through it goes when it is closed.
    ///
    /// Args:
    ///     exclusive: As long as it is open, nobody else can change its keys: an update that names
    ///         one of them raises a `KeyOwnedError`.
    ///
    /// Returns:
    ///     A `Publisher`, which is a context manager that closes itself.
    ///
    /// Raises:
    ///     TypeError: `exclusive` is not a `bool`.
    #[pyo3(
        signature = (*, exclusive = Exclusive(false)),
        text_signature = "($self, *, exclusive=False)"
    )]
    fn create_publisher(slf: Py<Self>, exclusive: Exclusive) -> Publisher {
        Publisher::new(slf, exclusive.0)
    }

    /// Give a context manager that makes a view on entry and removes it on exit.
    ///
    /// The view's first flush is the content at the moment of entry, merged with what came since;
    /// nothing is pending if that is empty. It is removed however the body ends. One use per
    /// call. Making a view takes the same time whatever the size of the content.
    ///
    /// Args:
    ///     prefixes: One `str` or several. The view is about the keys that start with one of
    ///         them: other keys are in none of its flushes and wake nobody who waits for one.
    ///         `None` stands for all keys.
    ///     snapshot: The first flush comes at once, also if there is no content.
    ///     since: A version up to which everything is known, or `None`. The view owes what has
    ///         changed after it, removals included. If these are not known any more, the first
    ///         flush comes at once and is complete instead: see `DictionaryChange.is_complete`.
    ///     without: A publisher, or `None`. The view is not told of keys that were changed last
    ///         through it: such changes are in none of its flushes and wake nobody.
    ///
    /// Raises:
    ///     TypeError: `prefixes` is neither a `str` nor an iterable of `str`, `snapshot` is not a
    ///         `bool`, `since` is not an integer, or `without` is not a `Publisher`.
    ///     ValueError: There has been no version `since`, it was passed together with `snapshot`,
    ///         or `without` is closed or belongs to another multi-view.
    #[pyo3(
        signature = (prefixes = None, *, snapshot = Snapshot(false), since = None, without = None),
        text_signature = "($self, prefixes=None, *, snapshot=False, since=None, without=None)"
    )]
    fn create_view(
        &self,
        prefixes: Option<Prefixes>,
        snapshot: Snapshot,
        since: Option<&Bound<'_, PyAny>>,
        without: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<ViewContext> {
        let following = Following::new(self, prefixes, snapshot.0, since, without)?;
        Ok(ViewContext::new(following))
    }

    /// Freeze a view and stop feeding it. What was pending can be flushed once more.
    ///
    /// A buffer that is no view of this multi-view, or no more, is just frozen.
    ///
    /// Args:
    ///     view: The buffer to remove.
    ///
    /// Raises:
    ///     TypeError: `view` is not a `DictionaryChangeBuffer`.
    #[allow(clippy::unused_self, reason = "a method for its users")]
    fn remove_view(&self, view: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(view) = view.cast::<DictionaryChangeBuffer>() else {
            let name = args::type_name(view);
            return Err(PyTypeError::new_err(format!(
                "view must be a DictionaryChangeBuffer, not {name}"
            )));
        };
        let view = view.get();
        view.store().freeze_view(view.view());
        Ok(())
    }

    /// Iterate over the changes of the shared dictionary, paced, beginning with its content.
    ///
    /// Like `DictionaryChangeBuffer.subscribe_changes()`, over a private view that is made when
    /// the first change is asked for and removed when the iterator is exhausted, closed or
    /// dropped.
    ///
    /// Args:
    ///     interval: Seconds between two deliveries, 0 or more, on the monotonic clock.
    ///     prefixes: One `str` or several, as for `create_view()`.
    ///     snapshot: As for `create_view()`.
    ///     since: As for `create_view()`.
    ///     without: As for `create_view()`.
    ///
    /// Raises:
    ///     TypeError: `interval` is not a number, or as for `create_view()`.
    ///     ValueError: `interval` is negative or NaN, or as for `create_view()`.
    ///     OverflowError: `interval` is longer than 292 years.
    #[pyo3(
        signature = (
            interval = Interval::ZERO,
            prefixes = None,
            *,
            snapshot = Snapshot(false),
            since = None,
            without = None
        ),
        text_signature = "($self, interval=0, prefixes=None, *, snapshot=False, since=None, \
                          without=None)"
    )]
    fn subscribe_changes(
        &self,
        interval: Interval,
        prefixes: Option<Prefixes>,
        snapshot: Snapshot,
        since: Option<&Bound<'_, PyAny>>,
        without: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Subscription> {
        let following = Following::new(self, prefixes, snapshot.0, since, without)?;
        Ok(Subscription::to_content(following, interval))
    }

    /// Take no more updates, freeze every view and wake every thread that waits.
    ///
    /// A view made later gives the final content once. Freezing twice is no error.
    fn freeze(&self) {
        self.store.freeze();
    }

    /// Copy the shared dictionary.
    ///
    /// Returns:
    ///     A new `dict`, shallow, in the order a plain one would have after the same operations.
    fn copy_content<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.content.copy(py, &self.store)
    }

    /// Count keys, views, waiters and more, for operations.
    ///
    /// Takes time in proportion to the number of views and to the history, whatever they hold: it
    /// can be polled.
    fn stats(&self) -> Stats {
        self.store.stats().into()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.store.visit_first(&visit, |_| self.content.visit(&visit))
    }

    fn __clear__(&self) {
        self.content.clear(&self.store);
    }
}
