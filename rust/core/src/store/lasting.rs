//! Finished forms that outlast small updates.
//!
//! Views that look one after the other, with an update between any two, expect nearly the same. So
//! the finished form of what one of them had to see is not dropped by the next small update: whoever
//! made the update takes it, puts what has changed into it, and brings it back. That happens outside of
//! the data mutex, and before the update ends, so no value that was replaced is kept alive.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

use super::Store;
use super::data::Data;
use super::memo::Memo;
use crate::batch::{Key, Marks, oldest_first};

/// A finished form that is to be brought level with the content.
#[derive(Debug)]
pub struct Stale<K, V, W> {
    /// What it is to be given: keys with new values, which it may have or not.
    pub marks: Marks<K, V>,
    /// The finished form. Somebody who was lent it may not have copied it yet.
    pub whole: W,
    memo: Memo<()>,
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// Takes what an update has left to be brought level, if it has. To be called after each update of
    /// which the finished form, or one that was there before, may last.
    #[inline]
    pub fn take_stale(&self) -> Option<Stale<K, V, W>> {
        if self.has_stale.load(Ordering::Relaxed) { self.take_stale_now() } else { None }
    }

    #[cold]
    fn take_stale_now(&self) -> Option<Stale<K, V, W>> {
        let mut data = self.lock();
        self.has_stale.store(false, Ordering::Relaxed);
        data.take_stale()
    }

    /// Brings it back, level. If there has been an update since, it is of no use any more.
    pub fn bring_back(&self, stale: Stale<K, V, W>) {
        let Stale { whole, memo, .. } = stale;
        let mut memo = Some(memo.with(whole));
        self.lock().take_back(&mut memo);
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    fn take_stale(&mut self) -> Option<Stale<K, V, W>> {
        let level = self.memos.stale_level(self.journal.version())?;
        let mut marks = Marks::new();
        oldest_first(self.journal.changed_since(level), &mut marks);
        let (memo, whole) = self.memos.take_stale(self.journal.version())?;
        Some(Stale { marks, whole, memo })
    }

    fn take_back(&mut self, memo: &mut Option<Memo<W>>) {
        if !self.views.is_empty() {
            self.memos.take_back(memo, self.journal.version());
        }
    }
}
