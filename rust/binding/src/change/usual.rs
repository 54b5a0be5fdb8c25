//! Whether calling the class of changes does what it has always done.
//!
//! Somebody may have put another `__new__` or `__init__` in its place, which short ways would pass by.

use std::ptr;
use std::sync::OnceLock;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

struct Usual {
    make: Option<ffi::newfunc>,
    initialise: Option<ffi::initproc>,
}

static USUAL: OnceLock<Usual> = OnceLock::new();

/// Looks at the class before anybody else can.
pub(crate) fn note(class: &Bound<'_, PyType>) {
    let class = class.as_type_ptr();
    // SAFETY: it is a class.
    USUAL.get_or_init(|| unsafe { Usual { make: (*class).tp_new, initialise: (*class).tp_init } });
}

/// Whether the class still does the same.
///
/// # Safety
///
/// It is a class.
#[inline]
pub(crate) unsafe fn is_usual(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the caller's word.
    let (make, initialise) = unsafe { ((*class).tp_new, (*class).tp_init) };
    USUAL.get().is_some_and(|usual| {
        make.zip(usual.make).is_some_and(|(it, other)| ptr::fn_addr_eq(it, other))
            && initialise
                .zip(usual.initialise)
                .is_some_and(|(it, other)| ptr::fn_addr_eq(it, other))
    })
}

/// Whether nobody has put another `__new__` or `__init__` in its place.
pub(crate) fn is_class_usual(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: it is a class.
    unsafe { is_usual(class.as_type_ptr()) }
}
