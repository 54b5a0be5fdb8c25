//! A value as the journal keeps it.

use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::interpreter;
use crate::kept::fragments::Fragments;
use crate::kept::packed::{is_seen_as, seen};

/// Whether any version was ever made: as long as there is none, no value has to be looked at.
static ARE_THERE_VERSIONS: AtomicBool = AtomicBool::new(false);

/// A reference to what was published: the object itself or, once it is to be encoded, a version.
///
/// One word, whichever it is: a second one for the fragments would make updates of many keys a quarter
/// slower for those who never encode.
pub(crate) struct Value(ManuallyDrop<Py<PyAny>>);

/// An object as it was published once, and what it is on the wire. Never seen by users.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct Version {
    /// None as long as it is a blank.
    object: OnceLock<Py<PyAny>>,
    fragments: Fragments,
}

/// Versions to be, made before the lock is taken under which they become versions.
pub(crate) struct Blanks(Vec<Py<Version>>);

impl Blanks {
    pub(crate) fn new(py: Python<'_>, count: usize) -> PyResult<Self> {
        ARE_THERE_VERSIONS.store(true, Ordering::Relaxed);
        let blank = || Version { object: OnceLock::new(), fragments: Fragments::default() };
        (0..count).map(|_| Py::new(py, blank())).collect::<PyResult<_>>().map(Self)
    }
}

impl Value {
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self(ManuallyDrop::new(object.unbind()))
    }

    /// Becomes a version, if it is none and there is a blank left. Only moves: this runs under the lock.
    pub(crate) fn keep_bytes(&mut self, py: Python<'_>, blanks: &mut Blanks) {
        if self.version(py).is_some() {
            return;
        }
        let Some(blank) = blanks.0.pop() else { return };
        let object = std::mem::replace(&mut *self.0, blank.clone_ref(py).into_any());
        // Nobody else knows the blank: it takes the object.
        let _ = blank.get().object.set(object);
    }

    /// What whoever looks at it is given. This may decode it, so no lock is to be held.
    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        seen(self.parts(py).0)
    }

    /// Whether this very object was published, or given to somebody who looked.
    pub(crate) fn is_seen_as(&self, object: &Bound<'_, PyAny>) -> bool {
        is_seen_as(self.parts(object.py()).0, object)
    }

    /// The object as it was published, and where its bytes are kept if others may send the same.
    #[inline]
    pub(crate) fn parts<'py>(&self, py: Python<'py>) -> (&Bound<'py, PyAny>, Option<&Fragments>) {
        match self.version(py).map(|version| (version.object.get(), &version.fragments)) {
            Some((Some(object), fragments)) => (object.bind(py), Some(fragments)),
            _ => (self.0.bind(py), None),
        }
    }

    #[inline]
    fn version<'a, 'py: 'a>(&'a self, py: Python<'py>) -> Option<&'a Version> {
        if !ARE_THERE_VERSIONS.load(Ordering::Relaxed) {
            return None;
        }
        let version = self.0.bind(py).cast_exact::<Version>().ok()?;
        Some(version.get())
    }

    pub(crate) fn into_object(self) -> Py<PyAny> {
        let mut value = ManuallyDrop::new(self);
        // SAFETY: nobody looks at the value any more.
        unsafe { ManuallyDrop::take(&mut value.0) }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.0)
    }
}

// Values are made, cloned and dropped on attached threads alone, which PyO3 would look up each time.
impl Clone for Value {
    #[inline]
    fn clone(&self) -> Self {
        debug_assert!(interpreter::is_attached());
        // SAFETY: the object is alive, and the new reference is the clone's.
        Self(ManuallyDrop::new(unsafe {
            ffi::Py_INCREF(self.0.as_ptr());
            std::ptr::read(&raw const *self.0)
        }))
    }
}

impl Drop for Value {
    #[inline]
    fn drop(&mut self) {
        debug_assert!(interpreter::is_attached());
        // SAFETY: this reference is the value's own, and nobody uses it afterwards.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) };
    }
}

// There is no `__clear__`: what holds a version breaks the cycle.
#[pymethods]
impl Version {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.object.get())
    }
}
