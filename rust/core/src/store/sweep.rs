//! Which removed keys need not be kept.
//!
//! The journal keeps a tombstone until every cursor has passed it. A view of some keys may stay
//! behind for long, and the removals of all others are nothing to it.

use std::collections::HashMap;
use std::hash::BuildHasher;

use super::Filter;
use super::data::Data;
use crate::batch::{Displaced, Key};
use crate::journal::CursorId;

/// So many tombstones are never worth looking through.
const FEW: usize = 64;

/// When to look next.
#[derive(Debug)]
pub(super) struct Sweeping {
    /// When there are more tombstones than that.
    limit: usize,
}

impl Default for Sweeping {
    fn default() -> Self {
        Self { limit: FEW }
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// Frees the tombstones that concern none of those who have yet to see them, now and then.
    ///
    /// That takes time in proportion to the tombstones and the views, and there have been as many
    /// removals since the last time: each pays for a constant part of it.
    #[inline]
    pub(super) fn sweep_now_and_then(&mut self, displaced: &mut Displaced<K, V, W>) {
        if self.journal.tombstones() > self.sweeping.limit {
            self.sweep(displaced);
        }
        let limit = self.journal.tombstones() * 2 + self.views.len() + FEW;
        self.sweeping.limit = self.sweeping.limit.min(limit);
    }

    #[cold]
    fn sweep(&mut self, displaced: &mut Displaced<K, V, W>) {
        let Self { journal, views, .. } = self;
        let picky =
            views.iter().filter_map(|(_, view)| Some((view.cursor?, view.filter.as_ref()?)));
        let picky: HashMap<CursorId, &Filter<K>> = picky.collect();
        let behind: Vec<(u64, &Filter<K>)> = picky
            .iter()
            .map(|(&cursor, &filter)| (journal.seen_removals(cursor), filter))
            .collect();
        journal.sweep(
            |cursor| picky.contains_key(&cursor),
            |key, version| behind.iter().any(|(seen, filter)| *seen < version && filter(key)),
            &mut displaced.marks,
        );
        self.sweeping.limit = usize::MAX;
    }
}
