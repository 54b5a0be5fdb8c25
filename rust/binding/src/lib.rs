//! The Python face of change-buffers: arguments in, result objects out, exceptions, collection.
//!
//! A thin layer over `change_buffers_core`, one file per idea:
//!
//! * `args`: what users pass, checked and materialised before any lock is taken
//! * `shared`: the Python object that owns a store, for the garbage collector's sake
//! * `buffer`, `multi_view`, `publisher`, `view_context`, `subscription`, `next_change`, `change`:
//!   the classes
//! * `following`: what a view is asked to follow
//! * `refused`: why an update was refused
//! * `finished`, `dicts`, `source`, `origin`: from what a flush gives to a change object
//! * `encode`, `codec`, `fragments`, `bytes`: from a change to bytes
//! * `value`, `name`: what the journal keeps
//! * `content`: a dictionary kept level with the journal, for `copy_content()`
//! * `release`: letting go of values
//! * `waiting`: sleeping without the GIL, and signals
//! * `home`: the event loop that tasks run in
//! * `stats`: counts for operations
//! * `classes`: what every class must be

#![allow(clippy::doc_markdown, reason = "docstrings are written for Python's readers")]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over")]

use pyo3::prelude::*;

mod args;
mod buffer;
mod bytes;
mod change;
mod classes;
mod codec;
mod content;
mod dicts;
mod encode;
mod finished;
mod following;
mod fragments;
mod home;
mod multi_view;
mod name;
mod next_change;
mod origin;
mod publisher;
mod refused;
mod release;
mod shared;
mod source;
mod stats;
mod subscription;
mod value;
mod view_context;
mod waiting;

pyo3::create_exception!(
    change_buffers,
    ObjectFrozenError,
    pyo3::exceptions::PyException,
    "Raised when a frozen buffer or multi-view is updated, or a drained one is flushed."
);

/// The Rust core of change-buffers. Import the names from `change_buffers` instead.
#[pymodule(gil_used = false)]
mod _core {
    use pyo3::exceptions::PyImportError;
    use pyo3::ffi;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::ObjectFrozenError;
    #[pymodule_export]
    use super::buffer::DictionaryChangeBuffer;
    #[pymodule_export]
    use super::change::DictionaryChange;
    #[pymodule_export]
    use super::codec::Codec;
    #[pymodule_export]
    use super::multi_view::DictionaryChangeMultiView;
    #[pymodule_export]
    use super::next_change::NextChange;
    #[pymodule_export]
    use super::publisher::Publisher;
    #[pymodule_export]
    use super::refused::{ConflictError, KeyOwnedError};
    #[pymodule_export]
    use super::shared::SharedStore;
    #[pymodule_export]
    use super::stats::Stats;
    #[pymodule_export]
    use super::subscription::Subscription;
    #[pymodule_export]
    use super::view_context::ViewContext;

    /// Have values share what they are on the wire from now on. Private.
    #[pyfunction(name = "_share_fragments")]
    fn share_fragments() {
        super::value::share_fragments();
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // SAFETY: the thread is attached, so there is a current interpreter.
        let interpreter = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
        if interpreter != 0 {
            return Err(PyImportError::new_err(
                "change_buffers works in the main interpreter alone, not in a sub-interpreter",
            ));
        }
        super::refused::declare(module.py())?;
        super::waiting::watch_forks(module.py())
    }
}
