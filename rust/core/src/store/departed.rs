//! What goes in the middle of anything, and so must not wait for the mutex.
//!
//! Who finds the mutex taken leaves a note. Every operation looks for notes before it takes the
//! mutex; and as long as there are publishers, whose going others wait for, also after it has
//! released it. A note is left and the mutex tried, in this order; the mutex is released and the
//! notes looked at, in this order; with a fence between the two on either side. So one of both finds
//! what the other did, and no note is left behind.

use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use super::data::{Data, View};
use super::waiters::Woken;
use super::{HubId, PublisherId, Store, ViewId};
use crate::batch::{Displaced, Key, Marks};
use crate::journal::CursorId;
use crate::sleep;
use crate::sync::{MutexGuard, SegQueue, fence, thread};

/// A note of what has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departed {
    View(ViewId),
    Publisher(PublisherId),
    /// Somebody who named it.
    Holder(PublisherId),
    Cursor(CursorId),
    /// An event loop that could not be reached.
    Hub(HubId),
}

impl Departed {
    /// Whether it can't be left to the next operation.
    fn is_waited_for(self) -> bool {
        matches!(self, Self::Publisher(_))
    }
}

/// What is left of it after unlocking, to be dropped, and who is to be woken.
type Buried<K, V, W, S> = (Option<View<K, V, W, S>>, Woken);

/// The data, and what is to be done after the mutex has been released. That happens in the order of
/// the fields.
pub(super) struct Guard<'a, K: Key + 'static, V: Clone, W: Clone, S: BuildHasher + Default> {
    data: MutexGuard<'a, Data<K, V, W, S>>,
    _after: Aftercare<'a, K, V, W, S>,
}

struct Aftercare<'a, K: Key + 'static, V: Clone, W: Clone, S: BuildHasher + Default> {
    /// None if nobody waits for anything to go.
    store: Option<&'a Store<K, V, W, S>>,
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Deref for Guard<'_, K, V, W, S> {
    type Target = Data<K, V, W, S>;

    fn deref(&self) -> &Self::Target {
        &self.data
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> DerefMut for Guard<'_, K, V, W, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.data
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Drop for Aftercare<'_, K, V, W, S> {
    fn drop(&mut self) {
        if let Some(store) = self.store {
            store.look_after_departed();
        }
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// The only way to the data.
    pub(super) fn lock(&self) -> Guard<'_, K, V, W, S> {
        self.see_to_departed();
        self.guard(self.take())
    }

    /// Does now what every operation does before it takes the mutex, if there is anything, and says
    /// whether there was: what has gone is dropped, and destructors may run anything.
    #[inline]
    pub fn see_to_departed(&self) -> bool {
        let has_departed = self.has_departed.load(Ordering::Relaxed);
        if has_departed {
            self.bury_departed();
        }
        has_departed
    }

    fn guard<'a>(&'a self, data: MutexGuard<'a, Data<K, V, W, S>>) -> Guard<'a, K, V, W, S> {
        let store = data.journal.has_publishers().then_some(self);
        Guard { data, _after: Aftercare { store } }
    }

    fn take(&self) -> MutexGuard<'_, Data<K, V, W, S>> {
        if sleep::is_forked() { self.take_without_a_queue() } else { self.data.lock() }
    }

