//! Models of the real things, with as much of their interfaces as is used here.

#![expect(clippy::unused_self, reason = "the interfaces are those of the real things")]

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use loom::sync::atomic::AtomicUsize;
pub(crate) use loom::sync::atomic::{AtomicBool, fence};

/// Like that of `parking_lot`: not poisoned by a panic.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    /// Whoever holds the mutex reads what whoever tries it changes before. Loom puts one thread
    /// between two steps of another if they touch the same thing, and takes locking for a single
    /// step: without this no attempt would ever be seen to fail.
    attempts: AtomicUsize,
    data: loom::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let held = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        self.attempts.load(Ordering::Relaxed);
        MutexGuard { mutex: self, held: Some(held) }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.data.try_lock().ok().map(|held| MutexGuard { mutex: self, held: Some(held) })
    }
}

pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// None only while a [`Condvar`] has it.
    held: Option<loom::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("the mutex is held")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("the mutex is held")
    }
}

/// Like that of `parking_lot`: it borrows the guard.
#[derive(Debug, Default)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if let Some(held) = guard.held.take() {
            guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// A model has no clock: the deadline passes while others have the mutex, or before. That is
    /// any time at all, since the thread may be held up on its way here.
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> TimedOut {
        guard.held = None;
        guard.held = guard.mutex.lock().held.take();
        TimedOut
    }
}

/// How each wait with a deadline ends.
pub(crate) struct TimedOut;

impl TimedOut {
    pub(crate) fn timed_out(&self) -> bool {
        true
    }
}

/// Promises what the documentation of the real one does and no more: whoever takes an item out
/// has seen what was done before it was put in. That it is there may be seen late.
#[derive(Debug)]
pub(crate) struct SegQueue<T> {
    len: AtomicUsize,
    items: loom::sync::Mutex<VecDeque<T>>,
}

impl<T> SegQueue<T> {
    pub(crate) fn new() -> Self {
        Self { len: AtomicUsize::new(0), items: loom::sync::Mutex::default() }
    }

    pub(crate) fn push(&self, item: T) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).push_back(item);
        self.len.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let item = self.items.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
        self.len.fetch_sub(1, Ordering::Release);
        Some(item)
    }
}

pub(crate) mod thread {
    //! Parking as it is used here.

    use std::time::Duration;

    pub(crate) use loom::thread::{Thread, current, park, yield_now};

    /// A model has no clock: a deadline lies in the past, so nobody gets here.
    pub(crate) fn park_timeout(left: Duration) {
        unreachable!("{left:?} do not pass in a model");
    }
}
