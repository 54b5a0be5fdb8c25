//! The tables of CPython's dictionaries and sets, as far as they are known: what kind of keys there
//! are, without looking at each, and the keys of a set, without a list of them.
//!
//! It is looked whether tables are as they are known to be when the module is imported. Where they are
//! not, everything is done in the usual way.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

static ARE_DICTS_KNOWN: AtomicBool = AtomicBool::new(false);
static ARE_SETS_KNOWN: AtomicBool = AtomicBool::new(false);

/// Whether the table of a dictionary says that all keys are exact `str`.
#[inline]
pub(crate) fn is_of_text(dict: &Bound<'_, PyDict>) -> bool {
    ARE_DICTS_KNOWN.load(Ordering::Relaxed) && dicts::is_of_text(dict)
}

/// Whether the keys of a set can be had by [`set_keys`].
#[inline]
pub(crate) fn are_sets_known() -> bool {
    ARE_SETS_KNOWN.load(Ordering::Relaxed)
}

/// The keys of an exact set or frozenset, without counting references. They are alive as long as
/// nobody changes the set, so as long as no Python code runs.
#[inline]
pub(crate) fn set_keys<'a>(
    set: &'a Bound<'_, PyAny>,
) -> impl Iterator<Item = *mut ffi::PyObject> + 'a {
    debug_assert!(are_sets_known());
    sets::keys(set)
}

/// Looks at what tables are like, before that is relied on.
pub(crate) fn look_at(py: Python<'_>) -> PyResult<()> {
    ARE_DICTS_KNOWN.store(dicts::are_known(py)?, Ordering::Relaxed);
    ARE_SETS_KNOWN.store(sets::are_known(py)?, Ordering::Relaxed);
    Ok(())
}

#[cfg(all(Py_3_11, not(Py_3_15), not(PyPy), not(GraalPy)))]
mod dicts {
    use super::{Bound, PyDict, Python, ffi};
    use pyo3::prelude::*;
    use pyo3::types::PyString;

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

    #[inline]
    pub(super) fn is_of_text(dict: &Bound<'_, PyDict>) -> bool {
        let dict = dict.as_ptr().cast::<ffi::PyDictObject>();
        // SAFETY: every dictionary has a table, which is longer than that in any version, and begins
        // like that in these.
        unsafe { (*(*dict).ma_keys.cast::<Table>()).kind != GENERAL }
    }

    pub(super) fn are_known(py: Python<'_>) -> PyResult<bool> {
        let (none, text, mixed, numbers) =
            (PyDict::new(py), PyDict::new(py), PyDict::new(py), PyDict::new(py));
        for number in 0..1000 {
            text.set_item(number.to_string(), 0)?;
            numbers.set_item(number, 0)?;
        }
        mixed.set_item("a key", 0)?;
        mixed.set_item(1, 0)?;
        let tells = |dict: &Bound<'_, PyDict>| {
            is_of_text(dict) == dict.keys().iter().all(|key| key.is_exact_instance_of::<PyString>())
        };
        let dicts = [&none, &text, &mixed, &numbers, &text.copy()?, &numbers.copy()?];
        Ok(dicts.into_iter().all(tells))
    }
}

#[cfg(not(all(Py_3_11, not(Py_3_15), not(PyPy), not(GraalPy))))]
mod dicts {
    use super::{Bound, PyDict, PyResult, Python};

    pub(super) fn is_of_text(_: &Bound<'_, PyDict>) -> bool {
        false
    }

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    pub(super) fn are_known(_: Python<'_>) -> PyResult<bool> {
        Ok(false)
    }
}

// Without a GIL another thread may change a set at any time.
#[cfg(all(not(Py_3_15), not(Py_GIL_DISABLED), not(PyPy), not(GraalPy)))]
mod sets {
    use super::{Bound, PyAny, PyResult, Python, ffi};
    use pyo3::prelude::*;
    use pyo3::types::PySet;

    /// A set as CPython's `cpython/setobject.h` has it, up to 3.14; more comes behind.
    #[repr(C)]
    struct Set {
        object: ffi::PyObject,
        fill: ffi::Py_ssize_t,
        used: ffi::Py_ssize_t,
        mask: ffi::Py_ssize_t,
        table: *mut Entry,
    }

    #[repr(C)]
    struct Entry {
        key: *mut ffi::PyObject,
        hash: ffi::Py_hash_t,
    }

    /// The hash of an entry whose key was taken out: no object has it.
    const TAKEN_OUT: ffi::Py_hash_t = -1;

    struct Keys<'a> {
        entries: std::slice::Iter<'a, Entry>,
        used: usize,
    }

    impl Iterator for Keys<'_> {
        type Item = *mut ffi::PyObject;

        #[inline]
        fn next(&mut self) -> Option<Self::Item> {
            let entry = self.entries.find(|it| !it.key.is_null() && it.hash != TAKEN_OUT)?;
            Some(entry.key)
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            (0, Some(self.used))
        }
    }

    #[inline]
    pub(super) fn keys<'a>(
        set: &'a Bound<'_, PyAny>,
    ) -> impl Iterator<Item = *mut ffi::PyObject> + 'a {
        let set = set.as_ptr().cast::<Set>();
        // SAFETY: it is a set, which begins like that in these versions, and the mask is the number of
        // its entries but one.
        let (entries, used) = unsafe {
            let count = (*set).mask.unsigned_abs() + 1;
            (std::slice::from_raw_parts((*set).table, count), (*set).used.unsigned_abs())
        };
        Keys { entries: entries.iter(), used }
    }

    pub(super) fn are_known(py: Python<'_>) -> PyResult<bool> {
        for count in [0, 1, 5, 1000] {
            let set = PySet::new(py, 0..count)?;
            set.discard(count / 2)?;
            let expected = set.iter().map(|key| key.as_ptr());
            if set.len() != set_used(&set) || !keys(&set).eq(expected) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looked at first: what is no set is not gone through.
    fn set_used(set: &Bound<'_, PySet>) -> usize {
        // SAFETY: a set is at least as long in every version.
        unsafe { (*set.as_ptr().cast::<Set>()).used.unsigned_abs() }
    }
}

#[cfg(not(all(not(Py_3_15), not(Py_GIL_DISABLED), not(PyPy), not(GraalPy))))]
mod sets {
    use super::{Bound, PyAny, PyResult, Python, ffi};

    pub(super) fn keys<'a>(
        _: &'a Bound<'_, PyAny>,
    ) -> impl Iterator<Item = *mut ffi::PyObject> + 'a {
        std::iter::empty()
    }

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    pub(super) fn are_known(_: Python<'_>) -> PyResult<bool> {
        Ok(false)
    }
}
