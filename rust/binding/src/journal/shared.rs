//! The Python object that owns a store.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Deref;
use std::sync::Arc;

use change_buffers_core::store::{HubId, Store, Ticket, ViewId, WakeFor};
use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::args::name::{Name, NameHasher};
use crate::change::finished::Finished;
use crate::journal::bell::Bell;
use crate::kept::encoding::Encoding;
use crate::kept::value::{Blanks, Value};
use crate::release::release;

pub(crate) type PyStore = Store<Name, Value, Finished, NameHasher>;

/// A store as a Python object.
///
/// A multi-view and its views all refer to one of these, and this one alone shows the content to
/// the garbage collector: every reference must be shown exactly once. What a view holds for
/// itself is shown by that view. Never seen by users.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct SharedStore {
    pub(crate) store: PyStore,
    pub(crate) encoding: Py<Encoding>,
    /// What the waiting tasks await. A leaf among the locks: references are moved under it.
    futures: Mutex<HashMap<(HubId, Ticket), Awaited>>,
}

/// What there is for a ticket.
enum Awaited {
    Future(Py<PyAny>),
    /// The answer was here before the future, in another thread that ran at the same time.
    AnsweredAlready,
}

impl SharedStore {
    fn create(py: Python<'_>) -> PyResult<Py<Self>> {
        let encoding = Py::new(py, Encoding::default())?;
        Py::new(py, Self { store: PyStore::default(), encoding, futures: Mutex::default() })
    }

    /// One whose changes are for many: those that were flushed before the first of them was encoded
    /// still have the values of the content.
    fn create_with_content(py: Python<'_>) -> PyResult<Py<Self>> {
        let shared = Self::create(py)?;
        // Weakly: a change does not keep the store that it came from.
        let weak = PyWeakrefReference::new(shared.bind(py))?.unbind();
        shared.get().encoding.get().set_content(Box::new(move |py, keys| {
            let Some(shared) = weak.bind(py).upgrade_as::<Self>()? else { return Ok(Vec::new()) };
            let mut blanks = Blanks::new(py, keys.len())?;
            Ok(shared.get().store.values(keys, |value| value.keep_bytes(py, &mut blanks)))
        }));
        Ok(shared)
    }

    /// Has what a view is about to give keep its bytes, for all who are given the same.
    pub(crate) fn prepare(&self, py: Python<'_>, view: ViewId) -> PyResult<()> {
        if !self.encoding.get().is_on() {
            return Ok(());
        }
        let missing = self.store.unprepared(view);
        if missing > 0 {
            let mut blanks = Blanks::new(py, missing)?;
            self.store.prepare(view, |value| value.keep_bytes(py, &mut blanks));
        }
        Ok(())
    }

    /// Registers a task that awaits this future, unless it is to look again at once.
    pub(crate) fn wait_in(
        &self,
        hub: HubId,
        view: ViewId,
        wake_for: WakeFor,
        future: Py<PyAny>,
    ) -> Option<Ticket> {
        let ticket = self.store.wait_in(hub, view, wake_for)?;
        let mut futures = self.futures.lock();
        let last = futures.remove(&(hub, ticket));
        if matches!(last, Some(Awaited::AnsweredAlready)) {
            drop(futures);
            // It may have been for a task that gave up; then this one is registered still.
            self.store.forget_in(hub, ticket);
            return None;
        }
        futures.insert((hub, ticket), Awaited::Future(future));
        drop(futures);
        drop(last);
        Some(ticket)
    }

    /// Forgets a task that goes on, for whatever reason.
    ///
    /// After an answer the ticket is forgotten already, and may be another task's by now.
    pub(crate) fn forget_in(&self, hub: HubId, ticket: Ticket, future: &Py<PyAny>) {
        let forgotten = match self.futures.lock().entry((hub, ticket)) {
            Entry::Occupied(entry) if matches!(entry.get(), Awaited::Future(it) if it.is(future)) => {
                entry.remove()
            }
            _ => return,
        };
        self.store.forget_in(hub, ticket);
        drop(forgotten);
    }
}

