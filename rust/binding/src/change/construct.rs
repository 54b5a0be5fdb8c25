//! How a change is made by calling its class, without a tuple of the arguments in between.
//!
//! `DictionaryChange(...)` would pack its arguments, have `__new__` make an empty change of them and
//! `__init__` put others in the place of its parts. CPython has a shorter way, `tp_vectorcall`. It is
//! the class's own: subclasses go the long way, and so does the class as soon as somebody has put
//! another `__new__` or `__init__` in their places, or the arguments do not fit: what is said about them
//! then is in the words of `__init__`.

#[cfg(not(any(PyPy, GraalPy)))]
mod shortcut {
    use std::ffi::{CStr, c_int};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::ptr;
    use std::sync::OnceLock;

    use pyo3::exceptions::PyRuntimeError;
    use pyo3::ffi;
    use pyo3::panic::PanicException;
    use pyo3::prelude::*;
    use pyo3::types::{PyDict, PyTuple};

    use crate::change::dictionary_change::DictionaryChange;
    use crate::change::usual;

    /// Makes a change, and reads its arguments from an array.
    static CONSTRUCT: OnceLock<ffi::PyCFunctionFastWithKeywords> = OnceLock::new();

    #[pyfunction]
    #[pyo3(name = "DictionaryChange", signature = (updates = None, removals = None))]
    fn made_at_once<'py>(
        py: Python<'py>,
        updates: Option<&Bound<'py, PyAny>>,
        removals: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, DictionaryChange>> {
        DictionaryChange::of_arguments(py, updates, removals)
    }

    /// Has the class go the short way from now on.
    pub(crate) fn take(py: Python<'_>) -> PyResult<()> {
        let function = wrap_pyfunction!(made_at_once, py)?;
        let class = py.get_type::<DictionaryChange>().as_type_ptr();
        // SAFETY: it is a function of C, whose flags say how it is to be called, and the class is a
        // type. Nobody calls it before the module is there.
        unsafe {
            const FAST: c_int = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;
            let flags = ffi::PyCFunction_GetFlags(function.as_ptr());
            let pointer = ffi::PyCFunction_GetFunction(function.as_ptr());
            let Some(pointer) = pointer.filter(|_| flags & FAST == FAST) else {
                return Ok(());
            };
            let construct =
                std::mem::transmute::<ffi::PyCFunction, ffi::PyCFunctionFastWithKeywords>(pointer);
            if CONSTRUCT.set(construct).is_ok() {
                (*class).tp_vectorcall = Some(call);
            }
        }
        Ok(())
    }

    /// What CPython calls for `DictionaryChange(...)`.
    ///
    /// # Safety
    ///
    /// As the vectorcall protocol has it: a class, that many arguments, names or null.
    unsafe extern "C" fn call(
        class: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        // SAFETY: CPython's word for the arguments, which are passed on as they are, but for the flag
        // that is in their number.
        unsafe {
            let count = ffi::PyVectorcall_NARGS(count);
            match CONSTRUCT.get() {
                Some(construct) if usual::is_usual(class.cast()) && fit(count, names) => {
                    construct(ptr::null_mut(), arguments, count, names)
                }
                _ => call_in_full(class, arguments, count, names),
            }
        }
    }

    /// Whether these may be the arguments: so many by their place, and these names.
    ///
    /// # Safety
    ///
    /// The names are none, or a tuple of `str` that are distinct.
    #[inline]
    unsafe fn fit(by_place: ffi::Py_ssize_t, names: *mut ffi::PyObject) -> bool {
        if names.is_null() || by_place > 2 {
            return by_place <= 2;
        }
        // SAFETY: the caller's word.
        unsafe {
            (0..ffi::PyTuple_GET_SIZE(names)).all(|at| {
                let name = ffi::PyTuple_GET_ITEM(names, at);
                let is =
                    |text: &CStr| ffi::PyUnicode_CompareWithASCIIString(name, text.as_ptr()) == 0;
                by_place < 2 && is(c"removals") || by_place < 1 && is(c"updates")
            })
        }
    }

    /// The long way, as every class goes it that has no short one.
    ///
    /// # Safety
    ///
    /// As for `call`, with the number freed of its flag.
    #[cold]
    unsafe fn call_in_full(
        class: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        Python::attach(|py| {
            let result = || -> PyResult<*mut ffi::PyObject> {
                // SAFETY: so many arguments there are, and behind them one for each name; and every
                // class is called through what `type` has for that.
                unsafe {
                    let names = Bound::from_borrowed_ptr_or_opt(py, names);
                    let by_name = names.as_ref().map_or(Ok(0), PyAnyMethods::len)?;
                    let at = |place| Bound::from_borrowed_ptr(py, *arguments.add(place));
                    let by_place = count.unsigned_abs();
                    let given = PyTuple::new(py, (0..by_place).map(at))?;
                    let keywords = PyDict::new(py);
                    if let Some(names) = names {
                        for (name, place) in names.try_iter()?.zip(by_place..by_place + by_name) {
                            keywords.set_item(name?, at(place))?;
                        }
                    }
                    let Some(call) = ffi::PyType_Type.tp_call else {
                        return Err(PyRuntimeError::new_err("classes cannot be called"));
                    };
                    let made = call(class, given.as_ptr(), keywords.as_ptr());
                    Ok(Bound::from_owned_ptr_or_err(py, made)?.into_ptr())
                }
            };
            let result = catch_unwind(AssertUnwindSafe(result))
                .unwrap_or_else(|_| Err(PanicException::new_err("calling the class has panicked")));
            result.unwrap_or_else(|error| {
                error.restore(py);
                ptr::null_mut()
            })
        })
    }
}

#[cfg(not(any(PyPy, GraalPy)))]
pub(crate) use shortcut::take as take_shortcut;

/// Other interpreters have no such way.
#[cfg(any(PyPy, GraalPy))]
pub(crate) fn take_shortcut(_: pyo3::Python<'_>) -> pyo3::PyResult<()> {
    Ok(())
}
