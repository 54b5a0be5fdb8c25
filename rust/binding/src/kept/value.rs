//! A value as the journal keeps it.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::kept::fragments::Fragments;

/// A reference to what was published and, once somebody encodes, to what it is on the wire.
///
/// All clones of one share the latter. Who never encodes pays for a word that says that there is none.
#[derive(Clone)]
pub(crate) struct Value {
    object: Py<PyAny>,
    fragments: Option<Py<Fragments>>,
}

impl Value {
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self { object: object.unbind(), fragments: None }
    }

    /// Has it keep its bytes from now on, in one of the blanks. Only moves: this runs under the lock.
    pub(crate) fn keep_bytes(&mut self, blanks: &mut Vec<Py<Fragments>>) {
        if self.fragments.is_none() {
            self.fragments = blanks.pop();
        }
    }

    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.object.bind(py)
    }

    /// The object, and where its bytes are kept if others may send the same.
    #[inline]
    pub(crate) fn parts<'py>(&self, py: Python<'py>) -> (&Bound<'py, PyAny>, Option<&Fragments>) {
        (self.object.bind(py), self.fragments.as_ref().map(Py::get))
    }

    /// Where its bytes are kept, if it is this very object.
    pub(crate) fn fragments_of(&self, object: &Bound<'_, PyAny>) -> Option<&Fragments> {
        self.fragments.as_ref().filter(|_| self.object.is(object)).map(Py::get)
    }

    pub(crate) fn into_object(self) -> Py<PyAny> {
        self.object
    }

    /// Bytes lead to no other object.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }
}
