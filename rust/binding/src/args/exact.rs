//! Whether all keys of a dictionary are exact `str`, and its items, gone through as fast as can be.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

/// Whether the table of a dictionary says what kind of keys are in it, as far as was seen.
static DO_TABLES_TELL: AtomicBool = AtomicBool::new(false);

/// Whether all keys are exact `str`. Runs no Python code.
pub(crate) fn has_exact_keys(dict: &Bound<'_, PyDict>) -> bool {
    DO_TABLES_TELL.load(Ordering::Relaxed) && is_table_of_text(dict)
        || borrowed_items(dict).all(|(key, _)| is_exact(key))
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

#[cfg(all(Py_3_11, not(Py_3_15), not(PyPy), not(GraalPy)))]
mod tables {
    use super::{Bound, PyDict, PyDictMethods, PyString, Python, borrowed_items, ffi, is_exact};
    use pyo3::prelude::*;

    /// How a table of keys begins, from CPython 3.11 to 3.14.
    #[repr(C)]
    struct Table {
        references: ffi::Py_ssize_t,
        log2_size: u8,
        log2_index_bytes: u8,
        kind: u8,
    }

    /// The kind of a table that any keys may be in. In those of the other kinds are exact `str` alone,
    /// which CPython itself relies on when it compares them.
    const GENERAL: u8 = 0;

    pub(super) fn is_table_of_text(dict: &Bound<'_, PyDict>) -> bool {
        let dict = dict.as_ptr().cast::<ffi::PyDictObject>();
        // SAFETY: every dictionary has a table, which is longer than that in any version, and begins
        // like that in these.
        unsafe { (*(*dict).ma_keys.cast::<Table>()).kind != GENERAL }
    }

    /// Whether tables look as they are known to.
    pub(super) fn do_tables_tell(py: Python<'_>) -> PyResult<bool> {
        let text = PyString::new(py, "a key");
        let (plain, mixed, numbers) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
        plain.set_item(&text, 0)?;
        mixed.set_item(&text, 0)?;
        mixed.set_item(1, 0)?;
        numbers.set_item(1, 0)?;
        let many = PyDict::new(py);
        for number in 0..1000 {
            many.set_item(number.to_string(), 0)?;
        }
        let dicts = [&plain, &mixed, &numbers, &many, &many.copy()?, &numbers.copy()?];
        let tells = |dict: &&Bound<'_, PyDict>| {
            is_table_of_text(dict) == borrowed_items(dict).all(|(key, _)| is_exact(key))
        };
        Ok(dicts.iter().all(tells))
    }
}

#[cfg(not(all(Py_3_11, not(Py_3_15), not(PyPy), not(GraalPy))))]
mod tables {
    use super::{Bound, PyDict, Python};
    use pyo3::prelude::*;

    pub(super) fn is_table_of_text(_: &Bound<'_, PyDict>) -> bool {
        false
    }

    pub(super) fn do_tables_tell(_: Python<'_>) -> PyResult<bool> {
        Ok(false)
    }
}

use tables::is_table_of_text;

/// Looks at what tables say, before it is relied on.
pub(crate) fn look_at_tables(py: Python<'_>) -> PyResult<()> {
    DO_TABLES_TELL.store(tables::do_tables_tell(py)?, Ordering::Relaxed);
    Ok(())
}
