//! Two parts of changes made into one, without looking at every key where Python need not.

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::args::errors::type_name;

/// The parts of what may be a change of another class.
pub(crate) fn attributes(other: &Bound<'_, PyAny>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
    let part = |name| {
        other.getattr(name).map(Bound::unbind).map_err(|error| {
            if !error.is_instance_of::<PyAttributeError>(other.py()) {
                return error;
            }
            let name = type_name(other);
            PyTypeError::new_err(format!("other must be a DictionaryChange, not {name}"))
        })
    };
    Ok((part("updates")?, part("removals")?))
}

/// A new dictionary of both, of which the other wins.
pub(crate) fn united_dicts<'py>(
    one: &Bound<'py, PyAny>,
    other: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = one.py();
    let Ok(dict) = one.cast_exact::<PyDict>() else {
        let dict = py.get_type::<PyDict>().call1((one,))?;
        dict.call_method1(intern!(py, "update"), (other,))?;
        return Ok(dict);
    };
    let dict = dict.copy()?;
    match other.cast_exact::<PyDict>() {
        Ok(other) => dict.update(other.as_mapping())?,
        Err(_) => drop(dict.call_method1(intern!(py, "update"), (other,))?),
    }
    Ok(dict.into_any())
}

/// A new set of both.
pub(crate) fn united_sets<'py>(
    one: &Bound<'py, PyAny>,
    other: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = one.py();
    let is_empty =
        |set: &Bound<'_, PyAny>| set.cast_exact::<PySet>().is_ok_and(PySetMethods::is_empty);
    let (is_one_empty, is_other_empty) = (is_empty(one), is_empty(other));
    if is_one_empty && is_other_empty {
        return Ok(PySet::empty(py)?.into_any());
    }
    let set = if is_one_empty {
        PySet::empty(py)?.into_any()
    } else {
        py.get_type::<PySet>().call1((one,))?
    };
    if !is_other_empty {
        set.call_method1(intern!(py, "update"), (other,))?;
    }
    Ok(set)
}
