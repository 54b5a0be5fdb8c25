//! A value as the journal keeps it.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::kept::fragments::Fragments;

/// Whether this process encodes changes.
static ENCODES: AtomicBool = AtomicBool::new(false);

/// To be called before anything is published that is to be encoded once for everybody.
pub(crate) fn share_fragments() {
    ENCODES.store(true, Ordering::Relaxed);
}

/// Whether values share what they are on the wire. Whoever never encodes does not pay for it.
pub(crate) fn fragments_are_shared() -> bool {
    ENCODES.load(Ordering::Relaxed)
}

/// A reference to what was published: the object itself, or if the process encodes, a version.
#[derive(Clone)]
pub(crate) struct Value(Py<PyAny>);

/// An object as it was published once, and what it is on the wire. Never seen by users.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct Version {
    object: Py<PyAny>,
    fragments: Fragments,
}

impl Value {
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self(object.unbind())
    }

    /// Gets ready to be encoded once for several clients.
    pub(crate) fn become_version(&mut self, py: Python<'_>) -> PyResult<()> {
        let version = Version { object: self.0.clone_ref(py), fragments: Fragments::default() };
        self.0 = Py::new(py, version)?.into_any();
        Ok(())
    }

    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.parts(py).0
    }

    /// The object, and where its bytes are kept if others may send the same.
    #[inline]
    pub(crate) fn parts<'py>(&self, py: Python<'py>) -> (&Bound<'py, PyAny>, Option<&Fragments>) {
        match self.version(py) {
            Some(version) => (version.object.bind(py), Some(&version.fragments)),
            None => (self.0.bind(py), None),
        }
    }

    #[inline]
    fn version<'a, 'py: 'a>(&'a self, py: Python<'py>) -> Option<&'a Version> {
        if !fragments_are_shared() {
            return None;
        }
        let version = self.0.bind(py).cast_exact::<Version>().ok()?;
        Some(version.get())
    }

    pub(crate) fn into_object(self) -> Py<PyAny> {
        self.0
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

// There is no `__clear__`: what holds a version breaks the cycle.
#[pymethods]
impl Version {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }
}
