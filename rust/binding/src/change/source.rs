//! What a flush gave, as long as nobody has asked for dictionaries.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Weak};

use change_buffers_core::batch::{Mark, Marks};
use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PySet};

use crate::args::keys::names;
use crate::args::name::{Name, NameHasher};
use crate::bytes::codec::Codec;
use crate::bytes::message::{Item, message};
use crate::change::dicts::Dicts;
use crate::kept::fragments::Identity;
use crate::kept::value::Value;
use crate::release::release;

/// As many are kept as a server may have kinds of clients, by codec and envelope.
const KEPT_MESSAGES: usize = 4;

/// The keys of a change with their values, to make dictionaries or bytes from. Never seen by users.
///
/// All views that expect the same change get the same source, and share what is made of it.
#[pyclass(frozen, module = "change_buffers._core")]
pub(crate) struct Source {
    marks: Marks<Name, Value>,
    /// What was made of it for several views; none if it is for one alone.
    made: Option<Mutex<Made>>,
}

/// Only references are moved under its lock, a leaf among the locks.
#[derive(Default)]
struct Made {
    dicts: Option<Dicts>,
    /// The newest first.
    messages: VecDeque<Message>,
}

struct Message {
    codec: Weak<Identity>,
    envelope: Option<String>,
    bytes: Py<PyBytes>,
}

impl Source {
    pub(crate) fn new(marks: Marks<Name, Value>, is_shared: bool) -> Self {
        Self { marks, made: is_shared.then(Mutex::default) }
    }

    /// New dictionaries of it, which belong to the caller.
    pub(crate) fn dicts(&self, py: Python<'_>) -> PyResult<Dicts> {
        let Some(made) = &self.made else { return Dicts::of(py, &self.marks) };
        let known = made.lock().dicts.clone();
        if let Some(known) = known {
            return known.copy(py);
        }
        let dicts = Dicts::of(py, &self.marks)?;
        let copy = dicts.copy(py)?;
        let replaced = made.lock().dicts.replace(dicts);
        drop(replaced);
        Ok(copy)
    }

    /// The bytes of the whole change.
    pub(crate) fn encode<'py>(
        &self,
        codec: &Bound<'py, Codec>,
        envelope: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = codec.py();
        let Some(made) = &self.made else { return self.encode_anew(codec, envelope) };
        let identity = codec.get().identity();
        let known = made
            .lock()
            .messages
            .iter()
            .find(|known| known.is(identity, envelope))
            .map(|known| known.bytes.clone_ref(py));
        if let Some(known) = known {
            return Ok(known.into_bound(py));
        }
        let bytes = self.encode_anew(codec, envelope)?;
        let message = Message {
            codec: Arc::downgrade(identity),
            envelope: envelope.map(str::to_owned),
            bytes: bytes.clone().unbind(),
        };
        let mut made = made.lock();
        made.messages.push_front(message);
        let is_full = made.messages.len() > KEPT_MESSAGES;
        let outdated = if is_full { made.messages.pop_back() } else { None };
        drop(made);
        drop(outdated);
        Ok(bytes)
    }

    fn encode_anew<'py>(
        &self,
        codec: &Bound<'py, Codec>,
        envelope: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = codec.py();
        let updates = self.values().map(|(key, value)| {
            let (object, fragments) = value.parts(py);
            Item { key, object, fragments }
        });
        message(codec, envelope, updates, self.removed())
    }

    /// Whether these parts are as it would make them. Parts of other types never are.
    pub(crate) fn is_still(
        &self,
        updates: &Bound<'_, PyAny>,
        removals: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let (Ok(updates), Ok(set)) =
            (updates.cast_exact::<PyDict>(), removals.cast_exact::<PySet>())
        else {
            return Ok(false);
        };
        // Another thread may change it at the same time.
        let copy = if cfg!(Py_GIL_DISABLED) { Some(updates.copy()?) } else { None };
        let mut expected = self.values();
        let is_same = copy.as_ref().unwrap_or(updates).iter().all(|(key, object)| {
            let expected = expected.next();
            expected.is_some_and(|(name, value)| name.is(&key) && value.is_seen_as(&object))
        });
        if !is_same || expected.next().is_some() {
            return Ok(false);
        }
        if set.is_empty() {
            return Ok(self.removed().next().is_none());
        }
        let expected: HashSet<&Name, NameHasher> = self.removed().collect();
        let found = names(removals)?.names;
        Ok(found.len() == expected.len() && found.iter().all(|name| expected.contains(name)))
    }

    /// The keys that were removed.
    fn removed(&self) -> impl Iterator<Item = &Name> {
        self.marks.iter().filter(|mark| !mark.fate.is_live()).map(|mark| &mark.key)
    }

    /// The keys that were set, in the order in which dictionaries get them.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.marks.iter().filter_map(|Mark { key, fate }| fate.value().map(|value| (key, value)))
    }

    // A change or a store that holds it breaks cycles, so there is no `__clear__`.
    fn visit_all(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.values().try_for_each(|(_, value)| value.visit(visit))?;
        let Some(made) = self.made.as_ref().and_then(Mutex::try_lock) else { return Ok(()) };
        made.dicts.as_ref().map_or(Ok(()), |dicts| dicts.visit(visit))
    }
}

#[pymethods]
impl Source {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.visit_all(&visit)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        let values = marks.into_iter().filter_map(|mark| mark.fate.into_value());
        release(values.map(Value::into_object));
    }
}

impl Message {
    fn is(&self, codec: &Arc<Identity>, envelope: Option<&str>) -> bool {
        self.codec.as_ptr() == Arc::as_ptr(codec) && self.envelope.as_deref() == envelope
    }
}
