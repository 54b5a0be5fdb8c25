//! Times that users pass, in seconds.

use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::args::errors::{caused, type_name};

/// The longest time one can wait, in seconds: `threading.TIMEOUT_MAX` of a 64-bit platform.
const LONGEST_WAIT: f64 = 9_223_372_036.0;

/// Seconds between two deliveries.
pub(crate) struct Interval(pub(crate) Duration);

impl Interval {
    pub(crate) const ZERO: Self = Self(Duration::ZERO);
}

impl<'py> FromPyObject<'_, 'py> for Interval {
    type Error = PyErr;

    fn extract(seconds: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let value = number_of_seconds(seconds, "interval")?;
        if value.is_nan() || value < 0.0 {
            let message = format!("interval must be 0 or more seconds, not {value:?}");
            return Err(PyValueError::new_err(message));
        }
        Ok(Self(duration(value, "interval")?))
    }
}

/// Seconds to wait at most; 0 for no waiting at all.
///
/// As with the timeouts of `threading`: what is not positive does not wait, and what is longer
/// than the platform can wait is an `OverflowError`.
pub(crate) struct Timeout(Duration);

impl Timeout {
    /// When the time is over; none if that is beyond what the clock can show.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.0)
    }
}

impl<'py> FromPyObject<'_, 'py> for Timeout {
    type Error = PyErr;

    fn extract(seconds: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let value = number_of_seconds(seconds, "timeout")?;
        if value > 0.0 { duration(value, "timeout").map(Self) } else { Ok(Self(Duration::ZERO)) }
    }
}

fn number_of_seconds(seconds: Borrowed<'_, '_, PyAny>, argument: &str) -> PyResult<f64> {
    let py = seconds.py();
    seconds.extract().or_else(|cause: PyErr| {
        if cause.is_instance_of::<PyOverflowError>(py) {
            // An integer beyond all floats: only its sign matters.
            return Ok(if seconds.lt(0)? { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        Err(if cause.is_instance_of::<PyTypeError>(py) {
            let name = type_name(&seconds);
            let message = format!("{argument} must be a number of seconds, not {name}");
            caused(py, PyTypeError::new_err(message), cause)
        } else {
            cause
        })
    })
}

fn duration(seconds: f64, argument: &str) -> PyResult<Duration> {
    if seconds > LONGEST_WAIT {
        let message = format!("{argument} must be at most {LONGEST_WAIT} seconds, not {seconds:?}");
        return Err(PyOverflowError::new_err(message));
    }
    Ok(Duration::from_secs_f64(seconds))
}
