//! One journal, its views, and the lock around them.
//!
//! # Lock order
//!
//! The data mutex is taken through [`Store::lock`] alone, and nothing else is locked under it: a
//! [`Sleeper`] is woken when the data mutex is free again. See the crate documentation for what
//! may run while it is held.

mod collect;
mod concerned;
mod data;
mod departed;
mod filter;
mod following;
mod harvest;
mod hubs;
mod lasting;
mod memo;
mod publishers;
mod reading;
mod replay;
mod stats;
mod sweep;
mod waiters;

use std::borrow::Borrow;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::data::Data;
use self::departed::Departed;
pub use self::filter::Filter;
pub use self::following::Following;
pub use self::harvest::{Flush, Harvest, Whole};
pub use self::lasting::Stale;
pub use self::memo::MemoTicket;
pub use self::reading::{Read, Reading};
pub use self::stats::Stats;
use self::waiters::Woken;
pub use self::waiters::{HubId, Ring, Ticket, WakeFor};
use crate::batch::{Batch, Displaced, Key, Marks};
use crate::journal::Refusal;
pub use crate::journal::{PublisherId, Terms};
use crate::sleep::Sleeper;
use crate::sync::{AtomicBool, Mutex, SegQueue};

/// Names a view of one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewId(usize);

/// The view takes no more updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen;

/// Why an update of the content was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused<K> {
    /// The store takes no more updates.
    Frozen,
    /// The publisher takes no more updates.
    Closed,
    /// There has been no such version yet.
    Future,
    /// There has been such a version already.
    Past,
    /// These keys are another publisher's own, which has them for itself.
    Owned(Vec<K>),
    /// These keys have changed meanwhile, or that is not known any more.
    Conflict(Vec<K>),
}

impl<K> From<Refusal<K>> for Refused<K> {
    fn from(refusal: Refusal<K>) -> Self {
        match refusal {
            Refusal::Owned(keys) => Self::Owned(keys),
            Refusal::Conflict(keys) => Self::Conflict(keys),
        }
    }
}

/// How a view is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// It takes no more updates.
    pub frozen: bool,
    /// A flush would give something.
    pub pending: bool,
}

