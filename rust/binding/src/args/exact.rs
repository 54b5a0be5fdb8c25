//! Whether all keys of a dictionary are exact `str`, and its items, gone through as fast as can be.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::args::tables;

/// Whether all keys are exact `str`. Runs no Python code.
pub(crate) fn has_exact_keys(dict: &Bound<'_, PyDict>) -> bool {
    tables::is_of_text(dict) || borrowed_items(dict).all(|(key, _)| is_exact(key))
}

/// Whether it is an exact `str`.
#[inline]
pub(crate) fn is_exact(object: *mut ffi::PyObject) -> bool {
    // SAFETY: it is a live object; its type is all that is looked at.
    unsafe { ffi::PyUnicode_CheckExact(object) != 0 }
}

/// The items of a dictionary, without counting references.
///
/// They are alive as long as nobody changes the dictionary: either it is nobody else's, or there is
/// a GIL and no Python code runs until they are not needed any more.
#[inline]
pub(crate) fn borrowed_items<'a>(
    dict: &'a Bound<'_, PyDict>,
) -> impl Iterator<Item = (*mut ffi::PyObject, *mut ffi::PyObject)> + 'a {
    BorrowedItems { dict, at: 0, left: dict.len() }
}

struct BorrowedItems<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    at: ffi::Py_ssize_t,
    left: usize,
}

impl Iterator for BorrowedItems<'_, '_> {
    type Item = (*mut ffi::PyObject, *mut ffi::PyObject);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // Spares it the search for an item after the last.
        self.left = self.left.checked_sub(1)?;
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: it is a dictionary, and these are places for what it gives, without a new reference.
        let is_any = unsafe {
            ffi::PyDict_Next(self.dict.as_ptr(), &raw mut self.at, &raw mut key, &raw mut value)
        };
        (is_any != 0).then_some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

/// The items of a list, without counting references: see [`borrowed_items`].
#[inline]
pub(crate) fn borrowed_list<'a>(
    list: &'a Bound<'_, PyList>,
) -> impl Iterator<Item = *mut ffi::PyObject> + 'a {
    // SAFETY: it is a list, and there are so many items.
    (0..list.len()).map(|at| unsafe { ffi::PyList_GET_ITEM(list.as_ptr(), at.cast_signed()) })
}
