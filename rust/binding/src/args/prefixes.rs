//! Prefixes of keys that users pass.

use change_buffers_core::store::Filter;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use crate::args::errors::{caused, type_name};
use crate::args::name::Name;

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
        Ok(Self(Filter::of_prefixes(prefixes)))
    }
}
