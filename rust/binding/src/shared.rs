//! The Python object that owns a store.

use std::any::Any;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ffi::{c_int, c_void};
use std::ops::Deref;
use std::sync::Arc;

use change_buffers_core::store::{HubId, Ring, Store, Ticket, ViewId, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::call::{Call, Duty};
use crate::finished::Finished;
use crate::name::{Name, NameHasher};
use crate::release::release;
use crate::value::Value;
use crate::waiting;
use crate::wake_up::{Outcome, WakeUp};

pub(crate) type PyStore = Store<Name, Value, Finished, NameHasher>;

/// A store as a Python object.
///
/// A multi-view and its views all refer to one of these, and this one alone shows the content to
/// the garbage collector: every reference must be shown exactly once. What a view holds for
/// itself is shown by that view. Never seen by users.
#[pyclass(frozen, weakref, module = "change_buffers._core")]
pub(crate) struct SharedStore {
    pub(crate) store: PyStore,
    /// A leaf among the locks: references are moved under it.
    tasks: Mutex<Tasks>,
}

/// The tasks that wait.
#[derive(Default)]
struct Tasks {
    waiting: HashMap<(HubId, Ticket), Py<WakeUp>>,
    /// Those of each event loop that are to look again. They are here until the loop wakes them, so
    /// that none is lost when it is interrupted.
    due: HashMap<HubId, VecDeque<Py<WakeUp>>>,
}

impl SharedStore {
    /// Registers a task, which runs in this thread, unless it is to look again at once.
    pub(crate) fn wait_in(
        &self,
        hub: HubId,
        view: ViewId,
        wake_for: WakeFor,
        wake_up: &Py<WakeUp>,
    ) -> PyResult<Option<Ticket>> {
        if !self.store.has_hub(hub) {
            return Err(PyRuntimeError::new_err("the event loop is closed"));
        }
        let ticket = self.store.wait_in(hub, view, wake_for);
        // The loop cannot have answered since: that, too, happens in this thread.
        let last = ticket
            .and_then(|ticket| self.tasks.lock().waiting.insert((hub, ticket), wake_up.clone()));
        drop(last);
        Ok(ticket)
    }

    /// Forgets a task that goes on, for whatever reason.
    ///
    /// After an answer the ticket is forgotten already, and may be another task's by now.
    pub(crate) fn forget_in(&self, hub: HubId, ticket: Ticket, wake_up: &Py<WakeUp>) {
        let forgotten = match self.tasks.lock().waiting.entry((hub, ticket)) {
            Entry::Occupied(entry) if entry.get().is(wake_up) => entry.remove(),
            _ => return,
        };
        self.store.forget_in(hub, ticket);
        drop(forgotten);
    }

    /// Wakes the tasks of a hub that are to look again. Called by their loop.
    ///
    /// If it is interrupted, the next call goes on with the rest.
    pub(crate) fn answer(&self, py: Python<'_>, hub: HubId) -> PyResult<()> {
        let tickets = self.store.answer(hub);
        {
            let Tasks { waiting, due } = &mut *self.tasks.lock();
            let wake_ups = tickets.into_iter().filter_map(|it| waiting.remove(&(hub, it)));
            due.entry(hub).or_default().extend(wake_ups);
        }
        while let Some(wake_up) = self.next_due(hub) {
            WakeUp::set(wake_up.bind(py), Outcome::LookAgain)?;
        }
        Ok(())
    }

    fn next_due(&self, hub: HubId) -> Option<Py<WakeUp>> {
        self.tasks.lock().due.get_mut(&hub)?.pop_front()
    }
}

impl Drop for SharedStore {
    fn drop(&mut self) {
        release(self.store.clear().into_iter().map(Value::into_object));
    }
}

/// How the waiting tasks of an event loop are reached: by calling this.
struct Bell {
    ring: Py<PyAny>,
    /// Weakly: the store has the bell.
    store: Py<PyWeakrefReference>,
}

impl Bell {
    /// Has the loop answer soon. Says whether it is to be counted on.
    fn ask(&self, py: Python<'_>, hub: HubId) -> PyResult<()> {
        let call = Bound::new(py, Call::new(Duty::Answer(self.store.clone_ref(py), hub)))?;
        if self.ring.call1(py, (&call,))?.is_truthy(py)? {
            call.get().is_promised();
        }
        Ok(())
    }
}

impl Ring for Bell {
    fn ring(&self, hub: HubId) -> bool {
        Python::attach(|py| {
            let Err(error) = self.ask(py, hub) else { return true };
            // A signal handler may have raised in there. The tasks have to hear of the change all
            // the same.
            let again = self.ask(py, hub);
            let is_rung = again.is_ok();
            if let Err(error) = again {
                error.write_unraisable(py, Some(self.ring.bind(py)));
            }
            if is_rung && waiting::is_main_thread(py).unwrap_or(false) {
                raise_soon(py, error);
            } else {
                error.write_unraisable(py, Some(self.ring.bind(py)));
            }
            is_rung
        })
    }
}

/// Has the main thread raise an exception when it runs Python code again.
fn raise_soon(py: Python<'_>, error: PyErr) {
    extern "C" fn raise(value: *mut c_void) -> c_int {
        // SAFETY: Python makes pending calls on an attached thread, once each, and this one owns the
        // reference that was given away below.
        let (py, value) = unsafe {
            let py = Python::assume_attached();
            (py, Bound::from_owned_ptr(py, value.cast()))
        };
        PyErr::from_value(value).restore(py);
        -1
    }
    let value = error.into_value(py).into_ptr();
    // SAFETY: the function expects just such an argument, and owns it from here on.
    if unsafe { ffi::Py_AddPendingCall(Some(raise), value.cast()) } != 0 {
        // SAFETY: nobody has taken the reference.
        let value = unsafe { Bound::from_owned_ptr(py, value) };
        PyErr::from_value(value).write_unraisable(py, None);
    }
}

#[pymethods]
impl SharedStore {
    /// Tasks of an event loop are going to wait here.
    ///
    /// `ring` is called, in any thread, when they are to be told of something. It has the loop
    /// call its argument, and says whether the loop will.
    fn open_hub(slf: &Bound<'_, Self>, ring: Py<PyAny>) -> PyResult<usize> {
        let store = PyWeakrefReference::new(slf)?.unbind();
        Ok(slf.get().store.open_hub(Arc::new(Bell { ring, store })).0)
    }

    /// The event loop is closed.
    fn close_hub(&self, hub: usize) {
        let hub = HubId(hub);
        self.store.close_hub(hub);
        let mut tasks = self.tasks.lock();
        let due = tasks.due.remove(&hub);
        let waiting: Vec<_> = tasks.waiting.extract_if(|(of, _), _| *of == hub).collect();
        drop(tasks);
        drop((due, waiting));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(tasks) = self.tasks.try_lock() {
            let due = tasks.due.values().flatten();
            tasks.waiting.values().chain(due).try_for_each(|wake_up| visit.call(wake_up))?;
        }
        self.store.try_each_value(
            |value| value.visit(&visit),
            |whole| whole.visit(&visit),
            |ring| {
                let bell: &dyn Any = &**ring;
                bell.downcast_ref::<Bell>().map_or(Ok(()), |bell| {
                    visit.call(&bell.ring)?;
                    visit.call(&bell.store)
                })
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
        Py::new(py, SharedStore { store: PyStore::default(), tasks: Mutex::default() })
            .map(|shared| Self(Some(shared)))
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
