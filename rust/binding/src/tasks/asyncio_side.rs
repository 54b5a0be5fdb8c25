//! The asyncio side, which is written in Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Something in `change_buffers._asyncio`, looked up once.
///
/// It is imported when it is first needed, by a statement in Python: who collects the modules of a
/// program, to freeze it, does not see the names that are imported in here.
pub(crate) fn get<'a, 'py>(
    py: Python<'py>,
    known: &'a PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'a Bound<'py, PyAny>> {
    let found = known.get_or_try_init(py, || {
        let module = py.import("change_buffers")?.call_method0("_asyncio_side")?;
        module.getattr(name).map(Bound::unbind)
    })?;
    Ok(found.bind(py))
}
