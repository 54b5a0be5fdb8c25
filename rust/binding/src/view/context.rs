//! The context manager behind `create_view()`: a view between entry and exit.

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::journal::feed::DictionaryChangeBuffer;
use crate::journal::following::Following;

/// Makes a view when it is entered and removes it when it is left. One use only.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct ViewContext {
    stage: Mutex<Stage>,
}

enum Stage {
    Ready(Following),
    Entered(Py<DictionaryChangeBuffer>),
    Used,
}

impl ViewContext {
    pub(crate) fn new(following: Following) -> Self {
        Self { stage: Mutex::new(Stage::Ready(following)) }
    }

    fn take(&self) -> Stage {
        std::mem::replace(&mut *self.stage.lock(), Stage::Used)
    }
}

#[pymethods]
impl ViewContext {
    /// Make the view.
    ///
    /// Raises:
    ///     RuntimeError: The context has been entered before.
    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<DictionaryChangeBuffer>> {
        let ready = {
            let mut stage = self.stage.lock();
            match &*stage {
                Stage::Ready(..) => Some(std::mem::replace(&mut *stage, Stage::Used)),
                Stage::Entered(_) | Stage::Used => None,
            }
        };
        let Some(Stage::Ready(following)) = ready else {
            return Err(PyRuntimeError::new_err(
                "a create_view() context can be entered once; call create_view() again",
            ));
        };
        let view = DictionaryChangeBuffer::follow(py, &following)?;
        *self.stage.lock() = Stage::Entered(view.clone_ref(py));
        Ok(view)
    }

    /// Remove the view, whatever happened.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> bool {
        if let Stage::Entered(view) = self.take() {
            view.get().freeze_view(py);
        }
        false
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(stage) = self.stage.try_lock() else { return Ok(()) };
        match &*stage {
            Stage::Ready(following) => following.visit(&visit),
            Stage::Entered(view) => visit.call(view),
            Stage::Used => Ok(()),
        }
    }

    fn __clear__(&self) {
        drop(self.take());
    }
}
