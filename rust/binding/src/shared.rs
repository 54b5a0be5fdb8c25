//! The Python object that owns a store.

use change_buffers_core::batch::Mark;
use change_buffers_core::store::{Harvest, Store, ViewId};
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
/// A multi-view and its views all refer to one of these, and this one alone shows the content to the
/// garbage collector: every reference must be shown exactly once. What a view holds for itself is
/// shown by that view. Never seen by users.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct SharedStore(pub(crate) PyStore);

impl SharedStore {
    pub(crate) fn create(py: Python<'_>) -> PyResult<Py<Self>> {
        Py::new(py, Self(PyStore::default()))
    }

    pub(crate) fn visit_view(
        &self,
        view: ViewId,
        visit: &PyVisit<'_>,
    ) -> Result<(), PyTraverseError> {
        self.0.try_each_pending(view, |value| visit.call(value), |whole| visit.call(whole))
    }
}

#[pymethods]
impl SharedStore {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.try_each_value(|value| visit.call(value))
    }

    fn __clear__(&self) {
        self.0.clear();
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
