//! Updates on behalf of a publisher, and what becomes of its keys.

use std::hash::BuildHasher;

use super::data::Data;
use super::departed::Departed;
use super::waiters::Woken;
use super::{PublisherId, Refused, Store, Terms};
use crate::batch::{Displaced, Key};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// A new publisher. If it is exclusive, nobody else can change its keys.
    pub fn open_publisher(&self, is_exclusive: bool) -> PublisherId {
        self.lock().journal.open_publisher(is_exclusive)
    }

    /// Whether a publisher has not been closed.
    pub fn is_open(&self, publisher: PublisherId) -> bool {
        self.lock().journal.is_open(publisher)
    }

    /// How many keys are a publisher's own.
    pub fn owned_by(&self, publisher: PublisherId) -> usize {
        self.lock().journal.owned_by(publisher)
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
        self.forget_memos(displaced);
        let concerned = self.waiters.is_any_waiting().then(|| {
            self.waiters.topics.concerned(Some(publisher), left.iter().map(|mark| &mark.key))
        });
        self.count_change(displaced);
        displaced.marks.extend(left);
        concerned.map_or_else(Woken::default, |topics| self.waiters.content_changed(&topics))
    }
}
