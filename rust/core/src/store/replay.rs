//! Changes that were made elsewhere, in a store that follows another one.

use std::borrow::Borrow;
use std::hash::BuildHasher;

use super::{PublisherId, Refused, Store};
use crate::batch::{Batch, Displaced, Key};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// Applies a change with the version that it has elsewhere, which is later than the present one.
    ///
    /// `by` says through which publisher a key was changed, if it was one; it must not panic, nor
    /// call back. A batch without keys gives the content that version all the same.
    pub fn replay<Q: Borrow<K>>(
        &self,
        batch: &mut Batch<Q, V, W>,
        version: u64,
        by: impl Fn(&K) -> Option<PublisherId>,
    ) -> Result<(), Refused<K>> {
        let mut displaced = Displaced::<K, V, W>::default();
        let mut data = self.lock();
        if data.frozen {
            return Err(Refused::Frozen);
        }
        if version <= data.journal.version() {
            return Err(Refused::Past);
        }
        // Whoever waits without one of several publishers looks again, and finds nothing.
        let mut marks = batch.marks.iter();
        let first = marks.next().and_then(|mark| by(mark.key.borrow()));
        let common = first.filter(|_| marks.all(|mark| by(mark.key.borrow()) == first));
        let concerned = data.waiters.is_any_waiting().then(|| {
            data.concerned(common, batch.marks.iter().map(|mark| mark.key.borrow()), &mut displaced)
        });
        let end = data.journal.end();
        data.journal.replay(batch, version, by, &mut displaced.marks);
        data.renew_memos(end, batch, &self.has_stale, &mut displaced);
        if batch.marks.is_empty() {
            return Ok(());
        }
        data.count_change(&mut displaced);
        let Some(concerned) = concerned else { return Ok(()) };
        let woken = data.waiters.content_changed(&concerned);
        drop(data);
        self.wake(woken);
        Ok(())
    }
}
