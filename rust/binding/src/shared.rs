//! The Python object that owns a store.

use std::ops::Deref;

use change_buffers_core::batch::Mark;
use change_buffers_core::store::{Harvest, Store};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::args::Value;
use crate::change::DictionaryChange;
use crate::name::{Name, NameHasher};

pub(crate) type PyStore = Store<Name, Value, Py<PyDict>, NameHasher>;
pub(crate) type PyHarvest = Harvest<Name, Value, Py<PyDict>>;

/// A store as a Python object.
///
/// A multi-view and its views all refer to one of these, and this one alone shows the content to
/// the garbage collector: every reference must be shown exactly once. What a view holds for
/// itself is shown by that view. Never seen by users.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct SharedStore(pub(crate) PyStore);

#[pymethods]
impl SharedStore {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.try_each_value(|value| visit.call(value))
    }

    fn __clear__(&self) {
        self.0.clear();
    }
}

/// A class instance's reference to its store.
///
/// It may be met by the garbage collector before it is there: CPython 3.11 allocates the
/// `__dict__` of a new instance, and so may collect, while the rest of the instance is still
/// zeroed memory. That makes this reference, for which zero means none, what `__traverse__` has
/// to look at first.
#[derive(Clone)]
pub(crate) struct StoreRef(Option<Py<SharedStore>>);

impl StoreRef {
    pub(crate) fn create(py: Python<'_>) -> PyResult<Self> {
        Py::new(py, SharedStore(PyStore::default())).map(|shared| Self(Some(shared)))
    }

    /// Visits the reference, then what else `visit_rest` has, if there is anything yet.
    pub(crate) fn visit_first(
        &self,
        visit: &PyVisit<'_>,
        visit_rest: impl FnOnce(&PyStore) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        let Some(shared) = &self.0 else { return Ok(()) };
        visit.call(shared)?;
        visit_rest(&shared.get().0)
    }
}

impl Deref for StoreRef {
    type Target = PyStore;

    fn deref(&self) -> &PyStore {
        &self.0.as_ref().expect("an initialised instance has a store").get().0
    }
}

/// The change object for what was pending.
pub(crate) fn change(py: Python<'_>, harvest: PyHarvest) -> PyResult<DictionaryChange> {
    let Harvest { marks, whole } = harvest;
    let removals = PySet::empty(py)?;
    let Some(whole) = whole else {
        let updates = PyDict::new(py);
        for Mark { key, fate } in marks {
            if let Some(value) = fate.value() {
                updates.set_item(key.text(py), value)?;
            }
            if !fate.is_live() {
                removals.add(key.text(py))?;
            }
        }
        return Ok(DictionaryChange::owning(updates, removals));
    };
    Ok(DictionaryChange::owning(whole.into_bound(py), removals))
}
