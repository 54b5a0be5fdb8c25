//! Before a change: whom it will concern.

use std::hash::BuildHasher;

use super::data::Data;
use super::waiters::Concerned;
use crate::batch::{Batch, Displaced, Key};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// What a change to the content will concern, of that for which somebody waits.
    ///
    /// Whoever waits for it has nothing pending, so it need not look at what has changed before.
    #[inline(never)]
    pub(super) fn concerned(
        &mut self,
        batch: &Batch<K, V, W>,
        displaced: &mut Displaced<K, V, W>,
    ) -> Concerned {
        let Self { waiters, views, journal, .. } = self;
        let concerned = waiters.topics.concerned(batch.marks.iter().map(|mark| &mark.key));
        for cursor in waiters.picky(&concerned).filter_map(|view| views[view.0].cursor) {
            journal.advance(cursor, &mut displaced.marks);
        }
        concerned
    }
}
