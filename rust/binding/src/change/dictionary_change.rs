//! `DictionaryChange`: a set of key updates and key removals, an ordinary Python object.

use parking_lot::Mutex;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyTuple, PyType};

use crate::args::errors::type_name;
use crate::bytes::codec;
use crate::change::dicts::Dicts;
use crate::change::encode;
use crate::change::origin::Origin;
use crate::change::parts::Parts;
use crate::change::pickling;
use crate::change::source::Source;
use crate::change::united::{attributes, united_dicts, united_sets};
use crate::change::usual::is_class_usual;
use crate::kept::encoding::Encoding;
use crate::release::release;

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
    /// Whether changes of the store that it came from are encoded; none if users made it.
    encoding: Option<Py<Encoding>>,
}

impl Drop for DictionaryChange {
    fn drop(&mut self) {
        std::mem::take(self.parts.get_mut()).release();
    }
}

impl DictionaryChange {
    /// A change that a user makes.
    pub(crate) fn of_arguments<'py>(
        py: Python<'py>,
        updates: Option<&Bound<'py, PyAny>>,
        removals: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let parts = Mutex::new(Parts::of_arguments(py, updates, removals)?);
        Bound::new(py, Self { parts, encoding: None })
    }

    /// A change of parts that nobody else knows.
    pub(crate) fn owning(
        py: Python<'_>,
        dicts: Dicts,
        origin: Origin,
        encoding: Option<Py<Encoding>>,
    ) -> PyResult<Self> {
        let parts = Parts::from_dicts(py, dicts)?;
        Ok(Self { parts: Mutex::new(Parts { origin, ..parts }), encoding })
    }

    /// A change whose parts are made when somebody asks for them.
    pub(crate) fn unopened(source: Py<Source>, origin: Origin) -> Self {
        let parts = Mutex::new(Parts { source: Some(source), origin, ..Parts::default() });
        Self { parts, encoding: None }
    }

    fn origin(&self) -> Origin {
        self.parts.lock().origin
    }

    /// Makes the parts, if that has not been done.
    fn open(&self, py: Python<'_>) -> PyResult<()> {
        let unopened = self.parts.lock().unopened().cloned();
        let Some(source) = unopened else { return Ok(()) };
        let made = Parts::from_dicts(py, source.get().dicts(py)?)?;
        let mut parts = self.parts.lock();
        let mut made = Parts { source: Some(source), origin: parts.origin, ..made };
        // Another thread may have been quicker.
        if parts.unopened().is_some() {
            std::mem::swap(&mut *parts, &mut made);
        }
        drop(parts);
        Ok(())
    }

    fn part(
        &self,
        py: Python<'_>,
        name: &'static str,
        which: impl Fn(&Parts) -> &Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let get = || which(&self.parts.lock()).clone();
        if let Some(part) = get() {
            return Ok(part);
        }
        self.open(py)?;
        get().ok_or_else(|| PyAttributeError::new_err(name))
    }

    /// Puts another in the place of a part, or nothing.
    fn set_part(
        &self,
        py: Python<'_>,
        which: impl FnOnce(&mut Parts) -> &mut Option<Py<PyAny>>,
        value: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        self.open(py)?;
        let (replaced, source) = {
            let mut parts = self.parts.lock();
            // A change without its parts must not look as if nobody had asked for them.
            let source = if value.is_none() { parts.source.take() } else { None };
            (std::mem::replace(which(&mut parts), value), source)
        };
        release(replaced.into_iter());
        drop(source);
        Ok(())
    }

    /// Both parts; an error if one was deleted.
    fn parts(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        if let Parts { updates: Some(updates), removals: Some(removals), .. } = &*self.parts.lock()
        {
            return Ok((updates.clone_ref(py), removals.clone_ref(py)));
        }
        Ok((self.updates(py)?, self.removals(py)?))
    }

    fn replace(&self, parts: Parts) {
        let replaced = std::mem::replace(&mut *self.parts.lock(), parts);
        // With the lock released: a destructor may look at this change.
        replaced.release();
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
        let dicts = Dicts { updates: PyDict::new(py).unbind(), removals: None };
        Self::owning(py, dicts, Origin::default(), None)
    }

    #[pyo3(signature = (updates = None, removals = None))]
    fn __init__(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.replace(Parts::of_arguments(py, updates, removals)?);
        Ok(())
    }

    /// The keys that changed, with their new values: a `dict`.
    #[getter]
    fn updates(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.part(py, "updates", |parts| &parts.updates)
    }

    #[setter]
    fn set_updates(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<()> {
        self.set_part(py, |parts| &mut parts.updates, Some(value))
    }

    #[deleter]
    fn delete_updates(&self, py: Python<'_>) -> PyResult<()> {
        self.set_part(py, |parts| &mut parts.updates, None)
    }

    /// The keys that were removed: a `set`.
    #[getter]
    fn removals(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.part(py, "removals", |parts| &parts.removals)
    }

    #[setter]
    fn set_removals(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<()> {
        self.set_part(py, |parts| &mut parts.removals, Some(value))
    }

    #[deleter]
    fn delete_removals(&self, py: Python<'_>) -> PyResult<()> {
        self.set_part(py, |parts| &mut parts.removals, None)
    }

    /// Up to which version of the multi-view it reaches, for `create_view(since=...)`.
    ///
    /// `None` if it was not flushed from a view of a multi-view. It stays, whatever becomes of the
    /// parts, until it is assigned.
    #[getter]
    fn version(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        slf.get().origin().version(slf)
    }

    #[setter]
    fn set_version(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let origin = slf.get().origin().with_version(slf, value)?;
        slf.get().parts.lock().origin = origin;
        Ok(())
    }

    /// Whether, applied to nothing, it gives the content that the view was about.
    ///
    /// The first flush of a view does, unless the view went on from an old version. Whoever gets a
    /// complete change replaces what they have. It stays, whatever becomes of the parts, until it is
    /// assigned.
    #[getter]
    fn is_complete(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        slf.get().origin().is_complete(slf)
    }

    #[setter]
    fn set_is_complete(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let origin = slf.get().origin().with_completeness(slf, value)?;
        slf.get().parts.lock().origin = origin;
        Ok(())
    }

    /// Make a change from a dictionary with `"updates"` and `"removals"`, or less.
    ///
    /// Args:
    ///     dict_: Mapping as `to_dict()` gives it. Either part may be missing or `None`; the
    ///         removals may be any iterable of `str`.
    ///
    /// Raises:
    ///     TypeError: `dict_` is not a mapping, or what it holds does not make a change.
    #[classmethod]
    fn from_dict<'py>(
        cls: &Bound<'py, PyType>,
        dict_: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        if !dict_.is_exact_instance_of::<PyDict>() && !dict_.hasattr(intern!(py, "get"))? {
            let name = type_name(dict_);
            return Err(PyTypeError::new_err(format!("dict_ must be a mapping, not {name}")));
        }
        let part = |name| match dict_.cast_exact::<PyDict>() {
            Ok(dict) => dict.get_item(name),
            Err(_) => dict_.call_method1(intern!(py, "get"), (name,)).map(Some),
        };
        let parts = [part(intern!(py, "updates"))?, part(intern!(py, "removals"))?];
        if !cls.is(py.get_type::<Self>()) || !is_class_usual(cls) {
            return cls.call1((&parts[0], &parts[1]));
        }
        // As the class itself is called, which has a shorter way than PyO3.
        let parts = parts.each_ref().map(|part| part.as_ref().filter(|part| !part.is_none()));
        Ok(Self::of_arguments(py, parts[0], parts[1])?.into_any())
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
        let (other_updates, other_removals) = match other.cast_exact::<Self>() {
            Ok(other) => other.get().parts(py)?,
            Err(_) => attributes(other)?,
        };
        let (updates, removals) = self.parts(py)?;
        let updates = united_dicts(updates.bind(py), other_updates.bind(py))?;
        let removals = united_sets(removals.bind(py), other_removals.bind(py))?;
        let mut parts = self.parts.lock();
        let replaced =
            [parts.updates.replace(updates.unbind()), parts.removals.replace(removals.unbind())];
        drop(parts);
        release(replaced.into_iter().flatten());
        Ok(())
    }

    /// Encode the change as one message: `{"updates": {...}, "removals": [...]}`.
    ///
    /// If it was flushed from a view of a multi-view, each shared value is encoded once by a codec,
    /// however many views send it: until its key is changed again, and for as long as there is
    /// such a change. That begins with the first change of the multi-view that is encoded;
    /// what is there by then is shared as well, but for values that have been replaced. What has
    /// been replaced in `updates` and `removals` is encoded as it is now, for this change alone. Of
    /// values that were changed in place after they had been published, the bytes may be the old
    /// ones. The change keeps what it was flushed with for as long as it lives.
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
    ///     TypeError: `codec` is not a codec, `envelope` is not a `str`, or a part of the change
    ///         has been replaced by something that no change can have.
    ///     ValueError: A value cannot be encoded: the message names its key, the cause is the
    ///         error of the codec's function. Or a key or the envelope has a lone surrogate.
    ///     AttributeError: A part of the change has been deleted.
    #[pyo3(signature = (codec, envelope = None))]
    fn encode<'py>(
        &self,
        codec: &Bound<'py, PyAny>,
        envelope: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (codec, envelope) = (codec::codec(codec)?, codec::envelope(envelope)?);
        // As it is at one moment, whatever other threads do to it meanwhile.
        let Parts { updates, removals, source, .. } = self.parts.lock().clone();
        let source = source.as_ref().map(Py::get);
        let (updates, removals) = match (updates, removals, source) {
            (None, None, Some(source)) => return source.encode(codec, envelope),
            (Some(updates), Some(removals), _) => (updates, removals),
            _ => self.parts(codec.py())?,
        };
        let (updates, removals) = (updates.bind(codec.py()), removals.bind(codec.py()));
        match source {
            Some(source) if source.is_still(updates, removals)? => source.encode(codec, envelope),
            _ => {
                let encoding = self.encoding.as_ref().map(Py::get);
                encode::parts(codec, envelope, updates, removals, source, encoding)
            }
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

    /// As any object, except that the oldest two protocols would bypass `__new__`.
    #[pyo3(signature = (protocol, /))]
    fn __reduce_ex__<'py>(slf: &Bound<'py, Self>, protocol: i32) -> PyResult<Bound<'py, PyAny>> {
        pickling::reduced(slf, protocol)
    }

    /// The extra attributes, and the parts, as the protocol of `copy` and `pickle` has it.
    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        pickling::state(slf, slf.get().origin().names())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A holder elsewhere keeps the parts alive anyway.
        let Some(parts) = self.parts.try_lock() else { return Ok(()) };
        visit.call(&parts.updates)?;
        visit.call(&parts.removals)?;
        visit.call(&parts.source)
    }

    fn __clear__(&self) {
        self.replace(Parts::default());
    }
}
