//! What the data mutex guards. Everything here runs with it taken.

use std::hash::BuildHasher;

use slab::Slab;

use super::following::Concern;
use super::memo::Memos;
use super::sweep::Tolerance;
use super::waiters::{TopicId, Waiters, WakeFor, Want};
use super::{Harvest, ViewId, Whole};
use crate::batch::{Displaced, Key, Marks, oldest_first};
use crate::journal::{CursorId, Journal};
use crate::pending::Pending;

/// What a view owes beside what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Debt {
    /// Nothing: it has been read before, or goes on where another ended.
    Nothing,
    /// Its first flush is the content, if there is any.
    Content,
    /// So it is, at once, also if there is none.
    Snapshot,
}

pub(super) struct View<K: 'static, V, W, S> {
    /// Where it is in the journal; none when it is not fed from there.
    pub(super) cursor: Option<CursorId>,
    pub(super) concern: Concern<K>,
    pub(super) debt: Debt,
    pub(super) topic: TopicId,
    pub(super) pending: Pending<K, V, W, S>,
    pub(super) frozen: bool,
    /// The version of the content at which it was detached.
    pub(super) detached: Option<u64>,
    /// Its owner is gone.
    pub(super) is_departed: bool,
}

pub(super) struct Data<K: 'static, V, W, S> {
    pub(super) journal: Journal<K, V, S>,
    pub(super) views: Slab<View<K, V, W, S>>,
    pub(super) frozen: bool,
    pub(super) waiters: Waiters<K>,
    pub(super) updates: u64,
    pub(super) flushes: u64,
    pub(super) tolerance: Tolerance,
    pub(super) memos: Memos<W>,
}

