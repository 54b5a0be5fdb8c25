//! A dictionary kept level with the journal, so that `copy_content()` is a plain copy of it.
//!
//! It is made by the first `copy_content()` and follows the journal through a cursor. Whoever
//! works on it takes it out of its place and so owns it alone; whoever finds the place empty does
//! without. Updates keep it level, outside the data mutex, because a stale one would keep
//! replaced values alive. That upkeep is paid for by reading: after as many updates without a
//! `copy_content()` as it has keys, it is dropped.

use std::sync::atomic::{AtomicBool, Ordering};

use change_buffers_core::journal::CursorId;
use change_buffers_core::store::{Read, Reading};
use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::journal::shared::PyStore;

/// Upkeep that even a small dictionary is worth.
const LEAST_CREDIT: usize = 64;

#[derive(Default)]
pub(crate) struct ContentCopy {
    /// A leaf among the locks: the mirror is moved in and out under it, nothing else.
    place: Mutex<Option<Mirror>>,
    /// Whether there is a mirror in its place that updates have to look after.
    kept: AtomicBool,
}

struct Mirror {
    dict: Py<PyDict>,
    cursor: CursorId,
    /// Keys with this birth number or a higher one are not in the dictionary, or at an older
    /// place.
    births: u64,
    /// How many more updates it is kept level for.
    credit: usize,
}

impl ContentCopy {
    /// A new dictionary of the content, in the order a plain one would have.
    pub(crate) fn copy<'py>(
        &self,
        py: Python<'py>,
        store: &PyStore,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut mirror = self.take().unwrap_or_else(|| Mirror {
            dict: PyDict::new(py).unbind(),
            cursor: store.open_cursor(),
            births: 0,
            credit: 0,
        });
        let copy = mirror.catch_up(py, store).and_then(|()| mirror.dict.bind(py).copy());
        if let Ok(copy) = &copy {
            mirror.credit = copy.len().max(LEAST_CREDIT);
        }
        self.put_back(py, store, mirror);
        copy
    }

    /// To be called after every update.
    pub(crate) fn keep_level(&self, py: Python<'_>, store: &PyStore) {
        if !self.kept.load(Ordering::Acquire) {
            return;
        }
        if let Some(mut mirror) = self.take() {
            mirror.credit = mirror.credit.saturating_sub(1);
            self.put_back(py, store, mirror);
        }
    }

    /// Drops it in the middle of anything. Never blocks.
    pub(crate) fn forget(&self, store: &PyStore) {
        if !self.kept.load(Ordering::Acquire) {
            return;
        }
        // Whoever is at it brings it up to date.
        let Some(mut place) = self.place.try_lock() else { return };
        self.kept.store(false, Ordering::Release);
        let mirror = place.take();
        drop(place);
        if let Some(mirror) = mirror {
            store.leave_cursor(mirror.cursor);
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(place) = self.place.try_lock() else { return Ok(()) };
        place.as_ref().map_or(Ok(()), |mirror| visit.call(&mirror.dict))
    }

    pub(crate) fn clear(&self, store: &PyStore) {
        if let Some(mirror) = self.take() {
            store.close_cursor(mirror.cursor);
        }
    }

    fn take(&self) -> Option<Mirror> {
        let mut place = self.place.lock();
        self.kept.store(false, Ordering::Release);
        place.take()
    }

    /// Puts a level mirror in its place, or drops one that is not worth keeping.
    fn put_back(&self, py: Python<'_>, store: &PyStore, mirror: Mirror) {
        let mut at_hand = Some(mirror);
        while let Some(mut mirror) = at_hand {
            if mirror.credit == 0 || mirror.catch_up(py, store).is_err() {
                store.close_cursor(mirror.cursor);
                return;
            }
            let cursor = mirror.cursor;
            let rival = {
                let mut place = self.place.lock();
                self.kept.store(true, Ordering::Release);
                place.replace(mirror)
            };
            if let Some(rival) = rival {
                store.close_cursor(rival.cursor);
            }
            // An update that came while the place was empty has left the upkeep to us.
            at_hand = if store.is_behind(cursor) { self.take() } else { None };
        }
    }
}

impl Mirror {
    /// Brings the dictionary to the state of the content. It is in no place where others see it.
    fn catch_up(&mut self, py: Python<'_>, store: &PyStore) -> PyResult<()> {
        let dict = self.dict.bind(py);
        while store.is_behind(self.cursor) {
            let Reading { mut keys, births } = store.read(self.cursor);
            keys.sort_unstable_by_key(|read| read.born);
            for Read { key, value, born } in keys {
                let key = key.text(py);
                let moves = value.is_none() || born >= self.births;
                if moves && dict.contains(key)? {
                    dict.del_item(key)?;
                }
                if let Some(value) = value {
                    dict.set_item(key, value.object(py)?)?;
                }
            }
            self.births = births;
        }
        Ok(())
    }
}
