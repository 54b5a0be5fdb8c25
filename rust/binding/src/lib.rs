//! The Python face of change-buffers: arguments in, result objects out, exceptions, collection.
//!
//! A thin layer over `change_buffers_core`, one file per idea:
//!
//! * `args`: what users pass, checked and materialised before any lock is taken
//! * `shared`: the Python object that owns a store, for the garbage collector's sake
//! * `buffer`, `multi_view`, `view_context`, `subscription`, `next_change`, `change`: the
//!   classes
//! * `finished`, `dicts`, `source`: from what a flush gives to a change object
//! * `encode`, `codec`, `fragments`, `bytes`: from a change to bytes
//! * `value`, `name`: what the journal keeps
//! * `content`: a dictionary kept level with the journal, for `copy_content()`
//! * `release`: letting go of values
//! * `waiting`: sleeping without the GIL, and signals
//! * `home`, `asyncio_side`: the event loop that tasks run in, and what is written in Python for it
//! * `interpreter`: where the module can be imported
//! * `stats`: counts for operations
//! * `classes`: what every class must be

#![allow(clippy::doc_markdown, reason = "docstrings are written for Python's readers")]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over")]

use pyo3::prelude::*;

mod args;
mod asyncio_side;
mod buffer;
mod bytes;
mod change;
mod classes;
mod codec;
mod content;
mod dicts;
mod encode;
mod finished;
mod fragments;
mod home;
mod interpreter;
mod multi_view;
mod name;
mod next_change;
mod release;
mod shared;
mod source;
mod stats;
mod subscription;
mod value;
mod view_context;
mod waiting;

pyo3::create_exception!(
    change_buffers,
    ObjectFrozenError,
    pyo3::exceptions::PyException,
    "Raised when a frozen buffer or multi-view is updated, or a drained one is flushed."
);

/// The Rust core of change-buffers. Import the names from `change_buffers` instead.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Before anything else, which might be looked up once and kept.
    interpreter::claim(module.py())?;
    waiting::watch_forks(module.py())?;

    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ObjectFrozenError", module.py().get_type::<ObjectFrozenError>())?;
    module.add_class::<buffer::DictionaryChangeBuffer>()?;
    module.add_class::<change::DictionaryChange>()?;
    module.add_class::<codec::Codec>()?;
    module.add_class::<multi_view::DictionaryChangeMultiView>()?;
    module.add_class::<next_change::NextChange>()?;
    module.add_class::<shared::SharedStore>()?;
    module.add_class::<stats::Stats>()?;
    module.add_class::<subscription::Subscription>()?;
    module.add_class::<view_context::ViewContext>()?;
    module.add_function(wrap_pyfunction!(share_fragments, module)?)
}

/// Have values share what they are on the wire from now on. Private.
#[pyfunction(name = "_share_fragments")]
fn share_fragments() {
    value::share_fragments();
}
