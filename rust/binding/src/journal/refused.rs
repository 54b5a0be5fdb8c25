//! Why an update of a multi-view was refused, as Python's exceptions.

use change_buffers_core::store::Refused;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::args::name::Name;
use crate::journal::errors::frozen;

/// As many keys are named in a message.
const NAMED: usize = 3;

pyo3::create_exception!(
    change_buffers,
    KeyOwnedError,
    PyException,
    "Raised when an update names keys of an exclusive publisher that is another one.\n\n\
     Nothing has changed. `keys` is the `tuple` of these keys."
);

pyo3::create_exception!(
    change_buffers,
    ConflictError,
    PyException,
    "Raised by an update with `unchanged_since` if keys that it names have changed after it.\n\n\
     Nothing has changed. `keys` is the `tuple` of these keys. A key whose removal may have been\n\
     forgotten is one of them."
);

/// Gives both kinds of errors their `keys`, which are none until there is one.
pub(crate) fn declare(py: Python<'_>) -> PyResult<()> {
    for kind in [py.get_type::<KeyOwnedError>(), py.get_type::<ConflictError>()] {
        kind.setattr(intern!(py, "keys"), PyTuple::empty(py))?;
    }
    Ok(())
}

/// The error for a refused update, which may have had the condition `unchanged_since`.
#[cold]
pub(crate) fn refused(
    py: Python<'_>,
    reason: Refused<Name>,
    unchanged_since: Option<u64>,
) -> PyErr {
    let since = unchanged_since.unwrap_or_default();
    let error = match reason {
        Refused::Frozen => return frozen(),
        Refused::Closed => return closed(),
        Refused::Future => return from_the_future("unchanged_since", since),
        Refused::Past => return from_the_past(),
        Refused::Owned(keys) => named(py, "owned by an exclusive publisher", &keys)
            .map(|(text, keys)| (KeyOwnedError::new_err(text), keys)),
        Refused::Conflict(keys) => named(py, &format!("changed since version {since}"), &keys)
            .map(|(text, keys)| (ConflictError::new_err(text), keys)),
    };
    error
        .and_then(|(error, keys)| {
            error.value(py).setattr(intern!(py, "keys"), keys)?;
            Ok(error)
        })
        .unwrap_or_else(|failure| failure)
}

pub(crate) fn closed() -> PyErr {
    PyValueError::new_err("the publisher is closed: it takes no more updates")
}

pub(crate) fn from_the_future(argument: &str, version: u64) -> PyErr {
    PyValueError::new_err(format!(
        "{argument} must be a version that there has been, not {version}"
    ))
}

fn from_the_past() -> PyErr {
    PyValueError::new_err("version must be later than that of the multi-view")
}

fn named<'py>(
    py: Python<'py>,
    what: &str,
    keys: &[Name],
) -> PyResult<(String, Bound<'py, PyTuple>)> {
    let shown: Vec<String> = keys
        .iter()
        .take(NAMED)
        .map(|key| Ok(key.text(py).repr()?.to_string_lossy().into_owned()))
        .collect::<PyResult<_>>()?;
    let more = match keys.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("{what}: {}{more}", shown.join(", "));
    Ok((text, PyTuple::new(py, keys.iter().map(|key| key.text(py)))?))
}