    /// Like sleeping, queueing for a mutex uses the table that forked children stay away from.
    #[cold]
    fn take_without_a_queue(&self) -> MutexGuard<'_, Data<K, V, W, S>> {
        loop {
            if let Some(data) = self.data.try_lock() {
                return data;
            }
            thread::yield_now();
        }
    }

    /// Ends a view whose owner goes. Never blocks: it may be called in the middle of anything.
    ///
    /// Hands out the values that the view held; if the mutex is taken, the next operation drops
    /// them.
    pub fn leave(&self, view: ViewId) -> Vec<V> {
        let mut displaced = Displaced::default();
        let Some(data) = self.data.try_lock() else {
            self.leave_note(Departed::View(view));
            return Vec::new();
        };
        let mut closed = self.guard(data).close_view(view, &mut displaced);
        let mut held = Marks::new();
        drop(closed.pending.take_into(&mut held));
        let marks = held.into_iter().chain(displaced.take_marks());
        marks.filter_map(|mark| mark.fate.into_value()).collect()
    }

    /// Does what follows from what is no view, or leaves a note. Hands out the values that are free
    /// now.
    pub(super) fn depart(&self, departed: Departed) -> Vec<V> {
        let mut displaced = Displaced::default();
        let Some(data) = self.data.try_lock() else {
            self.leave_note(departed);
            if departed.is_waited_for() {
                self.look_after_departed();
            }
            return Vec::new();
        };
        let mut data = self.guard(data);
        let (closed, woken) = data.bury(departed, &mut displaced);
        drop(data);
        self.wake_in_passing(woken);
        drop(closed);
        displaced.take_marks().into_iter().filter_map(|mark| mark.fate.into_value()).collect()
    }

    fn leave_note(&self, departed: Departed) {
        self.departed.push(departed);
        // Not a plain store: whoever lowers the flag sees what all have raised it for.
        self.has_departed.swap(true, Ordering::AcqRel);
    }

    /// To be called after the mutex was released, or could not be had. Never blocks.
    #[inline]
    fn look_after_departed(&self) {
        fence(Ordering::SeqCst);
        while self.has_departed.load(Ordering::Relaxed) {
            // Who has the mutex looks after they have released it.
            let Some(data) = self.data.try_lock() else { return };
            self.bury_all(data);
            fence(Ordering::SeqCst);
        }
    }

    #[cold]
    fn bury_departed(&self) {
        self.bury_all(self.take());
        self.look_after_departed();
    }

    /// Does what follows from all notes, and releases the mutex.
    #[cold]
    fn bury_all(&self, mut data: MutexGuard<'_, Data<K, V, W, S>>) {
        // With the mutex taken: whoever finds the flag lowered finds everything done. And before
        // looking: else nobody would come back for a note that was not yet to be seen.
        self.has_departed.swap(false, Ordering::Acquire);
        let mut displaced = Displaced::default();
        data.note_departed(&self.departed);
        let buried = data.bury_noted(&mut displaced);
        drop(data);
        for (closed, woken) in buried {
            self.wake_in_passing(woken);
            drop(closed);
        }
        drop(displaced);
    }

    /// Wakes without blocking. Call it after unlocking.
    fn wake_in_passing(&self, woken: Woken) {
        if woken.is_nobody() {
            return;
        }
        for hub in woken.wake() {
            match self.data.try_lock() {
                Some(mut data) => data.waiters.not_rung(hub),
                None => self.leave_note(Departed::Hub(hub)),
            }
        }
    }
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// Marks what has gone. Allocates nothing: a garbage collector does it too.
    pub(super) fn note_departed(&mut self, departed: &SegQueue<Departed>) {
        while let Some(departed) = departed.pop() {
            match departed {
                Departed::View(view) => self.views[view.0].is_departed = true,
                Departed::Publisher(publisher) => self.journal.note_departed(publisher),
                Departed::Holder(publisher) => self.journal.release_publisher(publisher),
                Departed::Cursor(cursor) => self.journal.note_departed_cursor(cursor),
                Departed::Hub(hub) => self.waiters.not_rung(hub),
            }
        }
    }

    /// The views that were marked.
    pub(super) fn departed(&self) -> impl Iterator<Item = (ViewId, &View<K, V, W, S>)> {
        let departed = self.views.iter().filter(|(_, view)| view.is_departed);
        departed.map(|(slot, view)| (ViewId(slot), view))
    }

    fn bury(
        &mut self,
        departed: Departed,
        displaced: &mut Displaced<K, V, W>,
    ) -> Buried<K, V, W, S> {
        match departed {
            Departed::View(view) => {
                return (Some(self.close_view(view, displaced)), Woken::default());
            }
            Departed::Publisher(publisher) => {
                let woken = self.close_publisher(publisher, displaced);
                self.journal.release_departed(publisher);
                return (None, woken);
            }
            Departed::Holder(publisher) => self.journal.release_publisher(publisher),
            Departed::Cursor(cursor) => self.journal.close_cursor(cursor, &mut displaced.marks),
            Departed::Hub(hub) => self.waiters.not_rung(hub),
        }
        (None, Woken::default())
    }

    /// Does what follows from what was marked.
    #[must_use = "drop it after unlocking"]
    fn bury_noted(&mut self, displaced: &mut Displaced<K, V, W>) -> Vec<Buried<K, V, W, S>> {
        let views = self.departed().map(|(view, _)| Departed::View(view));
        let publishers = self.journal.departed().map(Departed::Publisher);
        let cursors = self.journal.departed_cursors().map(Departed::Cursor);
        let noted: Vec<Departed> = views.chain(publishers).chain(cursors).collect();
        noted.into_iter().map(|departed| self.bury(departed, displaced)).collect()
    }
}
