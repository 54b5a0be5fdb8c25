//! Updates on behalf of a publisher, and what becomes of its keys.

use std::hash::BuildHasher;

use super::data::Data;
use super::departed::Departed;
use super::waiters::Woken;
use super::{PublisherId, Refused, Store, Terms};
use crate::batch::{Displaced, Key, Mark};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// A new publisher. If it is exclusive, nobody else can change its keys.
    pub fn open_publisher(&self, is_exclusive: bool) -> PublisherId {
        self.lock().journal.open_publisher(is_exclusive)
    }

    /// Whether a publisher has not been closed.
    pub fn is_open(&self, publisher: PublisherId) -> bool {
        self.lock().journal.is_open(publisher)
    }

    /// Takes no more updates by a publisher, and removes the keys that are its own: one change.
    ///
    /// In a frozen store they stay.
    pub fn close_publisher(&self, publisher: PublisherId) {
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        let woken = data.close_publisher(publisher, &mut displaced);
        drop(data);
        self.wake(woken);
    }

    /// Somebody names a publisher, whose owner may go meanwhile, and is yet to make a view without it.
    pub fn hold_publisher(&self, publisher: PublisherId) {
        self.lock().journal.hold_publisher(publisher);
    }

    /// Nobody does any more. Never blocks.
    pub fn release_publisher(&self, publisher: PublisherId) {
        self.depart(Departed::Holder(publisher));
    }

    /// Closes a publisher whose owner goes, and forgets it. Never blocks: it may be called in the
    /// middle of anything.
    ///
    /// Hands out the values that have gone with it; if the mutex is taken, whoever has it removes
    /// the keys.
    pub fn leave_publisher(&self, publisher: PublisherId) -> Vec<V> {
        self.depart(Departed::Publisher(publisher))
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// Whether an update on these terms is taken at all.
    #[inline]
    pub(super) fn admit(&self, terms: Terms) -> Result<(), Refused<K>> {
        if terms.by.is_some_and(|publisher| !self.journal.is_open(publisher)) {
            return Err(Refused::Closed);
        }
        if self.frozen {
            return Err(Refused::Frozen);
        }
        if terms.unchanged_since.is_some_and(|version| version > self.journal.version()) {
            return Err(Refused::Future);
        }
        Ok(())
    }

    /// Says who is to be woken.
    pub(super) fn close_publisher(
        &mut self,
        publisher: PublisherId,
        displaced: &mut Displaced<K, V, W>,
    ) -> Woken {
        if self.frozen {
            self.journal.retire_publisher(publisher);
            return Woken::default();
        }
        let left = self.journal.close_publisher(publisher, &mut displaced.marks);
        if left.is_empty() {
            return Woken::default();
        }
        displaced.add(self.renew_memo(None, &mut None));
        self.count_change(displaced);
        let woken = self.content_changed(Some(publisher), &left, displaced);
        displaced.marks.extend(left);
        woken
    }

    /// To be called for every change.
    #[expect(clippy::inline_always, reason = "it is two steps, and one that is rare")]
    #[inline(always)]
    pub(super) fn count_change(&mut self, displaced: &mut Displaced<K, V, W>) {
        self.updates += 1;
        self.tolerate(displaced);
    }

    /// Who is to be woken for a change to these keys.
    pub(super) fn content_changed(
        &mut self,
        by: Option<PublisherId>,
        marks: &[Mark<K, V>],
        displaced: &mut Displaced<K, V, W>,
    ) -> Woken {
        let Self { waiters, views, .. } = self;
        let woken = waiters.content_changed(by, |view| {
            let filter = views[view.0].concern.filter.as_ref();
            filter.is_none_or(|filter| marks.iter().any(|mark| filter(&mark.key)))
        });
        // Else removed keys that do not concern them would be kept for as long as they wait.
        for view in self.waiters.picky() {
            self.is_pending(view, displaced);
        }
        woken
    }
}
