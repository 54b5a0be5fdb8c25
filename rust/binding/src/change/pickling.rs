//! Copies and pickles of changes, of whatever class.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// As any object, except that the oldest two protocols would bypass `__new__`.
pub(crate) fn reduced<'py>(
    change: &Bound<'py, PyAny>,
    protocol: i32,
) -> PyResult<Bound<'py, PyAny>> {
    let py = change.py();
    let (object, reduce) = (py.get_type::<PyAny>(), intern!(py, "__reduce__"));
    let is_reduced_otherwise = !change.get_type().getattr(reduce)?.is(&object.getattr(reduce)?);
    if protocol >= 2 || is_reduced_otherwise {
        return object.call_method1(intern!(py, "__reduce_ex__"), (change, protocol));
    }
    let rebuild = py.import("copyreg")?.getattr("__newobj__")?;
    let state = change.call_method0("__getstate__")?;
    Ok((rebuild, (change.get_type(),), state).into_pyobject(py)?.into_any())
}

/// The extra attributes, and the parts, as the protocol of `copy` and `pickle` has it.
pub(crate) fn state<'py>(
    change: &Bound<'py, PyAny>,
    more: &[&str],
) -> PyResult<Bound<'py, PyTuple>> {
    let py = change.py();
    let slots = PyDict::new(py);
    let names = py.import("copyreg")?.call_method1("_slotnames", (change.get_type(),))?;
    let own = ["updates", "removals"].iter().chain(more);
    let own = PyTuple::new(py, own.collect::<Vec<_>>())?;
    for name in names.try_iter()?.chain(own.try_iter()?) {
        let name = name?.cast_into::<PyString>()?;
        if let Some(value) = change.getattr_opt(&name)? {
            slots.set_item(name, value)?;
        }
    }
    let attributes = change.getattr("__dict__")?;
    (attributes, slots).into_pyobject(py)
}
