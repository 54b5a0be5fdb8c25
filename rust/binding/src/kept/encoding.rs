//! Whether the changes of a store are encoded.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use crate::args::name::Name;
use crate::kept::value::Value;

/// From keys to the values that the content has for them, ready to keep their bytes.
pub(crate) type Lookup =
    Box<dyn Fn(Python<'_>, &[Name]) -> PyResult<Vec<Option<Value>>> + Send + Sync>;

/// Turned on by the first change that is encoded: from then on the store keeps bytes with its values.
///
/// A Python object, since every change has a reference to that of its store. Never seen by users.
#[pyclass(frozen, module = "change_buffers._core")]
#[derive(Default)]
pub(crate) struct Encoding {
    is_on: AtomicBool,
    /// None for a buffer without a shared dictionary.
    content: OnceLock<Lookup>,
}

impl Encoding {
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Says where the content is. To be called once.
    pub(crate) fn set_content(&self, content: Lookup) {
        let _ = self.content.set(content);
    }

    /// The values that are there for these keys, so that whoever was given them before shares their
    /// bytes too. None at all if nobody else can have been given them.
    pub(crate) fn begin(&self, py: Python<'_>, keys: &[Name]) -> PyResult<Vec<Option<Value>>> {
        self.is_on.store(true, Ordering::Relaxed);
        self.content.get().map_or_else(|| Ok(Vec::new()), |content| content(py, keys))
    }
}
