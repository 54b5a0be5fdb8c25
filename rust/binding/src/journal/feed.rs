//! A buffer as others know it: a store, and a view of it.

use change_buffers_core::store::ViewId;
use pyo3::prelude::*;

use crate::journal::following::Following;
use crate::journal::shared::{PyStore, SharedStore, StoreRef};
use crate::kept::value::Value;
use crate::release::release;
use crate::tasks::stint::Stint;

/// Gathers changes until they are flushed; of each key only the last change is kept.
///
/// Made by itself it holds what its own `update()` is given. As a view, made by
/// `DictionaryChangeMultiView.create_view()`, it also follows the shared dictionary.
///
/// Any number of threads may call any method at any time.
#[pyclass(frozen, subclass, weakref, dict, module = "change_buffers")]
pub(crate) struct DictionaryChangeBuffer {
    store: StoreRef,
    view: ViewId,
    stint: Stint,
}

impl DictionaryChangeBuffer {
    /// A view that follows the content of a store, or a part of it.
    pub(crate) fn follow(py: Python<'_>, following: &Following) -> PyResult<Py<Self>> {
        let view = following.open_view();
        let store = following.store().clone();
        Py::new(py, Self { store, view, stint: Stint::default() })
    }

    /// A buffer that is fed by nothing but its own updates.
    pub(crate) fn alone(py: Python<'_>) -> PyResult<Self> {
        let store = StoreRef::create(py)?;
        let view = store.open_buffer();
        Ok(Self { store, view, stint: Stint::default() })
    }

    /// Another one that owes the same.
    pub(crate) fn another(&self, py: Python<'_>) -> PyResult<Py<Self>> {
        let (store, view) = (self.store.clone(), self.store.clone_view(self.view));
        Py::new(py, Self { store, view, stint: Stint::default() })
    }

    pub(crate) fn store_ref(&self) -> &StoreRef {
        &self.store
    }

    pub(crate) fn store(&self) -> &PyStore {
        &self.store
    }

    pub(crate) fn shared(&self) -> Py<SharedStore> {
        self.store.object().clone()
    }

    /// No more updates for it. What it owes can be flushed once more.
    pub(crate) fn freeze_view(&self, py: Python<'_>) {
        // Without, bytes are found more than once, and that is all.
        let _ = self.store.object().get().prepare(py, self.view);
        self.store.freeze_view(self.view);
    }

    pub(crate) fn stint(&self) -> &Stint {
        &self.stint
    }

    pub(crate) fn view(&self) -> ViewId {
        self.view
    }
}

impl Drop for DictionaryChangeBuffer {
    fn drop(&mut self) {
        release(self.store.leave(self.view).into_iter().map(Value::into_object));
    }
}