impl Drop for SharedStore {
    fn drop(&mut self) {
        release(self.store.clear().into_iter().map(Value::into_object));
    }
}

#[pymethods]
impl SharedStore {
    /// Tasks of an event loop are going to wait here.
    ///
    /// `ring` is called, in any thread, when they are to be told of something; `answer()` says
    /// which.
    fn open_hub(&self, ring: Py<PyAny>) -> usize {
        self.store.open_hub(Arc::new(Bell(ring))).0
    }

    /// The event loop is closed.
    fn close_hub(&self, hub: usize) {
        let hub = HubId(hub);
        self.store.close_hub(hub);
        let forgotten: Vec<_> = self.futures.lock().extract_if(|(of, _), _| *of == hub).collect();
        drop(forgotten);
    }

    /// The futures of the tasks that are to look again.
    fn answer(&self, hub: usize) -> Vec<Py<PyAny>> {
        let hub = HubId(hub);
        let tickets = self.store.answer(hub);
        let mut futures = self.futures.lock();
        let answered = tickets.into_iter().filter_map(|ticket| {
            let awaited = futures.remove(&(hub, ticket));
            if let Some(Awaited::Future(future)) = awaited {
                return Some(future);
            }
            // At worst a task that gave up is taken for it, and the next one looks once more.
            futures.insert((hub, ticket), Awaited::AnsweredAlready);
            None
        });
        answered.collect()
    }

    /// The task that awaits this future goes on, for whatever reason.
    fn forget(&self, hub: usize, ticket: usize, future: Py<PyAny>) {
        self.forget_in(HubId(hub), Ticket(ticket), &future);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(futures) = self.futures.try_lock() {
            for awaited in futures.values() {
                if let Awaited::Future(future) = awaited {
                    visit.call(future)?;
                }
            }
        }
        self.store.try_each_value(
            |value| value.visit(&visit),
            |whole| whole.visit(&visit),
            |ring| {
                let bell: &dyn Any = &**ring;
                bell.downcast_ref::<Bell>().map_or(Ok(()), |bell| visit.call(&bell.0))
            },
        )
    }

    fn __clear__(&self) {
        release(self.store.clear().into_iter().map(Value::into_object));
    }
}

/// A class instance's reference to its store.
///
/// It may be met by the garbage collector before it is there: CPython 3.11 allocates the
/// `__dict__` of a new instance, and so may collect, while the rest of the instance is still
/// zeroed memory. That makes this reference, for which zero means none, what `__traverse__` has
/// to look at first.
#[derive(Clone)]
pub(crate) struct StoreRef(Option<Py<SharedStore>>);

impl StoreRef {
    pub(crate) fn object(&self) -> &Py<SharedStore> {
        self.0.as_ref().expect("an initialised instance has a store")
    }

    pub(crate) fn create(py: Python<'_>) -> PyResult<Self> {
        SharedStore::create(py).map(|shared| Self(Some(shared)))
    }

    pub(crate) fn create_with_content(py: Python<'_>) -> PyResult<Self> {
        SharedStore::create_with_content(py).map(|shared| Self(Some(shared)))
    }

    /// Visits the reference, then what else `visit_rest` has, if there is anything yet.
    pub(crate) fn visit_first(
        &self,
        visit: &PyVisit<'_>,
        visit_rest: impl FnOnce(&PyStore) -> Result<(), PyTraverseError>,
    ) -> Result<(), PyTraverseError> {
        let Some(shared) = &self.0 else { return Ok(()) };
        visit.call(shared)?;
        visit_rest(&shared.get().store)
    }
}

impl Deref for StoreRef {
    type Target = PyStore;

    fn deref(&self) -> &PyStore {
        &self.object().get().store
    }
}
