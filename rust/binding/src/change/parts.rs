//! The two parts of a change, as far as anybody has asked for them.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::args::keys::{removals_set, updates_dict};
use crate::change::dicts::Dicts;
use crate::change::origin::Origin;
use crate::change::source::Source;
use crate::release::release;

/// What users may have assigned is not checked, as in any Python object. A part is absent once it
/// was deleted; and when CPython 3.11 collects before a new instance is initialised, its memory
/// all zero.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) updates: Option<Py<PyAny>>,
    pub(crate) removals: Option<Py<PyAny>>,
    /// What the flush gave that it came from. If nobody has asked for the parts so far, this is all
    /// there is; later it knows the bytes that others may have found already.
    pub(crate) source: Option<Py<Source>>,
    pub(crate) origin: Origin,
}

impl Parts {
    pub(crate) fn of(updates: impl Into<Py<PyAny>>, removals: impl Into<Py<PyAny>>) -> Self {
        Self {
            updates: Some(updates.into()),
            removals: Some(removals.into()),
            source: None,
            origin: Origin::default(),
        }
    }

    /// The parts that these arguments stand for, copied.
    pub(crate) fn of_arguments(
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let updates = updates.map_or_else(|| Ok(PyDict::new(py)), updates_dict)?;
        let removals = removals.map_or_else(|| PySet::empty(py), removals_set)?;
        Ok(Self::of(updates.into_any(), removals.into_any()))
    }

    pub(crate) fn from_dicts(py: Python<'_>, Dicts { updates, removals }: Dicts) -> PyResult<Self> {
        let removals = removals.map_or_else(|| PySet::empty(py).map(Bound::unbind), Ok)?;
        Ok(Self::of(updates, removals))
    }

    /// Lets go of them, outside the lock.
    pub(crate) fn release(self) {
        let Self { updates, removals, source, .. } = self;
        release([updates, removals, source.map(Py::into_any)].into_iter().flatten());
    }

    /// The source, as long as it is all there is.
    pub(crate) fn unopened(&self) -> Option<&Py<Source>> {
        self.source.as_ref().filter(|_| self.updates.is_none() && self.removals.is_none())
    }
}
