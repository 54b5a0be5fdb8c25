//! A message in MessagePack, decoded but for the values that are to stay packed.

use change_buffers_core::parsing::{DEEPEST, Parser, Token, Unfit};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::args::errors::type_name;
use crate::kept::packed::{PackedValue, decode, unfit};

/// Decode MessagePack, but leave the values of one map as they came.
///
/// Args:
///     data: The message.
///     path: Keys of maps, from the outermost to the one whose values become `PackedValue`s. What
///         is elsewhere, or not there, is decoded.
///
/// Raises:
///     TypeError: `data` is not `bytes`, or a key is not a `str`.
///     ValueError: It is malformed, something in it is what a `PackedValue` does not take, or
///         `path` is longer than 64.
#[pyfunction]
#[pyo3(signature = (data, *path))]
pub(crate) fn unpack_around<'py>(
    data: &Bound<'py, PyBytes>,
    path: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let path = path.iter().map(key).collect::<PyResult<Vec<_>>>()?;
    if path.len() > DEEPEST {
        return Err(PyValueError::new_err(format!("path has more than {DEEPEST} keys")));
    }
    let mut parser = Parser::new(data.as_bytes());
    let message = around(data.py(), &mut parser, &path)?;
    parser.end().map_err(unfit)?;
    Ok(message)
}

fn key(key: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyString>> {
    key.cast_into().map_err(|error| {
        let name = type_name(&error.into_inner());
        PyTypeError::new_err(format!("path must be keys, each a str, not {name}"))
    })
}

fn around<'py>(
    py: Python<'py>,
    parser: &mut Parser<'_>,
    path: &[Bound<'py, PyString>],
) -> PyResult<Bound<'py, PyAny>> {
    let Token::Map(count) = parser.clone().token().map_err(unfit)? else {
        return whole(py, parser);
    };
    parser.token().map_err(unfit)?;
    let map = PyDict::new(py);
    for _ in 0..count {
        let key = parser.key().map_err(unfit)?;
        match path.split_first() {
            None => {
                let packed = PackedValue::next(parser).map_err(unfit)?;
                map.set_item(key, Py::new(py, packed)?)?;
            }
            Some((next, rest)) if next == key => map.set_item(next, around(py, parser, rest)?)?,
            Some(_) => map.set_item(key, whole(py, parser)?)?,
        }
    }
    if map.len() < count {
        return Err(unfit(Unfit::Twice));
    }
    Ok(map.into_any())
}

/// One value, decoded. It is read first, so that nothing is made of what is nested too deeply.
fn whole<'py>(py: Python<'py>, parser: &mut Parser<'_>) -> PyResult<Bound<'py, PyAny>> {
    let (data, _) = parser.value().map_err(unfit)?;
    decode(py, &mut Parser::new(data))
}
