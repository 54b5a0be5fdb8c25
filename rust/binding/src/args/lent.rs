//! Names without a reference of their own.

use std::borrow::Borrow;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::args::name::Name;

/// A name that somebody else keeps alive, for as long as an update takes: most updates name keys
/// that are known, so counting references to theirs would be for nothing.
pub(crate) struct Lent(ManuallyDrop<Name>);

impl Lent {
    /// # Safety
    ///
    /// It is an exact `str`, and alive for as long as anybody looks at this.
    #[inline]
    pub(crate) unsafe fn new(py: Python<'_>, text: *mut ffi::PyObject) -> Self {
        // SAFETY: the caller's word. What is not dropped may be made without a new reference.
        let text: Py<PyString> = unsafe {
            debug_assert_eq!(ffi::PyUnicode_CheckExact(text), 1);
            let text = NonNull::new_unchecked(text);
            Bound::from_owned_ptr(py, text.as_ptr()).cast_into_unchecked().unbind()
        };
        Self(ManuallyDrop::new(Name::of_known(text)))
    }

    #[inline]
    pub(crate) fn of(name: &Name) -> Self {
        // SAFETY: nobody drops it, so it is a mere look at the other.
        Self(ManuallyDrop::new(unsafe { std::ptr::read(name) }))
    }
}

impl Borrow<Name> for Lent {
    #[inline]
    fn borrow(&self) -> &Name {
        &self.0
    }
}
