//! A finished change is brought level with what a small update has changed.
//!
//! It is done before the update returns, so that no value is kept alive that was replaced; and with the
//! store's mutex released, as what is replaced in a dictionary may be dropped there.

use change_buffers_core::batch::Mark;
use change_buffers_core::store::Stale;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::args::name::Name;
use crate::change::finished::Finished;
use crate::journal::shared::PyStore;
use crate::kept::value::Value;

/// Whether finished changes may outlast an update. Without a GIL it can't be known whether somebody is
/// copying one at this moment.
pub(crate) const CAN_LAST: bool = !cfg!(Py_GIL_DISABLED);

/// To be called after every update of the content.
#[inline]
pub(crate) fn bring_level(py: Python<'_>, store: &PyStore) {
    if CAN_LAST && let Some(stale) = store.take_stale() {
        bring_back(py, store, stale);
    }
}

#[cold]
fn bring_back(py: Python<'_>, store: &PyStore, stale: Stale<Name, Value, Finished>) {
    let Finished::Dicts(dicts) = &stale.whole else { return };
    let updates = dicts.updates.bind(py);
    // SAFETY: it is an object.
    let holders = unsafe { ffi::Py_REFCNT(updates.as_ptr()) };
    // Whoever else has it has yet to copy it, as it was.
    if holders > 1 {
        return;
    }
    let is_level = stale.marks.iter().all(|Mark { key, fate }| {
        let Some(value) = fate.value() else { return false };
        value.object(py).and_then(|object| updates.set_item(key.text(py), object)).is_ok()
    });
    if is_level {
        store.bring_back(stale);
    }
}
