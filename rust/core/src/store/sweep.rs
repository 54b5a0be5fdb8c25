//! Which removed keys need not be kept.
//!
//! The journal keeps a tombstone until every cursor has passed it. A view of some keys may stay
//! behind for long, and the removals of all others are nothing to it.

use std::hash::BuildHasher;

use hashbrown::HashSet;

use super::data::Data;
use crate::batch::{Displaced, Key};

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
        let Self { journal, views, waiters, .. } = self;
        let topics = &mut waiters.topics;
        topics.nobody_is_behind();
        let mut picky = HashSet::new();
        for (_, view) in &*views {
            if let (Some(cursor), Some(_)) = (view.cursor, &view.filter) {
                topics.somebody_is_behind(view.topic, journal.seen_removals(cursor));
                picky.insert(cursor);
            }
        }
        journal.sweep(
            |cursor| picky.contains(&cursor),
            |key, version| topics.is_owed(key, version),
            &mut displaced.marks,
        );
        self.sweeping.limit = usize::MAX;
    }
}
