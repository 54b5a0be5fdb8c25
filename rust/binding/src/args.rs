//! What users pass: checked and materialised before any lock is taken.
//!
//! Mappings, iterables and keys may run any Python code here, raise half-way or call back into
//! the object that is being updated. What comes out runs no Python code any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use change_buffers_core::batch;
use change_buffers_core::store::Filter;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PySet, PyString};

use crate::dicts::Dicts;
use crate::finished::Finished;
use crate::name::{Name, NameHasher};
use crate::value::Value;

/// The longest time one can wait, in seconds: `threading.TIMEOUT_MAX` of a 64-bit platform.
const LONGEST_WAIT: f64 = 9_223_372_036.0;

/// From how many keys on a finished dictionary is worth its price: building one key by key costs
/// more than two copies.
const WORTH_COPYING: usize = 3;

pub(crate) type Batch = batch::Batch<Name, Value, Finished>;

/// Fills an empty batch with the arguments of an `update()`.
///
/// It gets a dictionary of its updates too, fit to be handed out, if `wants_whole` says so. That
/// is not asked about a batch that is too small for it or has removals.
#[expect(clippy::inline_always, reason = "it is most of what an update does here")]
#[inline(always)]
pub(crate) fn fill(
    batch: &mut Batch,
    updates: Option<&Bound<'_, PyAny>>,
    removals: Option<&Bound<'_, PyAny>>,
    wants_whole: impl FnOnce() -> bool,
) -> PyResult<()> {
    let Some(updates) = updates else {
        batch.remove::<NameHasher>(removals.map_or_else(|| Ok(Vec::new()), names)?);
        return Ok(());
    };
    let Updates { mut dict, is_own } = own_or_borrowed_dict(updates)?;
    // First, because all of this may run code that changes the dictionary.
    let removals = removals.map(names).transpose()?;
    let whole = removals.is_none() && dict.len() >= WORTH_COPYING && wants_whole();
    if !is_own && (whole || cfg!(Py_GIL_DISABLED)) {
        dict = dict.copy()?;
    }
    if !set_all(batch, &dict)? {
        dict = with_exact_keys(&dict)?;
        *batch = Batch::default();
        set_all(batch, &dict)?;
    }
    if let Some(removals) = removals {
        batch.remove::<NameHasher>(removals);
    } else if whole {
        batch.finish(Finished::Dicts(Dicts { updates: dict.unbind(), removals: None }));
    }
    Ok(())
}

/// A new dictionary of what was passed as `updates`, with exact `str` keys.
pub(crate) fn updates_dict<'py>(updates: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let Updates { dict, is_own } = own_or_borrowed_dict(updates)?;
    let dict = if is_own { dict } else { dict.copy()? };
    if dict.keys().iter().all(|key| key.is_exact_instance_of::<PyString>()) {
        return Ok(dict);
    }
    with_exact_keys(&dict)
}

/// A new set of what was passed as `removals`, of exact `str`.
pub(crate) fn removals_set<'py>(removals: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PySet>> {
    PySet::new(removals.py(), names(removals)?.into_iter().map(Name::into_text))
}

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

/// The keys a view is about: those that start with one of the prefixes.
pub(crate) struct Prefixes(pub(crate) Filter<Name>);

impl<'py> FromPyObject<'_, 'py> for Prefixes {
    type Error = PyErr;

    fn extract(prefixes: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = prefixes.py();
        let unfit = |found: &Bound<'_, PyAny>, part: &str| {
            let name = type_name(found);
            PyTypeError::new_err(format!(
                "prefixes must be a str or an iterable of str, not {part}{name}"
            ))
        };
        let is_bytes =
            prefixes.is_instance_of::<PyBytes>() || prefixes.is_instance_of::<PyByteArray>();
        let prefixes: Vec<Name> = if let Ok(prefix) = prefixes.cast::<PyString>() {
            vec![Name::new(&prefix)?]
        } else if is_bytes {
            return Err(unfit(&prefixes, ""));
        } else {
            let items = prefixes.try_iter().map_err(|cause| {
                if cause.is_instance_of::<PyTypeError>(py) {
                    caused(py, unfit(&prefixes, ""), cause)
                } else {
                    cause
                }
            })?;
            let named = items.map(|item| {
                let item = item?;
                Name::new(item.cast::<PyString>().map_err(|_| unfit(&item, "one of "))?)
            });
            named.collect::<PyResult<_>>()?
        };
        Ok(Self(Arc::new(move |key: &Name| prefixes.iter().any(|prefix| key.starts_with(prefix)))))
    }
}

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

