//! How values become bytes: the user's own function, and the format it writes.

use std::sync::Arc;

use change_buffers_core::framing::{Format, TooLong};
use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use crate::args::errors::{caused, type_name};
use crate::args::name::Name;
use crate::kept::fragments::Identity;
use crate::kept::packed::packed;

/// Turns changes into bytes: one format, and one function for the values.
///
/// Made through its subclasses in `change_buffers.codecs`. Any number of threads may use one
/// codec, for any number of multi-views. Each codec keeps its own bytes with the values it has
/// encoded, until these are replaced: make one and share it.
#[pyclass(frozen, subclass, weakref, module = "change_buffers._core")]
pub(crate) struct Codec {
    /// None only when a collection meets a new instance whose memory is all zero.
    encode_value: Option<Py<PyAny>>,
    format: Format,
    identity: Arc<Identity>,
}

impl Codec {
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// A key and its value as they stand in a message. Runs the user's code.
    pub(crate) fn pair(&self, key: &Name, value: &Bound<'_, PyAny>) -> PyResult<Box<[u8]>> {
        let py = value.py();
        let key = key.text(py);
        let text = utf8(key, "updates")?;
        let packed = packed(value);
        if let (Format::MessagePack, Some(packed)) = (self.format, packed) {
            return self.format.pair(text, packed.data()).map_err(|TooLong| too_long());
        }
        let value = packed.map_or(Ok(value), |packed| packed.decoded(py))?;
        let encode_value = self.encode_value.as_ref().expect("an initialised codec has a function");
        let encoded = encode_value.bind(py).call1((value,)).map_err(|cause| unfit(key, cause))?;
        let pair = if let Ok(bytes) = encoded.cast::<PyBytes>() {
            self.format.pair(text, bytes.as_bytes())
        } else if let Ok(bytes) = encoded.cast::<PyByteArray>() {
            self.format.pair(text, &bytes.to_vec())
        } else if let (Format::Json, Ok(json)) = (self.format, encoded.cast::<PyString>()) {
            let json = json.to_str().map_err(|cause| unfit(key, cause))?;
            self.format.pair(text, json.as_bytes())
        } else {
            let expected = if self.format == Format::Json { "str or bytes" } else { "bytes" };
            let cause = PyTypeError::new_err(format!(
                "the codec's function must return {expected}, not {}",
                type_name(&encoded)
            ));
            return Err(unfit(key, cause));
        };
        pair.map_err(|TooLong| too_long())
    }
}

/// What was passed as `codec`.
pub(crate) fn codec<'a, 'py>(codec: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, Codec>> {
    codec.cast().map_err(|_| {
        let name = type_name(codec);
        let message = format!("codec must be one of change_buffers.codecs, not {name}");
        PyTypeError::new_err(message)
    })
}

/// What was passed as `envelope`.
pub(crate) fn envelope<'a>(envelope: Option<&'a Bound<'_, PyAny>>) -> PyResult<Option<&'a str>> {
    let Some(envelope) = envelope else { return Ok(None) };
    let text = envelope.cast::<PyString>().map_err(|_| {
        let name = type_name(envelope);
        PyTypeError::new_err(format!("envelope must be a str or None, not {name}"))
    })?;
    utf8(text, "envelope").map(Some)
}

/// The text of a key as it is written on the wire.
pub(crate) fn utf8<'a>(key: &'a Bound<'_, PyString>, argument: &str) -> PyResult<&'a str> {
    key.to_str().map_err(|cause| {
        let shown = key.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
        let message =
            format!("{argument}: the key {shown} has a lone surrogate, so it has no UTF-8");
        caused(key.py(), PyValueError::new_err(message), cause)
    })
}

pub(crate) fn too_long() -> PyErr {
    PyValueError::new_err("MessagePack counts to 2**32 - 1: there are more keys, or a longer one")
}

/// Says which key it was; a `KeyboardInterrupt` and the like is not changed.
fn unfit(key: &Bound<'_, PyString>, cause: PyErr) -> PyErr {
    let py = key.py();
    if !cause.is_instance_of::<PyException>(py) {
        return cause;
    }
    let shown = key.repr().map_or_else(|_| String::new(), |shown| shown.to_string());
    let error = PyValueError::new_err(format!("updates[{shown}] cannot be encoded: {cause}"));
    caused(py, error, cause)
}

#[pymethods]
impl Codec {
    #[new]
    fn new(wire_format: &str, encode_value: Bound<'_, PyAny>) -> PyResult<Self> {
        let format = match wire_format {
            "msgpack" => Format::MessagePack,
            "json" => Format::Json,
            _ => {
                let message =
                    format!("wire_format must be 'msgpack' or 'json', not {wire_format:?}");
                return Err(PyValueError::new_err(message));
            }
        };
        if !encode_value.is_callable() {
            let name = type_name(&encode_value);
            let message =
                format!("encode_value must be a function from a value to bytes, not {name}");
            return Err(PyTypeError::new_err(message));
        }
        Ok(Self { encode_value: Some(encode_value.unbind()), format, identity: Arc::new(Identity) })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.encode_value)
    }
}
