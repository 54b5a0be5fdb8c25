//! Keys and their values that users pass: checked and materialised before any lock is taken.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString};

use crate::args::errors::{caused, type_name};
use crate::args::exact::{borrowed_list, has_exact_keys, is_exact};
use crate::args::name::Name;
use crate::args::tables;

/// From how many keys on it is worth calling Python's own function.
const WORTH_A_CALL: usize = 8;

/// A new dictionary of what was passed as `updates`, with exact `str` keys.
pub(crate) fn updates_dict<'py>(updates: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let Updates { dict, is_own } = own_or_borrowed_dict(updates)?;
    let dict = if is_own { dict } else { dict.copy()? };
    if has_exact_keys(&dict) {
        return Ok(dict);
    }
    with_exact_keys(&dict)
}

/// A new set of what was passed as `removals`, of exact `str`.
pub(crate) fn removals_set<'py>(removals: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PySet>> {
    if let Some(set) = set_of_exact(removals) {
        return Ok(set);
    }
    PySet::new(removals.py(), names(removals)?.names.into_iter().map(Name::into_text))
}

/// A new set of the same keys, if these are a plain set or list of exact `str`. Runs no Python code.
fn set_of_exact<'py>(removals: &Bound<'py, PyAny>) -> Option<Bound<'py, PySet>> {
    let py = removals.py();
    if is_exact_set(removals) {
        // Python copies it as a whole, and nobody else knows the copy.
        let set = py.get_type::<PySet>().call1((removals,)).ok()?.cast_into::<PySet>().ok()?;
        let are_exact = if tables::are_sets_known() {
            tables::set_keys(&set).all(is_exact)
        } else {
            set.is_empty() || borrowed_list(&listed(&set).ok()?).all(is_exact)
        };
        return are_exact.then_some(set);
    }
    let keys = list_at_one_moment(removals)?;
    if !borrowed_list(&keys).all(is_exact) {
        return None;
    }
    if keys.len() < WORTH_A_CALL {
        return PySet::new(py, keys).ok();
    }
    py.get_type::<PySet>().call1((keys,)).ok()?.cast_into().ok()
}

/// An exact list, or a copy of it where another thread may change it at the same time.
fn list_at_one_moment<'py>(removals: &Bound<'py, PyAny>) -> Option<Bound<'py, PyList>> {
    let list = removals.cast_exact::<PyList>().ok()?;
    Some(if cfg!(Py_GIL_DISABLED) { list.get_slice(0, list.len()) } else { list.clone() })
}

/// A list of what is in a set, which is gone through faster, and as it is at one moment, whatever
/// another thread does to it.
fn listed<'py>(set: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    Ok(set.py().get_type::<PyList>().call1((set,))?.cast_into::<PyList>()?)
}

/// What was passed as `updates`, as a dictionary.
pub(crate) struct Updates<'py> {
    pub(crate) dict: Bound<'py, PyDict>,
    /// Whether nobody else knows the dictionary.
    pub(crate) is_own: bool,
}

pub(crate) fn own_or_borrowed_dict<'py>(updates: &Bound<'py, PyAny>) -> PyResult<Updates<'py>> {
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

/// The same dictionary with exact `str` keys.
pub(crate) fn with_exact_keys<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let exact = PyDict::new(dict.py());
    // A copy, because a key's own methods may reach the dictionary while we go through it.
    for (key, value) in dict.copy()? {
        exact.set_item(name(&key, "updates")?.text(dict.py()), value)?;
    }
    Ok(exact)
}

/// What was passed as `removals`.
pub(crate) struct Names {
    pub(crate) names: Vec<Name>,
    /// Whether none of them is there twice, as far as is known.
    pub(crate) are_distinct: bool,
}

pub(crate) fn names(removals: &Bound<'_, PyAny>) -> PyResult<Names> {
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
    if is_exact_set(removals) {
        // No key is there twice, unless some that seem different have the same text.
        let keys = listed(removals)?;
        let are_distinct = keys.iter().all(|key| key.is_exact_instance_of::<PyString>());
        let names = keys.iter().map(|key| name(&key, "removals")).collect::<PyResult<_>>()?;
        return Ok(Names { names, are_distinct });
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
    let names = items.map(|key| name(&key?, "removals")).collect::<PyResult<_>>()?;
    Ok(Names { names, are_distinct: false })
}

/// What was passed as `removals`, and stays alive with this.
pub(crate) enum Removals<'py> {
    /// As it was passed: there may be anything in it.
    Set(Bound<'py, PyAny>),
    /// As it was passed, if it is not a copy of that, so again.
    List {
        keys: Bound<'py, PyList>,
        are_distinct: bool,
    },
    Names(Vec<Name>),
}

impl<'py> Removals<'py> {
    pub(crate) fn of(removals: &Bound<'py, PyAny>) -> PyResult<Self> {
        let are_distinct = is_exact_set(removals);
        if are_distinct && tables::are_sets_known() {
            return Ok(Self::Set(removals.clone()));
        }
        let keys =
            if are_distinct { Some(listed(removals)?) } else { list_at_one_moment(removals) };
        match keys {
            Some(keys) => Ok(Self::List { keys, are_distinct }),
            None => Ok(Self::Names(names(removals)?.names)),
        }
    }

    /// Whether all keys are exact `str`. Runs no Python code.
    #[inline]
    pub(crate) fn are_exact(&self) -> bool {
        match self {
            Self::Set(keys) => tables::set_keys(keys).all(is_exact),
            Self::List { keys, .. } => borrowed_list(keys).all(is_exact),
            Self::Names(_) => true,
        }
    }

    /// The same as exact `str`.
    #[cold]
    pub(crate) fn made_exact(self) -> PyResult<Self> {
        match self {
            Self::Set(keys) => Ok(Self::Names(names(&keys)?.names)),
            Self::List { keys, .. } => Ok(Self::Names(names(&keys)?.names)),
            Self::Names(_) => Ok(self),
        }
    }
}

fn is_exact_set(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PySet>() || object.is_exact_instance_of::<PyFrozenSet>()
}

fn name(key: &Bound<'_, PyAny>, argument: &str) -> PyResult<Name> {
    let Ok(text) = key.cast::<PyString>() else {
        let name = type_name(key);
        return Err(PyTypeError::new_err(format!("{argument}: keys must be str, not {name}")));
    };
    Name::new(text)
}

/// One key.
pub(crate) fn key(key: &Bound<'_, PyAny>) -> PyResult<Name> {
    if let Ok(text) = key.cast::<PyString>() {
        return Name::new(text);
    }
    let name = type_name(key);
    Err(PyTypeError::new_err(format!("key must be a str, not {name}")))
}