/// One key.
pub(crate) fn key(key: &Bound<'_, PyAny>) -> PyResult<Name> {
    if let Ok(text) = key.cast::<PyString>() {
        return Name::new(text);
    }
    let name = type_name(key);
    Err(PyTypeError::new_err(format!("key must be a str, not {name}")))
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

pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

struct Updates<'py> {
    dict: Bound<'py, PyDict>,
    /// Whether nobody else knows the dictionary.
    is_own: bool,
}

fn own_or_borrowed_dict<'py>(updates: &Bound<'py, PyAny>) -> PyResult<Updates<'py>> {
    if let Ok(dict) = updates.cast_exact::<PyDict>() {
        return Ok(Updates { dict: dict.clone(), is_own: false });
    }
    // `dict()` would take pairs too, and say something about sequence elements where they do not
    // fit.
    if !updates.hasattr("keys")? {
        let name = type_name(updates);
        return Err(PyTypeError::new_err(format!(
            "updates must be a mapping of str to values, not {name}"
        )));
    }
    let dict = updates.py().get_type::<PyDict>().call1((updates,))?.cast_into()?;
    Ok(Updates { dict, is_own: true })
}

/// Adds the items of a dictionary; says no if a key is not an exact `str`. Runs no Python code.
fn set_all(batch: &mut Batch, dict: &Bound<'_, PyDict>) -> PyResult<bool> {
    let mut end = Ok(true);
    // Spares the iterator the search for an item after the last.
    let items = dict.iter().take(dict.len()).map_while(|(key, value)| {
        match key.cast_into_exact::<PyString>().map(Name::of_exact) {
            Ok(Ok(name)) => return Some((name, Value::new(value))),
            Ok(Err(error)) => end = Err(error),
            Err(_) => end = Ok(false),
        }
        None
    });
    batch.set_all(items);
    end
}

fn with_exact_keys<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let exact = PyDict::new(dict.py());
    // A copy, because a key's own methods may reach the dictionary while we go through it.
    for (key, value) in dict.copy()? {
        exact.set_item(name(&key, "updates")?.text(dict.py()), value)?;
    }
    Ok(exact)
}

/// What was passed as `removals`.
pub(crate) fn names(removals: &Bound<'_, PyAny>) -> PyResult<Vec<Name>> {
    let py = removals.py();
    let is_text = removals.is_instance_of::<PyString>()
        || removals.is_instance_of::<PyBytes>()
        || removals.is_instance_of::<PyByteArray>();
    if is_text {
        return Err(PyTypeError::new_err(format!(
            "removals must be an iterable of str, not one {}: to remove one key, pass [key]",
            type_name(removals)
        )));
    }
    if cfg!(Py_GIL_DISABLED) && removals.is_exact_instance_of::<PySet>() {
        // As for a dict: another thread may change it at the same time.
        let copy = removals.call_method0("copy")?;
        return copy.try_iter()?.map(|key| name(&key?, "removals")).collect();
    }
    let items = removals.try_iter().map_err(|cause| {
        let name = type_name(removals);
        let error = format!("removals must be an iterable of str, not {name}");
        if cause.is_instance_of::<PyTypeError>(py) {
            caused(py, PyTypeError::new_err(error), cause)
        } else {
            cause
        }
    })?;
    items.map(|key| name(&key?, "removals")).collect()
}

fn name(key: &Bound<'_, PyAny>, argument: &str) -> PyResult<Name> {
    let Ok(text) = key.cast::<PyString>() else {
        let name = type_name(key);
        return Err(PyTypeError::new_err(format!("{argument}: keys must be str, not {name}")));
    };
    Name::new(text)
}

pub(crate) fn caused(py: Python<'_>, error: PyErr, cause: PyErr) -> PyErr {
    error.set_cause(py, Some(cause));
    error
}
