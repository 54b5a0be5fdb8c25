//! `DictionaryChange`: a set of key updates and key removals, an ordinary Python object.

use parking_lot::Mutex;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PySet, PyString, PyTuple, PyType};

use crate::args;
use crate::codec;
use crate::dicts::Dicts;
use crate::encode;
use crate::source::Source;

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
    /// What the flush gave that it came from, for the bytes that others may have found already.
    source: Option<Py<Source>>,
    /// Nobody has asked for the other parts so far: they are yet to be made from the source.
    is_unopened: bool,
}

impl DictionaryChange {
    /// A change of parts that nobody else knows.
    pub(crate) fn owning(py: Python<'_>, dicts: Dicts) -> PyResult<Self> {
        let (updates, removals) = dicts.into_pair(py)?;
        let (updates, removals) = (Some(updates.into_any()), Some(removals.into_any()));
        let parts = Parts { updates, removals, source: None, is_unopened: false };
        Ok(Self { parts: Mutex::new(parts) })
    }

    /// A change whose parts are made when somebody asks for them.
    pub(crate) fn unopened(source: Py<Source>) -> Self {
        let parts =
            Parts { updates: None, removals: None, source: Some(source), is_unopened: true };
        Self { parts: Mutex::new(parts) }
    }

    /// Makes the parts, if that has not been done.
    fn open(&self, py: Python<'_>) -> PyResult<()> {
        let source = {
            let parts = self.parts.lock();
            parts.source.as_ref().filter(|_| parts.is_unopened).cloned()
        };
        let Some(source) = source else { return Ok(()) };
        let (updates, removals) = source.get().dicts(py)?.into_pair(py)?;
        let mut made = (Some(updates.into_any()), Some(removals.into_any()));
        let mut parts = self.parts.lock();
        if parts.is_unopened {
            parts.is_unopened = false;
            std::mem::swap(&mut parts.updates, &mut made.0);
            std::mem::swap(&mut parts.removals, &mut made.1);
        }
        drop(parts);
        Ok(())
    }

    /// Both parts; an error if one was deleted.
    fn parts(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        Ok((self.updates(py)?, self.removals(py)?))
    }

    fn assign(&self, updates: Bound<'_, PyAny>, removals: Bound<'_, PyAny>) {
        let (updates, removals) = (Some(updates.unbind()), Some(removals.unbind()));
        let source = self.parts.lock().source.clone();
        self.replace(Parts { updates, removals, source, is_unopened: false });
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
        Self::owning(py, Dicts { updates: PyDict::new(py).unbind(), removals: None })
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
    fn updates(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.open(py)?;
        let updates = self.parts.lock().updates.clone();
        updates.ok_or_else(|| PyAttributeError::new_err("updates"))
    }

    #[setter]
    fn set_updates(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<()> {
        self.open(py)?;
        let replaced = self.parts.lock().updates.replace(value);
        drop(replaced);
        Ok(())
    }

    #[deleter]
    fn delete_updates(&self, py: Python<'_>) -> PyResult<()> {
        self.open(py)?;
        let deleted = self.parts.lock().updates.take();
        drop(deleted);
        Ok(())
    }

    /// The keys that were removed: a `set`.
    #[getter]
    fn removals(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.open(py)?;
        let removals = self.parts.lock().removals.clone();
        removals.ok_or_else(|| PyAttributeError::new_err("removals"))
    }

    #[setter]
    fn set_removals(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<()> {
        self.open(py)?;
        let replaced = self.parts.lock().removals.replace(value);
        drop(replaced);
        Ok(())
    }

    #[deleter]
    fn delete_removals(&self, py: Python<'_>) -> PyResult<()> {
        self.open(py)?;
        let deleted = self.parts.lock().removals.take();
        drop(deleted);
        Ok(())
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
        let (updates, removals) = self.parts(py)?;
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
        let (updates, removals) = self.parts(py)?;
        let updates = py.get_type::<PyDict>().call1((updates,))?;
        updates.call_method1(intern!(py, "update"), (other_updates,))?;
        let removals = py.get_type::<PySet>().call1((removals,))?;
        removals.call_method1(intern!(py, "update"), (other_removals,))?;
        self.assign(updates, removals);
        Ok(())
    }

    /// Encode the change as one message: `{"updates": {...}, "removals": [...]}`.
    ///
    /// If it was flushed from a view of a multi-view, each of its values is encoded once by a codec,
    /// however many views send it: until its key is changed again, and for as long as such a change
    /// is around. That begins with the import of `change_buffers.codecs`. What of `updates` and
    /// `removals` has been replaced is encoded as it is now, for this change alone. The encoded
    /// bytes of values that were changed in place after they had been published may be old ones.
    ///
    /// No lock is held while the codec's function runs. If it raises, nothing has changed. Two
    /// threads that meet at one value may both encode it, rather than wait for each other.
    ///
    /// Args:
    ///     codec: One of `change_buffers.codecs`.
    ///     envelope: The message becomes the only entry of a map, under this key: NanoVer's own
    ///         messages have `"state"`. `None` stands for no such map.
    ///
    /// Returns:
    ///     The message, as `bytes`.
    ///
    /// Raises:
    ///     TypeError: `codec` is not a codec, `envelope` is not a `str`, or a part of the change has
    ///         been replaced by what makes no change.
    ///     ValueError: A value cannot be encoded: the message names its key, the cause is the error
    ///         of the codec's function. Or a key or the envelope has a lone surrogate.
    #[pyo3(signature = (codec, envelope = None))]
    fn encode<'py>(
        &self,
        codec: &Bound<'py, PyAny>,
        envelope: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (codec, envelope) = (codec::codec(codec)?, codec::envelope(envelope)?);
        let Parts { source, is_unopened, .. } = self.parts.lock().clone();
        let source = source.as_ref().map(Py::get);
        if let Some(source) = source.filter(|_| is_unopened) {
            return source.encode(codec, envelope);
        }
        let (updates, removals) = self.parts(codec.py())?;
        let (updates, removals) = (updates.bind(codec.py()), removals.bind(codec.py()));
        match source {
            Some(source) if source.is_still(updates, removals)? => source.encode(codec, envelope),
            _ => encode::parts(codec, envelope, updates, removals, source),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let (updates, removals) = self.parts(py)?;
        PyTuple::new(py, [updates, removals])?.try_iter()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (updates, removals) = slf.get().parts(slf.py())?;
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
        visit.call(&parts.updates)?;
        visit.call(&parts.removals)?;
        visit.call(&parts.source)
    }

    fn __clear__(&self) {
        self.replace(Parts { updates: None, removals: None, source: None, is_unopened: false });
    }
}
