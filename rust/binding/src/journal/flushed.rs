//! From what a flush gives to a `DictionaryChange`: built once, copied for others that get the same.

use change_buffers_core::store::{Harvest, Whole};
use pyo3::prelude::*;

use crate::args::name::Name;
use crate::change::dictionary_change::DictionaryChange;
use crate::change::dicts::Dicts;
use crate::change::finished::Finished;
use crate::change::source::Source;
use crate::journal::shared::PyStore;
use crate::kept::value::{Value, fragments_are_shared};

/// The change object for what was pending.
pub(crate) fn change(
    py: Python<'_>,
    store: &PyStore,
    harvest: &mut Harvest<Name, Value, Finished>,
) -> PyResult<DictionaryChange> {
    let Harvest { marks, whole, memo } = harvest;
    match whole.take() {
        Some(Whole::Owned(Finished::Dicts(dicts))) => return DictionaryChange::owning(py, dicts),
        Some(Whole::Shared(Finished::Dicts(dicts))) => {
            return DictionaryChange::owning(py, dicts.copy(py)?);
        }
        Some(Whole::Owned(Finished::Source(source)) | Whole::Shared(Finished::Source(source))) => {
            return Ok(DictionaryChange::unopened(source));
        }
        None => {}
    }
    if fragments_are_shared() {
        let source = Py::new(py, Source::new(std::mem::take(marks), memo.is_some()))?;
        if let Some(ticket) = memo.take() {
            store.memoize(ticket, Finished::Source(source.clone_ref(py)));
        }
        return Ok(DictionaryChange::unopened(source));
    }
    let dicts = Dicts::of(py, marks)?;
    if let Some(ticket) = memo.take() {
        store.memoize(ticket, Finished::Dicts(dicts.copy(py)?));
    }
    DictionaryChange::owning(py, dicts)
}
