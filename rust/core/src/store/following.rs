//! What a view follows: which keys, from where on, and whom it does not want to hear of.

use std::hash::BuildHasher;

use super::data::{Data, Debt, View};
use super::{Filter, Store, ViewId};
use crate::batch::{Displaced, Key};
use crate::journal::{CursorId, PublisherId, Seen};
use crate::pending::Pending;

/// What a new view is to follow. By default everything, beginning with the content.
#[derive(Clone)]
pub struct Following<K: 'static> {
    /// Which keys it is about; none when about all.
    pub filter: Option<Filter<K>>,
    /// It is not told of what this one has changed last.
    pub without: Option<PublisherId>,
    /// It has seen everything up to this version. If that can't be gone on from, it is as for a
    /// snapshot.
    pub since: Option<u64>,
    /// Its first flush comes at once, also if there is no content.
    pub is_snapshot: bool,
}

impl<K> Default for Following<K> {
    fn default() -> Self {
        Self { filter: None, without: None, since: None, is_snapshot: false }
    }
}

/// What of a journal concerns a view.
pub(super) struct Concern<K: 'static> {
    /// Which keys it is about; none when about all.
    pub(super) filter: Option<Filter<K>>,
    /// Whoever has changed a key last for the view not to hear of it.
    pub(super) without: Option<PublisherId>,
}

impl<K> Concern<K> {
    /// Whether not everything concerns it.
    pub(super) fn is_choosy(&self) -> bool {
        self.filter.is_some() || self.without.is_some()
    }

    pub(super) fn includes<V>(&self, seen: &Seen<'_, K, V>) -> bool {
        !self.echoes(seen) && self.filter.as_ref().is_none_or(|filter| filter(&seen.mark.key))
    }

    /// Whether it is what the view does not want to hear of.
    pub(super) fn echoes<V>(&self, seen: &Seen<'_, K, V>) -> bool {
        self.without.is_some() && seen.by == self.without
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// A new view of the content, which it has yet to see; of some keys only, if there is a
    /// filter.
    pub fn open_view(&self, filter: Option<Filter<K>>) -> ViewId {
        self.follow(Following { filter, ..Following::default() })
    }

    /// A new view of the content, or of what has become of it since it was seen last.
    pub fn follow(&self, following: Following<K>) -> ViewId {
        let Following { filter, without, since, is_snapshot } = following;
        let mut data = self.lock();
        let resumed = since.and_then(|version| data.journal.open_cursor_at(version));
        let (cursor, debt) = match resumed {
            Some(cursor) => (cursor, Debt::Nothing),
            None if is_snapshot || since.is_some() => (data.journal.open_cursor(), Debt::Snapshot),
            None => (data.journal.open_cursor(), Debt::Content),
        };
        let view = data.add_view(Some(cursor), filter.as_ref(), without, debt);
        drop(data);
        // There may be one like it already.
        drop(filter);
        view
    }

    /// A new view that is fed by nothing but its own updates.
    pub fn open_buffer(&self) -> ViewId {
        self.lock().add_view(None, None, None, Debt::Nothing)
    }

    /// Another view that owes the same and is at the same position.
    ///
    /// Takes time in proportion to what the view holds for itself alone.
    pub fn clone_view(&self, view: ViewId) -> ViewId {
        let mut data = self.lock();
        let pending = data.views[view.0].pending.copy();
        // From here on nothing can fail.
        let cursor = data.views[view.0].cursor.map(|cursor| data.journal.clone_cursor(cursor));
        let View { concern: Concern { filter, without }, debt, frozen, detached, .. } =
            &data.views[view.0];
        let (filter, without, debt) = (filter.clone(), *without, *debt);
        let (frozen, detached) = (*frozen, *detached);
        // The view keeps its own reference to the filter: this one is not the last.
        let copy = data.add_view(cursor, filter.as_ref(), without, debt);
        let it = &mut data.views[copy.0];
        (it.pending, it.frozen, it.detached) = (pending, frozen, detached);
        copy
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    #[inline]
    fn add_view(
        &mut self,
        cursor: Option<CursorId>,
        filter: Option<&Filter<K>>,
        without: Option<PublisherId>,
        debt: Debt,
    ) -> ViewId {
        if let Some(publisher) = without {
            self.journal.hold_publisher(publisher);
        }
        let topic = self.waiters.topics.join(filter, without);
        // That of the topic is dropped with the last view, after unlocking.
        let concern = Concern { filter: self.waiters.topics.filter(topic).cloned(), without };
        self.tolerance.choosy += usize::from(concern.is_choosy());
        ViewId(self.views.insert(View {
            cursor,
            concern,
            debt,
            topic,
            pending: Pending::default(),
            frozen: false,
            detached: None,
            is_departed: false,
        }))
    }

    /// Feeds a view no more. What it is owed, it holds itself from now on.
    pub(super) fn detach(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) {
        self.settle(view, displaced);
        let Self { journal, views, .. } = self;
        let View { cursor, frozen, detached, .. } = &mut views[view.0];
        *frozen = true;
        if let Some(cursor) = cursor.take() {
            *detached = Some(journal.version());
            journal.close_cursor(cursor, &mut displaced.marks);
        }
    }

    pub(super) fn close_view(
        &mut self,
        view: ViewId,
        displaced: &mut Displaced<K, V, W>,
    ) -> View<K, V, W, S> {
        let topic = self.views[view.0].topic;
        if self.waiters.topics.is_last(topic) {
            self.forget_memos_of(topic, displaced);
        }
        self.waiters.forget_view(view, topic);
        let view = self.views.remove(view.0);
        self.tolerance.choosy -= usize::from(view.concern.is_choosy());
        if let Some(cursor) = view.cursor {
            self.journal.close_cursor(cursor, &mut displaced.marks);
        }
        if let Some(publisher) = view.concern.without {
            self.journal.release_publisher(publisher);
        }
        if self.views.is_empty() {
            self.forget_memos(displaced);
        }
        view
    }
}
