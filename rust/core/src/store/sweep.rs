//! Removed keys that are kept for nothing but a view that they do not concern.
//!
//! A view about some keys that waits, or is paced, or has stalled, does not look at the rest. So
//! that what is removed there does not pile up behind it, it is made to look when too much has.

use std::hash::BuildHasher;

use super::ViewId;
use super::data::{Data, View};
use crate::batch::{Displaced, Key};

/// So many removed keys are never too many.
const NEVER_TOO_MANY: usize = 64;

/// A view may have so many times as many removed keys behind it as concern it.
const FOREIGN: usize = 8;

/// How many removed keys may pile up before somebody is made to look.
#[derive(Debug)]
pub(super) struct Tolerance {
    /// How many views there are that are not about everything.
    pub(super) choosy: usize,
    limit: usize,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { choosy: 0, limit: NEVER_TOO_MANY }
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// To be called after every change.
    #[inline]
    pub(super) fn tolerate(&mut self, displaced: &mut Displaced<K, V, W>) {
        if self.tolerance.choosy > 0 {
            let Tolerance { limit, .. } = self.tolerance;
            let excess = self.journal.excess();
            if excess > limit {
                self.sweep(displaced);
            } else if limit > NEVER_TOO_MANY && excess < limit / 8 {
                self.tolerance.limit = limit / 2;
            }
        }
    }

    /// Has the slowest views look, as long as that is of use, and sets a new limit: so the price is
    /// paid by as many removals as have been looked at.
    #[cold]
    fn sweep(&mut self, displaced: &mut Displaced<K, V, W>) {
        let choosy = self.views.iter().filter(|(_, view)| view.concern.is_choosy());
        let mut choosy: Vec<_> = choosy
            .filter_map(|(slot, view)| Some((self.journal.removals_seen(view.cursor?), slot)))
            .collect();
        choosy.sort_unstable();
        for (_, slot) in choosy {
            if !self.passes_by(ViewId(slot), displaced) {
                break;
            }
        }
        self.tolerance.limit = NEVER_TOO_MANY.max(2 * self.journal.excess());
    }

    /// Whether removed keys that do not concern the slowest view were kept for it, and are no more.
    fn passes_by(&mut self, view: ViewId, displaced: &mut Displaced<K, V, W>) -> bool {
        let Some(cursor) = self.views[view.0].cursor else { return false };
        if !self.journal.is_slowest(cursor) {
            return false;
        }
        if !self.is_pending(view, displaced) {
            return true;
        }
        let Self { journal, views, .. } = self;
        let View { concern, pending, .. } = &mut views[view.0];
        let (mut all, mut of_concern) = (0, 0);
        for seen in journal.unseen_removals(cursor) {
            all += 1;
            of_concern += usize::from(concern.includes(&seen));
        }
        if of_concern * FOREIGN > all {
            return false;
        }
        // The few that concern it, it holds itself from now on.
        let removals = journal.unseen_removals(cursor).filter(|seen| concern.includes(seen));
        let echoes = journal.unseen_removals(cursor).filter(|seen| concern.echoes(seen));
        pending.absorb(removals, echoes, journal.version(), displaced);
        journal.advance_removals(cursor, &mut displaced.marks);
        true
    }
}
