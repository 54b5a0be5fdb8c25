//! The two parts of a change, as far as anybody has asked for them.

use pyo3::prelude::*;
use pyo3::types::PySet;

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