impl<K: Key, V, S: BuildHasher + Default, W> Default for Data<K, V, W, S> {
    fn default() -> Self {
        Self {
            journal: Journal::default(),
            views: Slab::new(),
            frozen: false,
            waiters: Waiters::default(),
            updates: 0,
            flushes: 0,
            tolerance: Tolerance::default(),
            memos: Memos::default(),
        }
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    pub(super) fn is_frozen(&self, view: ViewId) -> bool {
        self.frozen || self.views[view.0].frozen
    }

    /// Whether a flush would give something.
    #[inline]
    pub(super) fn is_pending(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) -> bool {
        let it = &self.views[view.0];
        if it.concern.is_choosy() {
            return self.is_anything_of_concern(view, displaced);
        }
        let is_behind = |cursor| self.journal.is_behind(cursor);
        !it.pending.is_empty() || it.debt == Debt::Snapshot || it.cursor.is_some_and(is_behind)
    }

    /// A view that is not about everything may have to look for something; it does not look at the
    /// same entry twice.
    #[inline(never)]
    fn is_anything_of_concern(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) -> bool {
        if self.views[view.0].concern.without.is_some() && !self.views[view.0].pending.is_empty() {
            // Some of it may be what that one has changed since.
            self.settle(view, displaced);
        }
        let it = &self.views[view.0];
        if !it.pending.is_empty() || it.debt == Debt::Snapshot {
            return true;
        }
        let Some(cursor) = it.cursor.filter(|&cursor| self.journal.is_behind(cursor)) else {
            return false;
        };
        let is_concerned = self.journal.unseen(cursor).any(|seen| it.concern.includes(&seen));
        if !is_concerned {
            self.journal.advance(cursor, &mut displaced.marks);
        }
        is_concerned
    }

    pub(super) fn want(&self, view: ViewId, wake_for: WakeFor) -> Want {
        Want { view, wake_for, topic: self.views[view.0].topic }
    }

    /// Whether a waiter has to wait for it.
    pub(super) fn has_to_wait(
        &mut self,
        view: ViewId,
        wake_for: WakeFor,
        displaced: &mut Displaced<K, V, W>,
    ) -> bool {
        let is_frozen = self.is_frozen(view);
        match wake_for {
            WakeFor::Change => !is_frozen && !self.is_pending(view, displaced),
            WakeFor::End => !is_frozen || self.is_pending(view, displaced),
        }
    }

    /// Says no if there is nothing.
    #[inline]
    pub(super) fn harvest(
        &mut self,
        view: ViewId,
        harvest: &mut Harvest<K, V, W>,
        displaced: &mut Displaced<K, V, W>,
    ) -> bool {
        let it = &self.views[view.0];
        let debt = it.debt;
        harvest.is_complete = debt != Debt::Nothing;
        harvest.version =
            if it.cursor.is_some() { Some(self.journal.version()) } else { it.detached };
        let is_any = self.take(view, harvest, displaced) || debt == Debt::Snapshot;
        if is_any && debt != Debt::Nothing {
            self.views[view.0].debt = Debt::Nothing;
        }
        is_any
    }

    /// Takes what has changed. Says no if nothing has.
    #[inline]
    fn take(
        &mut self,
        view: ViewId,
        harvest: &mut Harvest<K, V, W>,
        displaced: &mut Displaced<K, V, W>,
    ) -> bool {
        let View { cursor, pending, .. } = &self.views[view.0];
        match cursor.filter(|&cursor| self.journal.is_behind(cursor)) {
            Some(cursor) if pending.is_empty() => {
                return self.read(view, cursor, harvest, displaced);
            }
            Some(_) => self.settle(view, displaced),
            None if pending.is_empty() => return false,
            None => {}
        }
        if self.views[view.0].pending.is_empty() {
            return false;
        }
        let whole = self.views[view.0].pending.take_into(&mut harvest.marks);
        harvest.whole = whole.map(Whole::Owned);
        true
    }

    /// What a view has yet to see, from the memo if it is there. It has seen it then.
    fn read(
        &mut self,
        view: ViewId,
        cursor: CursorId,
        harvest: &mut Harvest<K, V, W>,
        displaced: &mut Displaced<K, V, W>,
    ) -> bool {
        let position = self.journal.position(cursor);
        let has_company = self.has_company(view, cursor);
        self.hope_for_more();
        if self.take_memo(view, cursor, has_company, harvest) {
            self.journal.advance(cursor, &mut displaced.marks);
            return true;
        }
        self.unseen(view, cursor, &mut harvest.marks);
        let keys = harvest.marks.len();
        if keys > 0 && (has_company || self.is_worth_a_trial(view, cursor, keys)) {
            // Before the view has seen it: finding a key may panic.
            harvest.memo = self.ticket(view, position, &harvest.marks);
        }
        self.journal.advance(cursor, &mut displaced.marks);
        keys > 0
    }

    pub(super) fn peek(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) -> Marks<K, V> {
        let View { cursor, pending, .. } = &self.views[view.0];
        match *cursor {
            // Left in the journal, so that values which are replaced meanwhile are not kept here.
            Some(cursor) if pending.is_empty() => {
                let mut marks = Marks::new();
                self.unseen(view, cursor, &mut marks);
                marks
            }
            _ => {
                self.settle(view, displaced);
                self.views[view.0].pending.marks().cloned().collect()
            }
        }
    }

    /// What a view has yet to see, the oldest first.
    fn unseen(&self, view: ViewId, cursor: CursorId, marks: &mut Marks<K, V>) {
        let it = &self.views[view.0];
        if !it.concern.is_choosy() {
            return oldest_first(self.journal.unseen_marks(cursor), marks);
        }
        let unseen = self.journal.unseen(cursor).filter(|seen| it.concern.includes(seen));
        oldest_first(unseen.map(|seen| seen.mark), marks);
    }

    /// Moves what the journal owes a view to what the view holds itself.
    #[inline]
    pub(super) fn settle(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) {
        let cursor = self.views[view.0].cursor;
        if let Some(cursor) = cursor.filter(|&cursor| self.journal.is_behind(cursor)) {
            self.settle_from(cursor, view, displaced);
        }
    }

    #[inline(never)]
    fn settle_from(&mut self, cursor: CursorId, view: ViewId, displaced: &mut Displaced<K, V, W>) {
        let Self { journal, views, .. } = self;
        let View { concern, pending, .. } = &mut views[view.0];
        let unseen = journal.unseen(cursor).filter(|seen| concern.includes(seen));
        let echoes = journal.unseen(cursor).filter(|seen| concern.echoes(seen));
        let echoes = echoes.take(if concern.without.is_some() { usize::MAX } else { 0 });
        pending.absorb(unseen, echoes, journal.version(), displaced);
        journal.advance(cursor, &mut displaced.marks);
    }
}
