//! What a garbage collector may ask of a store, and order it to forget.

use std::hash::BuildHasher;
use std::sync::Arc;

use super::{Ring, Store, ViewId};
use crate::batch::{Displaced, Key, Marks};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// Shows everything the content holds, unless the mutex is taken. Never blocks.
    ///
    /// So it does for what views hold whose owners are gone, since those cannot show it any more.
    pub fn try_each_value<E>(
        &self,
        mut show: impl FnMut(&V) -> Result<(), E>,
        mut show_whole: impl FnMut(&W) -> Result<(), E>,
        show_ring: impl FnMut(&Arc<dyn Ring>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(mut data) = self.data.try_lock() else { return Ok(()) };
        data.note_departed(&self.departed);
        data.waiters.rings().try_for_each(show_ring)?;
        data.wholes().try_for_each(&mut show_whole)?;
        data.journal.values().try_for_each(&mut show)?;
        data.departed().try_for_each(|(_, view)| view.pending.show(&mut show, &mut show_whole))
    }

    /// Shows everything a view holds for itself alone, unless the mutex is taken. Never blocks.
    pub fn try_each_pending<E>(
        &self,
        view: ViewId,
        show: impl FnMut(&V) -> Result<(), E>,
        show_whole: impl FnMut(&W) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(data) = self.data.try_lock() else { return Ok(()) };
        data.views[view.0].pending.show(show, show_whole)
    }

    /// Forgets the content, as if it had never been, and hands its values out.
    pub fn clear(&self) -> Vec<V> {
        let mut displaced = Displaced::default();
        let marks = {
            let mut data = self.lock();
            data.forget_memos(&mut displaced);
            data.journal.clear()
        };
        drop(displaced);
        marks.filter_map(|mark| mark.fate.into_value()).collect()
    }

    /// Forgets what a view holds for itself alone.
    pub fn clear_view(&self, view: ViewId) {
        let mut marks = Marks::new();
        let whole = self.lock().views[view.0].pending.take_into(&mut marks);
        drop((marks, whole));
    }
}
