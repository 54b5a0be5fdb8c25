//! One sleeping thread and the way to wake it.

use std::sync::atomic::{self, Ordering};
use std::time::Instant;

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicBool, Condvar, Mutex};

/// Whether this process was forked from one that had this library loaded. No part of a model: it
/// is settled before there is a second thread.
static FORKED: atomic::AtomicBool = atomic::AtomicBool::new(false);

/// To be called in the child of a fork.
///
/// `parking_lot` keeps all sleepers in one table for the process. A thread of the parent may have
/// held a lock in there at the moment of the fork, and that lock stays taken in the child for ever.
/// So a child stays away from the table: its threads sleep by [`thread::park`].
pub fn forked() {
    FORKED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// A thread's bed for one sleep. It guards nothing: whoever was woken looks again for itself.
///
/// A sleeper is made by the thread that is to sleep and registered under the lock that saw nothing
/// to do, so a wake-up between that look and the actual sleep is not lost: it is remembered here.
#[derive(Debug)]
pub struct Sleeper(Bed);

#[derive(Debug)]
enum Bed {
    Shared { woken: Mutex<bool>, signal: Condvar },
    Own { woken: AtomicBool, thread: Thread },
}

impl Sleeper {
    /// A bed for the calling thread.
    pub fn new() -> Self {
        Self(if is_forked() {
            Bed::Own { woken: AtomicBool::new(false), thread: thread::current() }
        } else {
            Bed::Shared { woken: Mutex::new(false), signal: Condvar::new() }
        })
    }

    /// Wakes the thread that sleeps here, or will.
    pub fn wake(&self) {
        match &self.0 {
            // That thread stayed behind in the parent.
            Bed::Shared { .. } if is_forked() => {}
            Bed::Shared { woken, signal } => {
                *woken.lock() = true;
                // The mutex is free by now: the thread does not wake only to wait for it.
                signal.notify_one();
            }
            Bed::Own { woken, thread } => {
                woken.store(true, Ordering::Release);
                thread.unpark();
            }
        }
    }

    /// Sleeps until woken or until the deadline; without one, as long as it takes.
    ///
    /// Returns whether it was woken. Call it while holding nothing.
    pub fn sleep(&self, until: Option<Instant>) -> bool {
        match &self.0 {
            Bed::Shared { woken, signal } => {
                let mut woken = woken.lock();
                while !*woken {
                    match until {
                        None => signal.wait(&mut woken),
                        Some(deadline) if signal.wait_until(&mut woken, deadline).timed_out() => {
                            break;
                        }
                        Some(_) => {}
                    }
                }
                *woken
            }
            Bed::Own { woken, .. } => loop {
                if woken.load(Ordering::Acquire) {
                    return true;
                }
                match until.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                    None => thread::park(),
                    Some(left) if left.is_zero() => return false,
                    Some(left) => thread::park_timeout(left),
                }
            },
        }
    }
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    fn shared() -> Sleeper {
        Sleeper(Bed::Shared { woken: Mutex::new(false), signal: Condvar::new() })
    }

    fn own() -> Sleeper {
        Sleeper(Bed::Own { woken: AtomicBool::new(false), thread: thread::current() })
    }

    #[test]
    fn a_wake_up_before_the_sleep_counts() {
        for sleeper in [shared(), own()] {
            sleeper.wake();
            assert!(sleeper.sleep(None));
        }
    }

    #[test]
    fn a_deadline_in_the_past_does_not_sleep() {
        for sleeper in [shared(), own()] {
            assert!(!sleeper.sleep(Some(Instant::now())));
        }
    }

    #[test]
    fn a_deadline_ends_the_sleep() {
        for sleeper in [shared(), own()] {
            let deadline = Instant::now() + Duration::from_millis(20);
            assert!(!sleeper.sleep(Some(deadline)));
            assert!(Instant::now() >= deadline);
        }
    }

    #[test]
    fn a_sleeping_thread_is_woken() {
        for make in [shared, own] {
            let (send, receive) = channel();
            let thread = thread::spawn(move || {
                let sleeper = Arc::new(make());
                send.send(Arc::clone(&sleeper)).expect("somebody receives");
                sleeper.sleep(Some(Instant::now() + Duration::from_secs(60)))
            });
            receive.recv().expect("the sleeper is sent").wake();
            assert!(thread.join().expect("the sleeper does not panic"));
        }
    }
}
