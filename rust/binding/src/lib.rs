//! The Python face of change-buffers: arguments in, result objects out, exceptions, collection.
//!
//! A thin layer over `change_buffers_core`. The modules stand in the order in which data flows, and
//! each imports only from those above it.

#![allow(clippy::doc_markdown, reason = "docstrings are written for Python's readers")]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over")]

use pyo3::prelude::*;

mod release;
mod waiting;

/// What users pass: checked and materialised before any lock is taken.
mod args {
    pub(crate) mod errors;
    pub(crate) mod keys;
    pub(crate) mod name;
    pub(crate) mod prefixes;
    pub(crate) mod seconds;
}

/// What the journal keeps of a value.
mod kept {
    pub(crate) mod encoding;
    pub(crate) mod fragments;
    pub(crate) mod value;
}

/// What stands on the wire.
mod bytes {
    pub(crate) mod codec;
    pub(crate) mod joined;
    pub(crate) mod message;
}

/// What a flush gives.
mod change {
    pub(crate) mod dictionary_change;
    pub(crate) mod dicts;
    pub(crate) mod encode;
    pub(crate) mod finished;
    pub(crate) mod parts;
    pub(crate) mod source;
}

/// The store as Python sees it.
mod journal {
    pub(crate) mod batch;
    pub(crate) mod bell;
    pub(crate) mod content;
    pub(crate) mod errors;
    pub(crate) mod feed;
    pub(crate) mod flushed;
    pub(crate) mod shared;
    pub(crate) mod stats;
}

/// Waiting for the next change.
mod follow {
    pub(crate) mod home;
    pub(crate) mod next_change;
    pub(crate) mod pace;
    pub(crate) mod subscription;
}

/// The classes that users make.
mod view {
    pub(crate) mod buffer;
    pub(crate) mod context;
    pub(crate) mod multi_view;
}

mod classes;

/// The Rust core of change-buffers. Import the names from `change_buffers` instead.
#[pymodule(gil_used = false)]
mod _core {
    use pyo3::exceptions::PyImportError;
    use pyo3::ffi;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::bytes::codec::Codec;
    #[pymodule_export]
    use super::change::dictionary_change::DictionaryChange;
    #[pymodule_export]
    use super::follow::next_change::NextChange;
    #[pymodule_export]
    use super::follow::pace::Subscription;
    #[pymodule_export]
    use super::journal::errors::ObjectFrozenError;
    #[pymodule_export]
    use super::journal::feed::DictionaryChangeBuffer;
    #[pymodule_export]
    use super::journal::shared::SharedStore;
    #[pymodule_export]
    use super::journal::stats::Stats;
    #[pymodule_export]
    use super::view::context::ViewContext;
    #[pymodule_export]
    use super::view::multi_view::DictionaryChangeMultiView;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // SAFETY: the thread is attached, so there is a current interpreter.
        let interpreter = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
        if interpreter != 0 {
            return Err(PyImportError::new_err(
                "change_buffers works in the main interpreter alone, not in a sub-interpreter",
            ));
        }
        super::waiting::watch_forks(module.py())
    }
}
