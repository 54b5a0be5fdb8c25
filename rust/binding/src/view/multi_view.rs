//! `DictionaryChangeMultiView`: one shared dictionary, many views.

use change_buffers_core::store::Frozen;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::args::errors::type_name;
use crate::args::prefixes::Prefixes;
use crate::args::seconds::Interval;
use crate::follow::pace::Subscription;
use crate::journal::batch::{Batch, fill};
use crate::journal::content::ContentCopy;
use crate::journal::errors::frozen;
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::shared::StoreRef;
use crate::journal::stats::Stats;
use crate::view::context::ViewContext;

/// A shared dictionary that any number of views follow, each at its own pace.
///
/// An update costs the same whatever the number of views. Any number of threads may call any
/// method at any time; the operations on one multi-view are linearizable.
#[pyclass(frozen, subclass, weakref, dict, module = "change_buffers")]
pub(crate) struct DictionaryChangeMultiView {
    store: StoreRef,
    content: ContentCopy,
}

#[pymethods]
impl DictionaryChangeMultiView {
    // Takes anything, for the sake of subclasses with another signature of `__init__`.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Ok(Self { store: StoreRef::create_with_content(py)?, content: ContentCopy::default() })
    }

    #[allow(clippy::unused_self, reason = "it is here to refuse arguments")]
    fn __init__(&self) {}

    /// Apply a change to the shared dictionary and to every view, in one atomic step.
    ///
    /// The updates come first, then the removals: a key in both ends removed. No view ever sees
    /// part of one call. On any error nothing has changed.
    ///
    /// Args:
    ///     updates: Mapping of `str` keys to values of any type, or `None`. Values are kept by
    ///         reference.
    ///     removals: Iterable of `str` keys, or `None`.
    ///
    /// Raises:
    ///     ObjectFrozenError: The multi-view is frozen.
    ///     TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
    ///         string, or a key is not a `str`.
    #[pyo3(signature = (updates = None, removals = None))]
    fn update(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if self.store.is_frozen() {
            return Err(frozen());
        }
        let mut batch = Batch::default();
        // A dictionary of objects would say nothing of what they are on the wire.
        let encodes = self.store.object().get().encoding.get().is_on();
        fill(&mut batch, updates, removals, || !encodes && self.store.wants_whole())?;
        self.store.update(&mut batch).map_err(|Frozen| frozen())?;
        self.content.keep_level(py, &self.store);
        Ok(())
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
    ///
    /// Raises:
    ///     TypeError: `prefixes` is neither a `str` nor an iterable of `str`.
    #[pyo3(signature = (prefixes = None))]
    fn create_view(&self, prefixes: Option<Prefixes>) -> ViewContext {
        ViewContext::new(self.store.clone(), prefixes.map(|prefixes| prefixes.0))
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
    ///
    /// Raises:
    ///     TypeError: `interval` is not a number, or `prefixes` is neither a `str` nor an
    ///         iterable of `str`.
    ///     ValueError: `interval` is negative or NaN.
    ///     OverflowError: `interval` is longer than 292 years.
    #[pyo3(
        signature = (interval = Interval::ZERO, prefixes = None),
        text_signature = "($self, interval=0, prefixes=None)"
    )]
    fn subscribe_changes(&self, interval: Interval, prefixes: Option<Prefixes>) -> Subscription {
        Subscription::to_content(self.store.clone(), prefixes.map(|prefixes| prefixes.0), interval)
    }

    /// Take no more updates, freeze every view and wake every thread that waits.
    ///
    /// A view made later gives the final content once. Freezing twice is not an error.
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
    /// Takes time in proportion to the number of views, whatever they hold: it can be polled.
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
