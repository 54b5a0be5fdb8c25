//! The Python object that owns a store.

use std::any::Any;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::sync::Arc;

use change_buffers_core::store::{HubId, Store, Ticket, ViewId, WakeFor};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::args::name::{Name, NameHasher};
use crate::change::finished::Finished;
use crate::journal::bell::Bell;
use crate::kept::encoding::Encoding;
use crate::kept::value::{Blanks, Value};
use crate::release::release;
use crate::tasks::call::Duty;
use crate::tasks::home::Home;
use crate::tasks::wake_up::{Outcome, WakeUp};

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
    /// A leaf among the locks: references are moved under it.
    tasks: Mutex<Tasks>,
    /// Where a task has waited last. A leaf, too.
    last_home: Mutex<Option<Home>>,
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
    fn create(py: Python<'_>) -> PyResult<Py<Self>> {
        let encoding = Py::new(py, Encoding::default())?;
        let store = PyStore::default();
        let (tasks, last_home) = (Mutex::default(), Mutex::default());
        Py::new(py, Self { store, encoding, tasks, last_home })
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

    /// What there is for the event loop that runs in this thread, which mostly is the one of last
    /// time.
    pub(crate) fn home(slf: &Py<Self>, py: Python<'_>, what: &str) -> PyResult<Home> {
        let last = slf.get().last_home.lock().clone();
        if let Some(last) = last
            && last.is_here(py)?
        {
            return Ok(last);
        }
        let home = Home::here(py, slf.as_any(), what)?;
        let last = slf.get().last_home.lock().replace(home.clone());
        drop(last);
        Ok(home)
    }

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

/// Waking those tasks of a hub that are to look again.
struct Answer {
    /// Weakly: the store has the bell.
    store: Py<PyWeakrefReference>,
    hub: HubId,
}

impl Answer {
    fn store<'py>(&self, py: Python<'py>) -> Option<Bound<'py, SharedStore>> {
        self.store.bind(py).upgrade_as().ok().flatten()
    }
}

impl Duty for Answer {
    fn perform(&self, py: Python<'_>) -> PyResult<()> {
        self.store(py).map_or(Ok(()), |store| store.get().answer(py, self.hub))
    }

    fn renew(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.store(py).is_none_or(|store| store.get().store.ring(self.hub)))
    }

    fn again(&self, py: Python<'_>) -> Box<dyn Duty> {
        Box::new(Self { store: self.store.clone_ref(py), hub: self.hub })
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)
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
    /// `ring` is called, in any thread, when they are to be told of something. It has the loop
    /// call its argument, and says whether the loop will.
    fn open_hub(slf: &Bound<'_, Self>, ring: Py<PyAny>) -> PyResult<usize> {
        let store = PyWeakrefReference::new(slf)?.unbind();
        let answer = move |py: Python<'_>, hub| -> Box<dyn Duty> {
            Box::new(Answer { store: store.clone_ref(py), hub })
        };
        Ok(slf.get().store.open_hub(Arc::new(Bell::new(ring, answer))).0)
    }

    /// The event loop is closed.
    fn close_hub(&self, hub: usize) {
        let hub = HubId(hub);
        self.store.close_hub(hub);
        let mut tasks = self.tasks.lock();
        let due = tasks.due.remove(&hub);
        let waiting: Vec<_> = tasks.waiting.extract_if(|(of, _), _| *of == hub).collect();
        drop(tasks);
        let home = self.last_home.lock().take_if(|home| home.hub == hub);
        drop((due, waiting, home));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(tasks) = self.tasks.try_lock() {
            let due = tasks.due.values().flatten();
            tasks.waiting.values().chain(due).try_for_each(|wake_up| visit.call(wake_up))?;
        }
        if let Some(home) = self.last_home.try_lock() {
            home.as_ref().map_or(Ok(()), |home| home.visit(&visit))?;
        }
        self.store.try_each_value(
            |value| value.visit(&visit),
            |whole| whole.visit(&visit),
            |ring| {
                let bell: &dyn Any = &**ring;
                bell.downcast_ref::<Bell>().map_or(Ok(()), |bell| bell.visit(&visit))
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
