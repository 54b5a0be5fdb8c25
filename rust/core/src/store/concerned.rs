//! Whom a change concerns, found before it is made, and what follows from it.

use std::hash::BuildHasher;

use super::PublisherId;
use super::data::Data;
use super::waiters::Concerned;
use crate::batch::{Displaced, Key};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// What a change to the content, by a publisher or not, will concern, of that for which somebody
    /// waits.
    ///
    /// Whoever waits for it has nothing pending, so it need not look at what has changed before.
    #[inline(never)]
    pub(super) fn concerned<'a>(
        &mut self,
        by: Option<PublisherId>,
        keys: impl Iterator<Item = &'a K>,
        displaced: &mut Displaced<K, V, W>,
    ) -> Concerned
    where
        K: 'a,
    {
        let Self { waiters, views, journal, .. } = self;
        let concerned = waiters.topics.concerned(by, keys);
        for cursor in waiters.picky(&concerned).filter_map(|view| views[view.0].cursor) {
            journal.advance(cursor, &mut displaced.marks);
        }
        concerned
    }

    /// To be called for every change.
    #[expect(clippy::inline_always, reason = "it is two steps, and one that is rare")]
    #[inline(always)]
    pub(super) fn count_change(&mut self, displaced: &mut Displaced<K, V, W>) {
        self.updates += 1;
        self.tolerate(displaced);
    }
}
