//! From what a flush gives to a `DictionaryChange`: built once, copied for others that get the same.

use change_buffers_core::batch::Mark;
use change_buffers_core::store::{Harvest, Whole};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::args::Value;
use crate::change::DictionaryChange;
use crate::name::Name;
use crate::shared::PyStore;

/// A change as Python objects that nobody has changed yet.
#[derive(Clone)]
pub(crate) struct Finished {
    pub(crate) updates: Py<PyDict>,
    /// None stands for an empty set.
    pub(crate) removals: Option<Py<PySet>>,
}

impl Finished {
    fn copy(&self, py: Python<'_>) -> PyResult<Self> {
        let updates = self.updates.bind(py).copy()?.unbind();
        let removals = self.removals.as_ref().map(|removals| PySet::new(py, removals.bind(py)));
        Ok(Self { updates, removals: removals.transpose()?.map(Bound::unbind) })
    }

    fn into_change(self, py: Python<'_>) -> PyResult<DictionaryChange> {
        let removals = self.removals.map_or_else(|| PySet::empty(py), |set| Ok(set.into_bound(py)));
        Ok(DictionaryChange::owning(self.updates.into_bound(py), removals?))
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.updates)?;
        visit.call(&self.removals)
    }
}

/// The change object for what was pending.
pub(crate) fn change(
    py: Python<'_>,
    store: &PyStore,
    harvest: Harvest<Name, Value, Finished>,
) -> PyResult<DictionaryChange> {
    let Harvest { marks, whole, memo } = harvest;
    match whole {
        Some(Whole::Owned(finished)) => return finished.into_change(py),
        Some(Whole::Shared(finished)) => return finished.copy(py)?.into_change(py),
        None => {}
    }
    let updates = PyDict::new(py);
    let mut removals = None;
    for Mark { key, fate } in marks {
        if let Some(value) = fate.value() {
            updates.set_item(key.text(py), value)?;
        }
        if !fate.is_live() {
            let removals: &mut Bound<'_, PySet> = match &mut removals {
                Some(removals) => removals,
                none => none.insert(PySet::empty(py)?),
            };
            removals.add(key.text(py))?;
        }
    }
    let finished = Finished { updates: updates.unbind(), removals: removals.map(Bound::unbind) };
    if let Some(ticket) = memo {
        store.memoize(ticket, finished.copy(py)?);
    }
    finished.into_change(py)
}
