//! `Publisher`: an owner's hand in a multi-view.

use std::sync::atomic::{AtomicBool, Ordering};

use change_buffers_core::store::PublisherId;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyTuple};

use crate::args::errors::type_name;
use crate::args::keys::names;
use crate::args::options::Exclusive;
use crate::journal::refused::closed;
use crate::journal::room::{DictionaryChangeMultiView, Owners};
use crate::journal::shared::StoreRef;
use crate::kept::value::Value;
use crate::release::release;

/// Updates a multi-view on behalf of one owner, whose keys go with it.
///
/// Made by `DictionaryChangeMultiView.create_publisher()`. It works as a context manager that
/// closes it. Any number of threads may call any method at any time. Can be subclassed.
///
/// Args:
///     multi_view: What it updates.
///     exclusive: As long as it is open, nobody else can change its keys.
///
/// Raises:
///     TypeError: `multi_view` is not a `DictionaryChangeMultiView`, or `exclusive` is not a `bool`.
#[pyclass(frozen, subclass, weakref, module = "change_buffers")]
pub(crate) struct Publisher {
    multi_view: Py<DictionaryChangeMultiView>,
    id: PublisherId,
    is_exclusive: bool,
    is_closed: AtomicBool,
}

impl Publisher {
    pub(crate) fn new(multi_view: Py<DictionaryChangeMultiView>, is_exclusive: bool) -> Self {
        let id = multi_view.get().store().open_publisher(is_exclusive);
        Self { multi_view, id, is_exclusive, is_closed: AtomicBool::new(false) }
    }

    /// Valid as long as this is there.
    pub(crate) fn id(&self) -> PublisherId {
        self.id
    }

    pub(crate) fn store(&self) -> &StoreRef {
        self.multi_view.get().store_ref()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

impl Drop for Publisher {
    // It may happen in the middle of anything, so it waits for nothing.
    fn drop(&mut self) {
        let multi_view = self.multi_view.get();
        let values = multi_view.store().leave_publisher(self.id);
        if !self.is_closed() {
            multi_view.forget_copy();
        }
        release(values.into_iter().map(Value::into_object));
    }
}

#[pymethods]
impl Publisher {
    #[new]
    #[pyo3(
        signature = (multi_view, *, exclusive = Exclusive(false)),
        text_signature = "(multi_view, *, exclusive=False)"
    )]
    fn create(multi_view: &Bound<'_, PyAny>, exclusive: Exclusive) -> PyResult<Self> {
        let Ok(multi_view) = multi_view.cast::<DictionaryChangeMultiView>() else {
            let name = type_name(multi_view);
            return Err(PyTypeError::new_err(format!(
                "multi_view must be a DictionaryChangeMultiView, not {name}"
            )));
        };
        Ok(Self::new(multi_view.clone().unbind(), exclusive.0))
    }

    /// Apply a change to the shared dictionary and to every view, as the publisher's own.
    ///
    /// What it sets is the publisher's own until another changes it: a key goes with the publisher
    /// if its last change was made here. Otherwise as `DictionaryChangeMultiView.update()`.
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
    ///     KeyOwnedError: A key belongs to another publisher, which is exclusive.
    ///     ConflictError: A key has changed after `unchanged_since`, or that is not known.
    ///     TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
    ///         string, a key is not a `str`, or `unchanged_since` is not an integer.
    ///     ValueError: The publisher is closed, or there has been no version `unchanged_since`.
    #[pyo3(signature = (updates = None, removals = None, *, unchanged_since = None))]
    fn update(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
        unchanged_since: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if self.is_closed() {
            return Err(closed());
        }
        self.multi_view.get().publish(py, Some(self.id), updates, removals, unchanged_since)
    }

    /// Take no more updates, and remove the keys that are the publisher's own.
    ///
    /// These are the keys whose last change was made through it; they go in one atomic step. In a
    /// frozen multi-view nothing changes any more, so they stay. Closing twice is not an error. A
    /// publisher that is dropped is closed too.
    fn close(&self, py: Python<'_>) {
        if !self.is_closed.swap(true, Ordering::AcqRel) {
            self.multi_view.get().store().close_publisher(self.id);
            self.multi_view.get().keep_copy_level(py);
        }
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed()
    }

    /// How many keys are its own now: those that would go with it.
    #[getter]
    fn owned_keys(&self) -> usize {
        let is_frozen = self.store().is_frozen();
        if self.is_closed() || is_frozen { 0 } else { self.store().owned_by(self.id) }
    }

    /// Whether nobody else can change its keys.
    #[getter]
    fn exclusive(&self) -> bool {
        self.is_exclusive
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Close the publisher, whatever happened.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> bool {
        self.close(py);
        false
    }

    // What it is in breaks cycles, so there is no `__clear__`.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.multi_view)
    }
}

/// What was passed as `publishers`: each with the keys that were changed through it. These are valid
/// as long as the publishers are held.
pub(crate) fn owners<'py>(
    publishers: &Bound<'py, PyAny>,
    multi_view: &DictionaryChangeMultiView,
) -> PyResult<(Vec<Bound<'py, Publisher>>, Owners)> {
    let Ok(publishers) = publishers.cast::<PyMapping>() else {
        let name = type_name(publishers);
        return Err(PyTypeError::new_err(format!(
            "publishers must be a mapping of publishers to iterables of str, not {name}"
        )));
    };
    let (mut held, mut owners) = (Vec::new(), Owners::default());
    for item in publishers.items()? {
        let (publisher, keys): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let Ok(publisher) = publisher.cast_into::<Publisher>() else {
            return Err(PyTypeError::new_err("publishers must have publishers for keys"));
        };
        if !publisher.get().store().object().is(multi_view.store_ref().object()) {
            return Err(PyValueError::new_err("publishers must be those of this multi-view"));
        }
        let id = publisher.get().id();
        owners.extend(names(&keys)?.names.into_iter().map(|key| (key, id)));
        held.push(publisher);
    }
    Ok((held, owners))
}