/// A shared dictionary and the views that follow it. Every method is one atomic step.
///
/// What an operation displaces is dropped at its end, with the mutex released.
pub struct Store<K: 'static, V, W, S> {
    data: Mutex<Data<K, V, W, S>>,
    /// What has gone while the mutex was taken.
    ///
    /// Boxed, as it is aligned to a line of the processor's cache: a store may be part of an object
    /// whose allocator knows no such alignment, which is what Python's is like.
    departed: Box<SegQueue<Departed>>,
    /// Whether there may be any.
    has_departed: AtomicBool,
    /// Copies of what the data say, to be read in passing.
    frozen: AtomicBool,
    has_stale: AtomicBool,
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Default for Store<K, V, W, S> {
    fn default() -> Self {
        Self {
            data: Mutex::default(),
            departed: Box::new(SegQueue::new()),
            has_departed: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            has_stale: AtomicBool::new(false),
        }
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// Applies a change to the content and so to every view.
    pub fn update<Q: Borrow<K>>(&self, batch: &mut Batch<Q, V, W>) -> Result<(), Refused<K>> {
        self.apply(Terms::default(), batch)
    }

    /// Does so on behalf of a publisher, or on a condition. If it is refused, nothing has changed.
    pub fn update_on<Q: Borrow<K>>(
        &self,
        terms: Terms,
        batch: &mut Batch<Q, V, W>,
    ) -> Result<(), Refused<K>> {
        self.apply(terms, batch)
    }

    #[expect(clippy::inline_always, reason = "updates on no terms are quicker when made for them")]
    #[inline(always)]
    fn apply<Q: Borrow<K>>(
        &self,
        terms: Terms,
        batch: &mut Batch<Q, V, W>,
    ) -> Result<(), Refused<K>> {
        let mut displaced = Displaced::<K, V, W>::default();
        let mut data = self.lock();
        data.admit(terms)?;
        if batch.marks.is_empty() {
            return Ok(());
        }
        let concerned = data.waiters.is_any_waiting().then(|| {
            let keys = batch.marks.iter().map(|mark| mark.key.borrow());
            data.concerned(terms.by, keys, &mut displaced)
        });
        let end = data.journal.end();
        data.journal.apply(batch, terms, &mut displaced.marks)?;
        data.renew_memos(end, batch, &self.has_stale, &mut displaced);
        data.count_change(&mut displaced);
        let Some(concerned) = concerned else { return Ok(()) };
        let woken = data.waiters.content_changed(&concerned);
        drop(data);
        self.wake(woken);
        Ok(())
    }

    /// Call it after unlocking.
    #[inline]
    fn wake(&self, woken: Woken) {
        if woken.is_nobody() {
            return;
        }
        for hub in woken.wake() {
            self.lock().waiters.not_rung(hub);
        }
    }

    /// Merges a change into one view alone, in order with the shared ones.
    pub fn update_view(&self, view: ViewId, batch: &mut Batch<K, V, W>) -> Result<(), Frozen> {
        let mut displaced = Displaced::default();
        let mut refused = None;
        let mut data = self.lock();
        if data.is_frozen(view) {
            return Err(Frozen);
        }
        if batch.is_empty() {
            return Ok(());
        }
        if data.views[view.0].concern.is_choosy() {
            // An operation that looks after several views, all of them choosy, displaces none then.
            refused = batch.whole.take();
        }
        if let Some(filter) = &data.views[view.0].concern.filter {
            // Keys that the view is not about go to the back, then out.
            batch.marks.sort_by_key(|mark| !filter(&mark.key));
            let concerned = batch.marks.iter().take_while(|mark| filter(&mark.key)).count();
            displaced.marks.extend(batch.marks.drain(concerned..));
            if batch.is_empty() {
                return Ok(());
            }
        }
        // It is later than all shared ones so far, and earlier than those to come.
        let version = data.journal.version();
        data.views[view.0].pending.push(batch, version, &mut displaced);
        data.updates += 1;
        let woken = data.waiters.view_changed(view);
        drop(data);
        self.wake(woken);
        drop(refused);
        Ok(())
    }

    /// Takes everything that is pending for a view, into an empty harvest.
    pub fn flush(&self, view: ViewId, harvest: &mut Harvest<K, V, W>) -> Flush {
        // What is in there would be dropped under the lock.
        debug_assert!(harvest.is_empty());
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        if !data.harvest(view, harvest, &mut displaced) {
            return if data.is_frozen(view) { Flush::Drained } else { Flush::Nothing };
        }
        data.flushes += 1;
        // Whoever paces itself on a frozen view need not wait for what another thread took.
        let woken =
            if data.is_frozen(view) { data.waiters.view_ended(view) } else { Woken::default() };
        drop(data);
        self.wake(woken);
        Flush::Change
    }

    /// How many of the values that a flush would give are not [prepared](Self::prepare); at most so
    /// many.
    pub fn unprepared(&self, view: ViewId) -> usize {
        let data = self.lock();
        data.views[view.0].cursor.map_or(0, |cursor| data.journal.unprepared(cursor))
    }

    /// Prepares the values of the content that a flush of this view would give, and so those that it
    /// gives to others: what is done to a value is done to the one in the content, of which all are
    /// given clones. It runs under the data mutex: it must neither block, panic, drop nor call back.
    pub fn prepare(&self, view: ViewId, prepare: impl FnMut(&mut V)) {
        let mut displaced = Displaced::<K, V, W>::default();
        let mut data = self.lock();
        // It was made of values that were not prepared.
        data.forget_memos(&mut displaced);
        let Data { journal, views, .. } = &mut *data;
        if let Some(cursor) = views[view.0].cursor {
            journal.prepare(cursor, prepare);
        }
    }

    /// [Prepares](Self::prepare) the values that the content has for these keys, and gives clones.
    pub fn values(&self, keys: &[K], mut prepare: impl FnMut(&mut V)) -> Vec<Option<V>> {
        let mut values = Vec::with_capacity(keys.len());
        let mut displaced = Displaced::<K, V, W>::default();
        let mut data = self.lock();
        data.forget_memos(&mut displaced);
        values.extend(keys.iter().map(|key| {
            let value = data.journal.value_mut(key)?;
            prepare(value);
            Some(value.clone())
        }));
        drop(data);
        values
    }

    /// Keeps the finished form of a harvest for the others that have the same to expect.
    ///
    /// It must be nobody else's. It is dropped when there has been an update since, and goes with the
    /// next, unless it may last: see [`take_stale`](Self::take_stale).
    pub fn memoize(&self, ticket: MemoTicket, whole: W, may_last: bool) {
        let mut offered = Some(whole);
        self.lock().accept_memo(ticket, &mut offered, may_last);
    }

    /// Whether an update with a finished form would be of use to a view.
    pub fn wants_whole(&self) -> bool {
        self.lock().wants_whole()
    }

    /// Registers a sleeper if the view has nothing to offer that it would be woken for.
    ///
    /// Looking and registering are one step, so no wake-up is lost in between. A sleeper that was
    /// not woken is to be taken back with [`forget`](Self::forget).
    pub fn wait(&self, view: ViewId, wake_for: WakeFor) -> Option<Arc<Sleeper>> {
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        let want = data.want(view, wake_for);
        data.has_to_wait(view, wake_for, &mut displaced).then(|| data.waiters.add_thread(want))
    }

    /// Takes a sleeper back that gave up.
    pub fn forget(&self, sleeper: &Arc<Sleeper>) {
        self.lock().waiters.forget_thread(sleeper);
    }

    /// Clones everything that is pending for a view and leaves it pending.
    pub fn peek(&self, view: ViewId) -> Marks<K, V> {
        let mut displaced = Displaced::default();
        self.lock().peek(view, &mut displaced)
    }

    /// How the view is right now.
    pub fn status(&self, view: ViewId) -> Status {
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        let pending = data.is_pending(view, &mut displaced);
        Status { frozen: data.is_frozen(view), pending }
    }

    /// Whether the store takes no more updates. Does not lock.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    /// No more updates for this view. It keeps what was pending and is not fed any more.
    pub fn freeze_view(&self, view: ViewId) {
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        data.settle(view, &mut displaced);
        data.detach(view, &mut displaced);
        let woken = data.waiters.view_ended(view);
        drop(data);
        self.wake(woken);
    }

    /// No more updates for the content and all views. What is pending stays pending.
    pub fn freeze(&self) {
        let mut data = self.lock();
        data.frozen = true;
        self.frozen.store(true, Ordering::Release);
        let woken = data.waiters.all_ended();
        drop(data);
        self.wake(woken);
    }

    /// The value of a key of the content.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().journal.get(key).cloned()
    }

    /// The number of updates of the content so far.
    pub fn version(&self) -> u64 {
        self.lock().journal.version()
    }

    /// How many removed keys are kept, beyond what views have yet to see, for those that come with
    /// an old version.
    pub fn set_history(&self, keys: usize) {
        let mut displaced = Displaced::<K, V, W>::default();
        self.lock().journal.set_history(keys, &mut displaced.marks);
    }
}

#[cfg(all(test, not(loom)))]
mod following_tests;
#[cfg(all(test, not(loom)))]
mod lasting_tests;
#[cfg(all(test, not(loom)))]
mod lock_tests;
#[cfg(all(test, not(loom)))]
mod memo_tests;
#[cfg(all(test, not(loom)))]
mod publisher_tests;
#[cfg(all(test, not(loom)))]
mod release_tests;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, not(loom)))]
mod waking_tests;
