//! `DictionaryChangeMultiView`: one shared dictionary, many views.

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::args::errors::type_name;
use crate::args::keys::key as key_of;
use crate::args::options::{self, Exclusive, History, Snapshot};
use crate::args::prefixes::Prefixes;
use crate::args::seconds::Interval;
use crate::follow::pace::Subscription;
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::following::Following;
use crate::journal::publisher::{Publisher, owners};
use crate::journal::room::DictionaryChangeMultiView;
use crate::journal::stats::Stats;
use crate::view::context::ViewContext;

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
        Self::create(py)
    }

    #[pyo3(signature = (*, history = History(0)))]
    fn __init__(&self, history: History) {
        self.store().set_history(history.0);
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

    /// Apply a change that was made elsewhere: how a replica follows another store.
    ///
    /// It is one atomic step, as an update is, but it has its version from there, and no exclusive
    /// publisher refuses it. Without a key it only sets the version. If versions have been
    /// left out, no view can go on from an earlier one: it begins anew, with a complete change.
    ///
    /// Args:
    ///     updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
    ///         reference.
    ///     removals: Iterable of `str` keys, or `None`.
    ///     version: The version that the multi-view has afterwards, later than the present one.
    ///     publishers: Mapping of publishers of this multi-view to iterables of `str`: the keys
    ///         that were changed through them, for views `without` them. `None` stands for no such
    ///         key.
    ///
    /// Raises:
    ///     ObjectFrozenError: The multi-view is frozen.
    ///     TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
    ///         string, a key is not a `str`, `version` is not an integer, or `publishers` is not
    ///         such a mapping.
    ///     ValueError: `version` is not later than that of the multi-view, or a publisher belongs
    ///         to another one.
    #[pyo3(signature = (updates = None, removals = None, *, version, publishers = None))]
    fn replay(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
        version: &Bound<'_, PyAny>,
        publishers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let version = options::version(version, "version")?;
        let publishers = publishers.map(|publishers| owners(publishers, self)).transpose()?;
        // They are valid as long as their publishers are there.
        let (held, by) = publishers.unwrap_or_default();
        let result = self.follow(py, updates, removals, version, &by);
        drop(held);
        result
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
        let value = self.store().get(&key_of(key)?);
        value.map_or(Ok(default), |value| Ok(Some(value.object(py)?.clone().unbind())))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.store().get(&key_of(key)?).is_some())
    }

    /// The number of updates so far, of this multi-view and through its publishers.
    ///
    /// An update without a key does not count, nor does one of a single view. A publisher that
    /// leaves keys behind counts.
    #[getter]
    fn version(&self) -> u64 {
        self.store().version()
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
    ///         them: its flushes leave out other keys, and these wake nobody who waits for one.
    ///         `None` stands for all keys.
    ///     snapshot: The first flush comes at once, also if there is no content.
    ///     since: A version up to which everything is known, or `None`. The view gives what has
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
    /// A buffer that is not a view of this multi-view, or not any more, is only frozen.
    ///
    /// Args:
    ///     view: The buffer to remove.
    ///
    /// Raises:
    ///     TypeError: `view` is not a `DictionaryChangeBuffer`.
    #[allow(clippy::unused_self, reason = "a method for its users")]
    fn remove_view(&self, view: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(view) = view.cast::<DictionaryChangeBuffer>() else {
            let name = type_name(view);
            return Err(PyTypeError::new_err(format!(
                "view must be a DictionaryChangeBuffer, not {name}"
            )));
        };
        view.get().freeze_view(view.py());
        Ok(())
    }

    /// Iterate over the changes of the shared dictionary, paced, beginning with its content.
    ///
    /// Like `DictionaryChangeBuffer.subscribe_changes()`, over a private view that is made when
    /// the first change is asked for and removed when the iterator is exhausted, closed or
    /// dropped.
    ///
    /// Args:
    ///     interval: Seconds between two deliveries, 0 or more, on the monotonic clock; in a
    ///         task, on its event loop's.
    ///     prefixes: One `str` or several, as for `create_view()`.
    ///     snapshot: As for `create_view()`.
    ///     since: As for `create_view()`.
    ///     without: As for `create_view()`.
    ///
    /// Raises:
    ///     TypeError: `interval` is not a number, or another argument is as for `create_view()`.
    ///     ValueError: `interval` is negative or NaN, or another argument is as for
    ///         `create_view()`.
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
    /// A view made later gives the final content once. Freezing twice is not an error.
    fn freeze(&self) {
        self.store().freeze();
    }

    /// Copy the shared dictionary.
    ///
    /// Returns:
    ///     A new `dict`, shallow, in the order a plain one would have after the same operations.
    fn copy_content<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.content().copy(py, self.store())
    }

    /// Count keys, views, waiters and more, for operations.
    ///
    /// Takes time in proportion to the number of views and to the history, whatever they hold: it
    /// can be polled.
    fn stats(&self) -> Stats {
        self.store().stats().into()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.store_ref().visit_first(&visit, |_| self.content().visit(&visit))
    }

    fn __clear__(&self) {
        self.content().clear(self.store());
    }
}
