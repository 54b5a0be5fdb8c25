//! Versions, counts and yes or no, as users pass them.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::args::errors::{caused, type_name};

/// A version of a multi-view. One that is too large for any is as large as can be.
pub(crate) fn version(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<u64> {
    whole_number(value, argument, "a version, an int")
}

/// How many removed keys are remembered.
pub(crate) struct History(pub(crate) usize);

impl<'py> FromPyObject<'_, 'py> for History {
    type Error = PyErr;

    fn extract(count: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let count = whole_number(&count, "history", "a number of keys, an int")?;
        Ok(Self(usize::try_from(count).unwrap_or(usize::MAX)))
    }
}

/// Whether a first flush comes at once.
pub(crate) struct Snapshot(pub(crate) bool);

impl<'py> FromPyObject<'_, 'py> for Snapshot {
    type Error = PyErr;

    fn extract(flag: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        yes_or_no(&flag, "snapshot").map(Self)
    }
}

/// Whether nobody else can change the keys of a publisher.
pub(crate) struct Exclusive(pub(crate) bool);

impl<'py> FromPyObject<'_, 'py> for Exclusive {
    type Error = PyErr;

    fn extract(flag: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        yes_or_no(&flag, "exclusive").map(Self)
    }
}

fn yes_or_no(flag: &Bound<'_, PyAny>, argument: &str) -> PyResult<bool> {
    flag.extract().map_err(|cause: PyErr| {
        let message = format!("{argument} must be a bool, not {}", type_name(flag));
        caused(flag.py(), PyTypeError::new_err(message), cause)
    })
}

fn whole_number(value: &Bound<'_, PyAny>, argument: &str, expected: &str) -> PyResult<u64> {
    let py = value.py();
    value.extract().or_else(|cause: PyErr| {
        if cause.is_instance_of::<PyOverflowError>(py) {
            if value.lt(0)? {
                let message = format!("{argument} must be 0 or more, not {}", value.repr()?);
                return Err(PyValueError::new_err(message));
            }
            return Ok(u64::MAX);
        }
        Err(if cause.is_instance_of::<PyTypeError>(py) {
            let name = type_name(value);
            let message = format!("{argument} must be {expected}, not {name}");
            caused(py, PyTypeError::new_err(message), cause)
        } else {
            cause
        })
    })
}
