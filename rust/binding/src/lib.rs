//! The Python face of change-buffers: arguments in, result objects out, exceptions, collection.
//!
//! A thin layer over `change_buffers_core`. The modules stand in the order in which data flows, and
//! each imports only from those above it.

#![allow(clippy::doc_markdown, reason = "docstrings are written for Python's readers")]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over")]

use pyo3::prelude::*;

mod interpreter;
mod release;
mod waiting;

/// What users pass: checked and materialised before any lock is taken.
mod args {
    pub(crate) mod errors;
    pub(crate) mod exact;
    pub(crate) mod keys;
    pub(crate) mod lent;
    pub(crate) mod name;
    pub(crate) mod options;
    pub(crate) mod prefixes;
    pub(crate) mod seconds;
    pub(crate) mod tables;
}

/// What the journal keeps of a value.
mod kept {
    pub(crate) mod encoding;
    pub(crate) mod fragments;
    pub(crate) mod packed;
    pub(crate) mod value;
}

/// What stands on the wire.
mod bytes {
    pub(crate) mod codec;
    pub(crate) mod joined;
    pub(crate) mod message;
    pub(crate) mod unpack;
}

/// What a flush gives.
mod change {
    pub(crate) mod construct;
    pub(crate) mod dictionary_change;
    pub(crate) mod dicts;
    pub(crate) mod encode;
    pub(crate) mod finished;
    pub(crate) mod origin;
    pub(crate) mod parts;
    pub(crate) mod pickling;
    pub(crate) mod source;
    pub(crate) mod united;
    pub(crate) mod usual;
}

/// What event loops are asked to call, and what their tasks await.
mod tasks {
    pub(crate) mod asyncio_side;
    pub(crate) mod call;
    pub(crate) mod home;
    pub(crate) mod stint;
    pub(crate) mod ticks;
    pub(crate) mod wake_up;
}

/// The store as Python sees it.
mod journal {
    pub(crate) mod batch;
    pub(crate) mod bell;
    pub(crate) mod content;
    pub(crate) mod errors;
    pub(crate) mod feed;
    pub(crate) mod flushed;
    pub(crate) mod following;
    pub(crate) mod lending;
    pub(crate) mod level;
    pub(crate) mod publisher;
    pub(crate) mod refused;
    pub(crate) mod room;
    pub(crate) mod shared;
    pub(crate) mod stats;
}

/// Waiting for the next change.
mod follow {
    pub(crate) mod next_change;
    pub(crate) mod pace;
    pub(crate) mod subscription;
}

/// The classes that users make.
mod view {
    pub(crate) mod buffer;
    pub(crate) mod context;
    mod multi_view;
}

mod classes;

use bytes::codec::Codec;
use change::dictionary_change::DictionaryChange;
use follow::next_change::NextChange;
use follow::pace::Subscription;
use journal::errors::ObjectFrozenError;
use journal::feed::DictionaryChangeBuffer;
use journal::publisher::Publisher;
use journal::refused::{ConflictError, KeyOwnedError};
use journal::room::DictionaryChangeMultiView;
use journal::shared::SharedStore;
use journal::stats::Stats;
use kept::packed::PackedValue;
use tasks::ticks::Ticks;
use view::context::ViewContext;

/// The Rust core of change-buffers. Import the names from `change_buffers` instead.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Before anything else, which might be looked up once and kept.
    interpreter::claim(module.py())?;
    waiting::watch_forks(module.py())?;
    args::tables::look_at(module.py())?;
    journal::refused::declare(module.py())?;

    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ObjectFrozenError", module.py().get_type::<ObjectFrozenError>())?;
    module.add("KeyOwnedError", module.py().get_type::<KeyOwnedError>())?;
    module.add("ConflictError", module.py().get_type::<ConflictError>())?;
    module.add_class::<Codec>()?;
    module.add_class::<DictionaryChange>()?;
    change::usual::note(&module.py().get_type::<DictionaryChange>());
    change::construct::take_shortcut(module.py())?;
    module.add_class::<DictionaryChangeBuffer>()?;
    module.add_class::<DictionaryChangeMultiView>()?;
    module.add_class::<NextChange>()?;
    module.add_class::<PackedValue>()?;
    module.add_class::<Publisher>()?;
    module.add_class::<SharedStore>()?;
    module.add_class::<Stats>()?;
    module.add_class::<Subscription>()?;
    module.add_class::<Ticks>()?;
    module.add_class::<ViewContext>()?;
    module.add_function(wrap_pyfunction!(bytes::unpack::unpack_around, module)?)
}
