//! How the waiting tasks of an event loop are reached.

use std::ffi::{c_int, c_void};

use change_buffers_core::store::Ring;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::waiting;

/// How the waiting tasks of an event loop are reached: by calling this.
pub(crate) struct Bell(pub(crate) Py<PyAny>);

impl Ring for Bell {
    fn ring(&self) -> bool {
        Python::attach(|py| {
            let Err(error) = self.0.call0(py) else { return true };
            // A signal handler may have raised in there. The tasks have to hear of the change all
            // the same.
            let again = self.0.call0(py);
            let is_rung = again.is_ok();
            if let Err(error) = again {
                error.write_unraisable(py, Some(self.0.bind(py)));
            }
            if is_rung && waiting::is_main_thread(py).unwrap_or(false) {
                raise_soon(py, error);
            } else {
                error.write_unraisable(py, Some(self.0.bind(py)));
            }
            is_rung
        })
    }
}

/// Has the main thread raise an exception when it runs Python code again.
fn raise_soon(py: Python<'_>, error: PyErr) {
    extern "C" fn raise(value: *mut c_void) -> c_int {
        // SAFETY: Python makes pending calls on an attached thread, once each, and this one owns the
        // reference that was given away below.
        let (py, value) = unsafe {
            let py = Python::assume_attached();
            (py, Bound::from_owned_ptr(py, value.cast()))
        };
        PyErr::from_value(value).restore(py);
        -1
    }
    let value = error.into_value(py).into_ptr();
    // SAFETY: the function expects just such an argument, and owns it from here on.
    if unsafe { ffi::Py_AddPendingCall(Some(raise), value.cast()) } != 0 {
        // SAFETY: nobody has taken the reference.
        let value = unsafe { Bound::from_owned_ptr(py, value) };
        PyErr::from_value(value).write_unraisable(py, None);
    }
}
