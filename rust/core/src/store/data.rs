//! What the data mutex guards. Everything here runs with it taken.

use std::hash::BuildHasher;

use slab::Slab;

use super::ViewId;
use super::waiters::Waiters;
use crate::batch::{Displaced, Key, Marks};
use crate::journal::{CursorId, Journal};
use crate::pending::Pending;

#[derive(Debug)]
pub(super) struct View<K, V, W, S> {
    /// Where it is in the journal; none when it is not fed from there.
    pub(super) cursor: Option<CursorId>,
    pub(super) pending: Pending<K, V, W, S>,
    pub(super) frozen: bool,
}

#[derive(Debug)]
pub(super) struct Data<K, V, W, S> {
    pub(super) journal: Journal<K, V, S>,
    pub(super) views: Slab<View<K, V, W, S>>,
    pub(super) frozen: bool,
    pub(super) waiting_for_change: Waiters,
    pub(super) waiting_for_end: Waiters,
}

impl<K: Key, V, S: BuildHasher + Default, W> Default for Data<K, V, W, S> {
    fn default() -> Self {
        Self {
            journal: Journal::default(),
            views: Slab::new(),
            frozen: false,
            waiting_for_change: Waiters::default(),
            waiting_for_end: Waiters::default(),
        }
    }
}

impl<K: Key, V: Clone, W, S: BuildHasher + Default> Data<K, V, W, S> {
    pub(super) fn add_view(&mut self, cursor: Option<CursorId>) -> ViewId {
        ViewId(self.views.insert(View { cursor, pending: Pending::default(), frozen: false }))
    }

    pub(super) fn close_view(
        &mut self,
        view: ViewId,
        displaced: &mut Displaced<K, V, W>,
    ) -> View<K, V, W, S> {
        let view = self.views.remove(view.0);
        if let Some(cursor) = view.cursor {
            self.journal.close_cursor(cursor, &mut displaced.marks);
        }
        view
    }

    pub(super) fn is_frozen(&self, view: ViewId) -> bool {
        self.frozen || self.views[view.0].frozen
    }

    pub(super) fn is_pending(&self, view: ViewId) -> bool {
        let View { cursor, pending, .. } = &self.views[view.0];
        !pending.is_empty() || cursor.is_some_and(|cursor| self.journal.is_behind(cursor))
    }

    pub(super) fn harvest(
        &mut self,
        view: ViewId,
        displaced: &mut Displaced<K, V, W>,
    ) -> Option<(Marks<K, V>, Option<W>)> {
        let Self { journal, views, .. } = self;
        let View { cursor, pending, .. } = &mut views[view.0];
        match cursor.filter(|&cursor| journal.is_behind(cursor)) {
            Some(cursor) if pending.is_empty() => {
                let mut marks: Marks<K, V> =
                    journal.unseen(cursor).map(|seen| seen.mark.clone()).collect();
                marks.reverse();
                journal.advance(cursor, &mut displaced.marks);
                Some((marks, None))
            }
            Some(_) => {
                self.settle(view, displaced);
                Some(self.views[view.0].pending.take())
            }
            None => (!pending.is_empty()).then(|| pending.take()),
        }
    }

    /// Moves what the journal owes a view to what the view holds itself.
    pub(super) fn settle(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) {
        let Self { journal, views, .. } = self;
        let View { cursor, pending, .. } = &mut views[view.0];
        if let Some(cursor) = cursor.filter(|&cursor| journal.is_behind(cursor)) {
            pending.absorb(journal.unseen(cursor), displaced);
            journal.advance(cursor, &mut displaced.marks);
        }
    }
}
