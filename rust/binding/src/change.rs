//! `DictionaryChange`: a set of key updates and key removals, an ordinary Python object.

use parking_lot::Mutex;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PySet, PyString, PyTuple, PyType};

use crate::args;

/// A set of key updates and key removals.
///
/// Args:
///     updates: Mapping of `str` keys to new values of any type, or `None`.
///     removals: Iterable of `str` keys that are removed, or `None`.
///
/// Both are copied, one level deep: the change's own `updates` dict and `removals` set may be
/// mutated in place and assigned to. Unpacks as `updates, removals = change`. Can be subclassed,
/// pickled and copied; compares and hashes by identity.
///
/// Raises:
///     TypeError: `updates` is not a mapping, `removals` is not an iterable or is a single
///         string, or a key is not a `str`.
#[pyclass(frozen, subclass, weakref, dict, module = "change_buffers")]
pub(crate) struct DictionaryChange {
    /// A leaf among the locks: only references are moved and counted under it.
    parts: Mutex<Parts>,
}

/// What users may have assigned is not checked, as in any Python object. A part is absent once it
/// was deleted; and when CPython 3.11 collects before a new instance is initialised, its memory
/// all zero.
#[derive(Clone)]
struct Parts {
    updates: Option<Py<PyAny>>,
    removals: Option<Py<PyAny>>,
}

impl DictionaryChange {
    /// A change of parts that nobody else knows.
    pub(crate) fn owning(updates: Bound<'_, PyDict>, removals: Bound<'_, PySet>) -> Self {
        let parts = Parts {
            updates: Some(updates.into_any().unbind()),
            removals: Some(removals.into_any().unbind()),
        };
        Self { parts: Mutex::new(parts) }
    }

    /// Both parts; an error if one was deleted.
    fn parts(&self) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        Ok((self.updates()?, self.removals()?))
    }

    fn assign(&self, updates: Bound<'_, PyAny>, removals: Bound<'_, PyAny>) {
        let parts = Parts { updates: Some(updates.unbind()), removals: Some(removals.unbind()) };
        self.replace(parts);
    }

    fn replace(&self, parts: Parts) {
        let replaced = std::mem::replace(&mut *self.parts.lock(), parts);
        // With the lock released: a destructor may look at this change.
        drop(replaced);
    }
}

