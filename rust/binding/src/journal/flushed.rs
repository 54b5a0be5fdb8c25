//! From what a store gives to a `DictionaryChange`: built once, copied for others that get the same.

use change_buffers_core::store::{Flush, Harvest, Whole};
use pyo3::prelude::*;

use crate::args::name::Name;
use crate::change::dictionary_change::DictionaryChange;
use crate::change::dicts::Dicts;
use crate::change::finished::Finished;
use crate::change::origin::Origin;
use crate::change::source::Source;
use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::level::CAN_LAST;
use crate::journal::shared::SharedStore;
use crate::kept::value::Value;

/// What a buffer had to say.
pub(crate) enum Flushed {
    Change(DictionaryChange),
    Nothing,
    Drained,
}

/// Takes everything that is pending.
pub(crate) fn flush(py: Python<'_>, buffer: &DictionaryChangeBuffer) -> PyResult<Flushed> {
    let shared = buffer.store_ref().object().get();
    shared.prepare(py, buffer.view())?;
    let mut harvest = Harvest::default();
    match shared.store.flush(buffer.view(), &mut harvest) {
        Flush::Change => change(py, shared, &mut harvest).map(Flushed::Change),
        Flush::Nothing => Ok(Flushed::Nothing),
        Flush::Drained => Ok(Flushed::Drained),
    }
}

/// The change object for what was pending.
fn change(
    py: Python<'_>,
    shared: &SharedStore,
    harvest: &mut Harvest<Name, Value, Finished>,
) -> PyResult<DictionaryChange> {
    let Harvest { marks, whole, seen, memo, version, is_complete } = harvest;
    let origin = Origin::new(*version, *is_complete);
    let owning = |dicts| {
        let encoding = shared.encoding.clone_ref(py);
        DictionaryChange::owning(py, dicts, origin, Some(encoding))
    };
    match whole.take() {
        Some(Whole::Owned(Finished::Dicts(dicts))) => return owning(dicts.without(py, seen)?),
        Some(Whole::Shared(Finished::Dicts(dicts))) => {
            return owning(dicts.copy(py)?.without(py, seen)?);
        }
        Some(Whole::Owned(Finished::Source(source)) | Whole::Shared(Finished::Source(source))) => {
            return Ok(DictionaryChange::unopened(source, origin));
        }
        None => {}
    }
    if shared.encoding.get().is_on() {
        let source = Py::new(py, Source::new(std::mem::take(marks), memo.is_some()))?;
        if let Some(ticket) = memo.take() {
            shared.store.memoize(ticket, Finished::Source(source.clone_ref(py)), false);
        }
        return Ok(DictionaryChange::unopened(source, origin));
    }
    let dicts = Dicts::of(py, marks)?;
    if let Some(ticket) = memo.take() {
        shared.store.memoize(ticket, Finished::Dicts(dicts.copy(py)?), CAN_LAST);
    }
    owning(dicts)
}
