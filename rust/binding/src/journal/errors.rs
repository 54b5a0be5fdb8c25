//! What a store refuses.

use pyo3::prelude::*;

pyo3::create_exception!(
    change_buffers,
    ObjectFrozenError,
    pyo3::exceptions::PyException,
    "Raised when a frozen buffer or multi-view is updated, or a drained one is flushed."
);

pub(crate) fn frozen() -> PyErr {
    ObjectFrozenError::new_err("frozen: it takes no more updates")
}

pub(crate) fn drained() -> PyErr {
    ObjectFrozenError::new_err("frozen, and nothing is pending any more")
}
