//! A value that came in MessagePack, and is decoded when somebody looks at it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use change_buffers_core::parsing::{Extent, Parser, Token, Unfit};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

/// Whether there ever was one: as long as there was none, no value has to be looked at.
static ARE_THERE_ANY: AtomicBool = AtomicBool::new(false);

/// A value in MessagePack, which is decoded when somebody looks at it.
///
/// Pass one to `update()`, and whoever looks is given what it stands for, as if that had been
/// passed: `get()`, flushes, every view. A change that is encoded in MessagePack has these very
/// bytes, whatever the codec's function. So a server that only passes values on never makes
/// objects of them.
///
/// Any number of threads may use one. Cannot be subclassed.
///
/// Args:
///     data: The value as MessagePack: one that every client can be sent. Extensions, and maps with
///         keys that are no text or come twice, are not taken, nor more than 64 lists and maps in
///         each other.
///
/// Raises:
///     TypeError: `data` is not `bytes`.
///     ValueError: It is not such a value.
#[pyclass(frozen, module = "change_buffers.codecs")]
pub(crate) struct PackedValue {
    data: Box<[u8]>,
    extent: Extent,
    /// What it stands for, once somebody has looked.
    decoded: OnceLock<Py<PyAny>>,
}

impl PackedValue {
    /// The value that comes next.
    pub(crate) fn next(parser: &mut Parser<'_>) -> Result<Self, Unfit> {
        let (data, extent) = parser.value()?;
        ARE_THERE_ANY.store(true, Ordering::Relaxed);
        Ok(Self { data: data.into(), extent, decoded: OnceLock::new() })
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// What it stands for: the same object each time.
    #[cold]
    pub(crate) fn decoded<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        if self.decoded.get().is_none() {
            let mut parser = Parser::new(&self.data);
            // Another thread may have been faster, in which case its object counts.
            let _ = self.decoded.set(decode(py, &mut parser)?.unbind());
        }
        Ok(self.decoded.get().expect("it has just been decoded").bind(py))
    }
}

/// What this is, if it is packed.
#[inline]
pub(crate) fn packed<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a PackedValue> {
    if !ARE_THERE_ANY.load(Ordering::Relaxed) {
        return None;
    }
    object.cast_exact::<PackedValue>().ok().map(Bound::get)
}

/// What whoever looks is given for this.
#[inline]
pub(crate) fn seen<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyAny>> {
    packed(object).map_or(Ok(object), |packed| packed.decoded(object.py()))
}

/// Whether somebody who has looked was given the second for the first.
pub(crate) fn is_seen_as(object: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> bool {
    let decoded = || packed(object).and_then(|packed| packed.decoded.get());
    object.is(other) || decoded().is_some_and(|decoded| decoded.is(other))
}

/// Whether one of the values would have to be decoded first if this were handed out.
#[inline]
pub(crate) fn is_any_packed(values: &Bound<'_, PyDict>) -> bool {
    ARE_THERE_ANY.load(Ordering::Relaxed) && find_packed(values)
}

#[cold]
fn find_packed(values: &Bound<'_, PyDict>) -> bool {
    values.values().iter().any(|value| packed(&value).is_some())
}

/// Makes objects of one value. What this is called for has been read before, or is not deep.
pub(crate) fn decode<'py>(py: Python<'py>, parser: &mut Parser<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match parser.token().map_err(unfit)? {
        Token::Nil => py.None().into_bound(py),
        Token::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Token::Signed(number) => number.into_pyobject(py)?.into_any(),
        Token::Unsigned(number) => number.into_pyobject(py)?.into_any(),
        Token::Float(number) => number.into_pyobject(py)?.into_any(),
        Token::Text(text) => PyString::new(py, text).into_any(),
        Token::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Token::List(count) => {
            let list = PyList::empty(py);
            for _ in 0..count {
                list.append(decode(py, parser)?)?;
            }
            list.into_any()
        }
        Token::Map(count) => {
            let map = PyDict::new(py);
            for _ in 0..count {
                // The same few keys come again and again.
                let key = PyString::intern(py, parser.key().map_err(unfit)?);
                map.set_item(key, decode(py, parser)?)?;
            }
            map.into_any()
        }
    })
}

pub(crate) fn unfit(why: Unfit) -> PyErr {
    PyValueError::new_err(format!("data is not MessagePack that can be passed on: {why}"))
}

#[pymethods]
impl PackedValue {
    #[new]
    fn new(data: &Bound<'_, PyBytes>) -> PyResult<Self> {
        let mut parser = Parser::new(data.as_bytes());
        let packed = Self::next(&mut parser).map_err(unfit)?;
        parser.end().map_err(unfit)?;
        Ok(packed)
    }

    /// What it stands for. It is decoded once: this is the same object each time.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.decoded(py).cloned()
    }

    /// How many bytes it has.
    fn __len__(&self) -> usize {
        self.data.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.data)
    }

    /// How many entries all its lists and maps have.
    #[getter]
    fn entries(&self) -> usize {
        self.extent.entries
    }

    /// How many lists and maps are in each other; 0 if it is neither.
    #[getter]
    fn depth(&self) -> usize {
        self.extent.depth
    }

    fn __repr__(&self) -> String {
        format!("<PackedValue of {} bytes>", self.data.len())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Bound<'py, PyBytes>,)) {
        (slf.get_type().into_any(), (slf.get().__bytes__(slf.py()),))
    }

    // There is no `__clear__`: a cycle goes through what it stands for, which breaks it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.decoded.get())
    }
}
