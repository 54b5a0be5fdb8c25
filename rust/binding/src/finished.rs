//! From what a flush gives to a `DictionaryChange`: built once, copied for others that get the same.

use change_buffers_core::store::{Harvest, Whole};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::change::DictionaryChange;
use crate::dicts::Dicts;
use crate::name::Name;
use crate::origin::Origin;
use crate::shared::PyStore;
use crate::source::Source;
use crate::value::{Value, fragments_are_shared};

/// A change as Python objects, ready to be handed out.
#[derive(Clone)]
pub(crate) enum Finished {
    /// For those who never encode.
    Dicts(Dicts),
    /// For those who may, and may never ask for dictionaries.
    Source(Py<Source>),
}

impl Finished {
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Dicts(dicts) => dicts.visit(visit),
            Self::Source(source) => visit.call(source),
        }
    }
}

/// The change object for what was pending.
pub(crate) fn change(
    py: Python<'_>,
    store: &PyStore,
    harvest: &mut Harvest<Name, Value, Finished>,
) -> PyResult<DictionaryChange> {
    let Harvest { marks, whole, memo, version, is_complete } = harvest;
    let origin = Origin::new(*version, *is_complete);
    match whole.take() {
        Some(Whole::Owned(Finished::Dicts(dicts))) => {
            return DictionaryChange::owning(py, dicts, origin);
        }
        Some(Whole::Shared(Finished::Dicts(dicts))) => {
            return DictionaryChange::owning(py, dicts.copy(py)?, origin);
        }
        Some(Whole::Owned(Finished::Source(source)) | Whole::Shared(Finished::Source(source))) => {
            return Ok(DictionaryChange::unopened(source, origin));
        }
        None => {}
    }
    if fragments_are_shared() {
        let source = Py::new(py, Source::new(std::mem::take(marks), memo.is_some()))?;
        if let Some(ticket) = memo.take() {
            store.memoize(ticket, Finished::Source(source.clone_ref(py)));
        }
        return Ok(DictionaryChange::unopened(source, origin));
    }
    let dicts = Dicts::of(py, marks)?;
    if let Some(ticket) = memo.take() {
        store.memoize(ticket, Finished::Dicts(dicts.copy(py)?));
    }
    DictionaryChange::owning(py, dicts, origin)
}
