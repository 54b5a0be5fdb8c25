//! A value as the journal keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;
use pyo3::prelude::*;

use crate::fragments::Fragments;

/// Whether this process encodes changes.
static ENCODES: AtomicBool = AtomicBool::new(false);

/// To be called before the first flush of what is to be encoded once for everybody.
pub(crate) fn share_fragments() {
    ENCODES.store(true, Ordering::Relaxed);
}

/// Whether values share what they are on the wire. Whoever never encodes does not pay for it.
pub(crate) fn fragments_are_shared() -> bool {
    ENCODES.load(Ordering::Relaxed)
}

/// A reference to a Python object, and what this version of a key is on the wire.
///
/// Clones share that. So they do with the original: the journal hands out nothing but clones.
pub(crate) struct Value {
    object: Py<PyAny>,
    fragments: OnceBox<Arc<Fragments>>,
}

impl Value {
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self { object: object.unbind(), fragments: OnceBox::new() }
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    pub(crate) fn fragments(&self) -> &Fragments {
        self.fragments.get_or_init(Box::default)
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        let fragments = if fragments_are_shared() {
            let shared = self.fragments.get_or_init(Box::default);
            OnceBox::with_value(Box::new(Arc::clone(shared)))
        } else {
            OnceBox::new()
        };
        Self { object: self.object.clone(), fragments }
    }
}