#[pymethods]
impl DictionaryChange {
    // Takes anything, for the sake of subclasses with another signature of `__init__`.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(updates=None, removals=None)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Ok(Self::owning(PyDict::new(py), PySet::empty(py)?))
    }

    #[pyo3(signature = (updates = None, removals = None))]
    fn __init__(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let updates = updates.map_or_else(|| Ok(PyDict::new(py)), args::updates_dict)?;
        let removals = removals.map_or_else(|| PySet::empty(py), args::removals_set)?;
        self.assign(updates.into_any(), removals.into_any());
        Ok(())
    }

    /// The keys that changed, with their new values: a `dict`.
    #[getter]
    fn updates(&self) -> PyResult<Py<PyAny>> {
        let updates = self.parts.lock().updates.clone();
        updates.ok_or_else(|| PyAttributeError::new_err("updates"))
    }

    #[setter]
    fn set_updates(&self, value: Py<PyAny>) {
        let replaced = self.parts.lock().updates.replace(value);
        drop(replaced);
    }

    #[deleter]
    fn delete_updates(&self) {
        let deleted = self.parts.lock().updates.take();
        drop(deleted);
    }

    /// The keys that were removed: a `set`.
    #[getter]
    fn removals(&self) -> PyResult<Py<PyAny>> {
        let removals = self.parts.lock().removals.clone();
        removals.ok_or_else(|| PyAttributeError::new_err("removals"))
    }

    #[setter]
    fn set_removals(&self, value: Py<PyAny>) {
        let replaced = self.parts.lock().removals.replace(value);
        drop(replaced);
    }

    #[deleter]
    fn delete_removals(&self) {
        let deleted = self.parts.lock().removals.take();
        drop(deleted);
    }

    /// Make a change from a dictionary with `"updates"` and `"removals"`, or less.
    ///
    /// Args:
    ///     d: Mapping as `to_dict()` gives it. Either part may be missing or `None`; the removals
    ///         may be any iterable of `str`.
    ///
    /// Raises:
    ///     TypeError: `d` is not a mapping, or what it holds does not make a change.
    #[classmethod]
    fn from_dict<'py>(
        cls: &Bound<'py, PyType>,
        d: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        if !d.hasattr(intern!(py, "get"))? {
            let name = args::type_name(d);
            return Err(PyTypeError::new_err(format!("d must be a mapping, not {name}")));
        }
        let part = |name| d.call_method1(intern!(py, "get"), (name,));
        cls.call1((part("updates")?, part("removals")?))
    }

    /// Give the change as a plain dictionary: the `"updates"`, the `"removals"` as a list.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (updates, removals) = self.parts()?;
        let dict = PyDict::new(py);
        dict.set_item(intern!(py, "updates"), updates)?;
        let removals = py.get_type::<PyList>().call1((removals,))?;
        dict.set_item(intern!(py, "removals"), removals)?;
        Ok(dict)
    }

    /// Take over another change: both parts become the union, as new objects; `other` wins.
    ///
    /// Args:
    ///     other: The change to add.
    ///
    /// Raises:
    ///     TypeError: `other` is not a change.
    fn update(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        let part = |name| {
            other.getattr(name).map_err(|error| {
                if !error.is_instance_of::<PyAttributeError>(py) {
                    return error;
                }
                let name = args::type_name(other);
                PyTypeError::new_err(format!("other must be a DictionaryChange, not {name}"))
            })
        };
        let (other_updates, other_removals) = (part("updates")?, part("removals")?);
        let (updates, removals) = self.parts()?;
        let updates = py.get_type::<PyDict>().call1((updates,))?;
        updates.call_method1(intern!(py, "update"), (other_updates,))?;
        let removals = py.get_type::<PySet>().call1((removals,))?;
        removals.call_method1(intern!(py, "update"), (other_removals,))?;
        self.assign(updates, removals);
        Ok(())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let (updates, removals) = self.parts()?;
        PyTuple::new(py, [updates, removals])?.try_iter()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (updates, removals) = slf.get().parts()?;
        let name = slf.get_type().name()?;
        let (updates, removals) = (updates.bind(slf.py()).repr()?, removals.bind(slf.py()).repr()?);
        Ok(format!(
            "{name}(updates={}, removals={})",
            updates.to_string_lossy(),
            removals.to_string_lossy()
        ))
    }

    /// As any object, save that the oldest two protocols would bypass `__new__`.
    fn __reduce_ex__<'py>(slf: &Bound<'py, Self>, protocol: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if protocol >= 2 {
            let object = py.get_type::<PyAny>();
            return object.call_method1(intern!(py, "__reduce_ex__"), (slf, protocol));
        }
        let rebuild = py.import("copyreg")?.getattr("__newobj__")?;
        let state = slf.call_method0("__getstate__")?;
        Ok((rebuild, (slf.get_type(),), state).into_pyobject(py)?.into_any())
    }

    /// The extra attributes, and the parts, as the protocol of `copy` and `pickle` has it.
    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let slots = PyDict::new(py);
        let names = py.import("copyreg")?.call_method1("_slotnames", (slf.get_type(),))?;
        for name in names.try_iter()?.chain(PyTuple::new(py, ["updates", "removals"])?.try_iter()?)
        {
            let name = name?.cast_into::<PyString>()?;
            if let Some(value) = slf.getattr_opt(&name)? {
                slots.set_item(name, value)?;
            }
        }
        let attributes = slf.getattr("__dict__")?;
        (attributes, slots).into_pyobject(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A holder elsewhere keeps the parts alive anyway.
        let Some(parts) = self.parts.try_lock() else { return Ok(()) };
        parts.updates.as_ref().map_or(Ok(()), |updates| visit.call(updates))?;
        parts.removals.as_ref().map_or(Ok(()), |removals| visit.call(removals))
    }

    fn __clear__(&self) {
        self.replace(Parts { updates: None, removals: None });
    }
}
