//! How the waiting tasks of an event loop are reached.

use std::ffi::{c_int, c_void};

use change_buffers_core::store::{HubId, Ring};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::tasks::call::{Call, Duty};
use crate::waiting;

/// What makes the duty of answering for a hub.
type Answer = Box<dyn Fn(Python<'_>, HubId) -> Box<dyn Duty> + Send + Sync>;

/// How the waiting tasks of an event loop are reached: by calling this.
pub(crate) struct Bell {
    ring: Py<PyAny>,
    answer: Answer,
}

impl Bell {
    pub(crate) fn new(
        ring: Py<PyAny>,
        answer: impl Fn(Python<'_>, HubId) -> Box<dyn Duty> + Send + Sync + 'static,
    ) -> Self {
        Self { ring, answer: Box::new(answer) }
    }

    /// Has the loop answer soon.
    fn ask(&self, py: Python<'_>, hub: HubId) -> PyResult<()> {
        let call = Bound::new(py, Call::new((self.answer)(py, hub)))?;
        call.get().promise();
        let rung = self.ring.call1(py, (&call,)).and_then(|answer| answer.is_truthy(py));
        if !matches!(rung, Ok(true)) {
            call.get().retract();
        }
        rung.map(drop)
    }

    /// What it answers with refers weakly to the store, which leads nowhere else.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ring)
    }
}

impl Ring for Bell {
    fn ring(&self, hub: HubId) -> bool {
        Python::attach(|py| {
            // Whoever has gone may have gone because of an exception, which is still on its way.
            let on_its_way = PyErr::take(py);
            let is_rung = self.ring_now(py, hub);
            if let Some(error) = on_its_way {
                error.restore(py);
            }
            is_rung
        })
    }
}

impl Bell {
    fn ring_now(&self, py: Python<'_>, hub: HubId) -> bool {
        let Err(error) = self.ask(py, hub) else { return true };
        // A signal handler may have raised in there. The tasks have to be told all the same.
        let again = self.ask(py, hub);
        let is_rung = again.is_ok();
        if let Err(error) = again {
            error.write_unraisable(py, Some(self.ring.bind(py)));
        }
        if is_rung && waiting::is_main_thread(py).unwrap_or(false) {
            raise_soon(py, error);
        } else {
            error.write_unraisable(py, Some(self.ring.bind(py)));
        }
        is_rung
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
