//! The parts of a change as Python objects.

use change_buffers_core::batch::Mark;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::args::name::Name;
use crate::kept::value::Value;

/// What a change consists of, as objects that nobody has changed yet.
#[derive(Clone)]
pub(crate) struct Dicts {
    pub(crate) updates: Py<PyDict>,
    /// None stands for an empty set.
    pub(crate) removals: Option<Py<PySet>>,
}

impl Dicts {
    pub(crate) fn of(py: Python<'_>, marks: &[Mark<Name, Value>]) -> PyResult<Self> {
        let updates = PyDict::new(py);
        let mut removals = None;
        for Mark { key, fate } in marks {
            if let Some(value) = fate.value() {
                updates.set_item(key.text(py), value.object(py)?)?;
            }
            if !fate.is_live() {
                let removals: &mut Bound<'_, PySet> = match &mut removals {
                    Some(removals) => removals,
                    none => none.insert(PySet::empty(py)?),
                };
                removals.add(key.text(py))?;
            }
        }
        Ok(Self { updates: updates.unbind(), removals: removals.map(Bound::unbind) })
    }

    pub(crate) fn copy(&self, py: Python<'_>) -> PyResult<Self> {
        let updates = self.updates.bind(py).copy()?.unbind();
        // Its own method: built anew, the same keys may come in another order.
        let removals = self.removals.as_ref().map(|removals| -> PyResult<_> {
            let copied = removals.bind(py).call_method0(intern!(py, "copy"))?;
            Ok(copied.cast_into::<PySet>()?.unbind())
        });
        Ok(Self { updates, removals: removals.transpose()? })
    }

    /// These, nobody else's, without the updates of some keys.
    pub(crate) fn without(self, py: Python<'_>, keys: &[Name]) -> PyResult<Self> {
        let updates = self.updates.bind(py);
        keys.iter().try_for_each(|key| updates.del_item(key.text(py)))?;
        Ok(self)
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.updates)?;
        visit.call(&self.removals)
    }
}
