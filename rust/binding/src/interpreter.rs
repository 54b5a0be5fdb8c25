//! The one interpreter that the module works in.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Fails in any interpreter but the first one that asks, which is a main one.
///
/// Classes and functions that were looked up once are static data. A sub-interpreter would share
/// them, and an interpreter that comes after this one in the same process, which an embedding
/// program can have, would find those of the dead.
pub(crate) fn claim(py: Python<'_>) -> PyResult<()> {
    static CLAIMED: AtomicBool = AtomicBool::new(false);
    const MARK: &str = "change_buffers";

    // SAFETY: the thread is attached, so there is a current interpreter.
    let interpreter = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: this is the current interpreter.
    if unsafe { ffi::PyInterpreterState_GetID(interpreter) } != 0 {
        return Err(PyImportError::new_err(
            "change_buffers works in the main interpreter alone, not in a sub-interpreter",
        ));
    }
    // The number and the address of a later main interpreter are the same; this is not.
    // SAFETY: this is the current interpreter, and the dictionary, if there is one, is borrowed.
    let own = unsafe {
        Bound::from_borrowed_ptr_or_opt(py, ffi::PyInterpreterState_GetDict(interpreter))
    };
    let own = own.ok_or_else(|| PyImportError::new_err("the interpreter has no dictionary"))?;
    let own = own.cast_into::<PyDict>()?;
    if own.contains(MARK)? {
        return Ok(());
    }
    if CLAIMED.swap(true, Ordering::Relaxed) {
        return Err(PyImportError::new_err(
            "change_buffers can be imported in one interpreter of a process only, and Python was \
             finalized and initialized again since it was",
        ));
    }
    own.set_item(MARK, true)
}

/// Whether this thread may use objects.
pub(crate) fn is_attached() -> bool {
    // SAFETY: it may be asked anywhere.
    unsafe { pyo3::ffi::PyGILState_Check() == 1 }
}
