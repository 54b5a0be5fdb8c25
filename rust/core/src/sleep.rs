//! Sleeping threads and the way to wake them, one or many.

use std::sync::Arc;
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

/// So many threads are woken at once, each of which wakes the others of its row one after another.
const ROWS: usize = if cfg!(loom) { 1 } else { 4 };

/// Wakes threads, in about this order.
///
/// That takes about as long for a thousand as for a few: a thread that wakes up wakes the next. So
/// they come one after the other to the lock that they all need next, which is the interpreter's.
/// All at once, they would spend their time in getting into each other's way there.
pub(crate) fn wake_all(sleepers: Vec<Arc<Sleeper>>) {
    let mut rows = [const { Vec::new() }; ROWS];
    for (sleeper, row) in sleepers.into_iter().zip((0..ROWS).cycle()) {
        rows[row].push(sleeper);
    }
    for mut row in rows {
        // The next one is the last.
        row.reverse();
        wake_row(row);
    }
}

/// Wakes the next of a row, and goes on until there is one that does the rest.
fn wake_row(mut row: Vec<Arc<Sleeper>>) {
    while let Some(next) = row.pop() {
        row = next.wake_before(row);
    }
}

/// A thread's bed for one sleep. It guards nothing: whoever was woken looks again for itself.
///
/// A sleeper is made by the thread that is to sleep and registered under the lock that saw nothing
/// to do, so a wake-up between that look and the actual sleep is not lost: it is remembered here.
#[derive(Debug)]
pub struct Sleeper {
    bed: Bed,
    /// Where it is registered.
    place: usize,
}

#[derive(Debug)]
enum Bed {
    Shared { night: Mutex<Night>, signal: Condvar },
    Own { woken: AtomicBool, thread: Thread },
}

#[derive(Debug, Default)]
struct Night {
    is_woken: bool,
    is_asleep: bool,
    /// Whom the thread wakes as soon as it is awake.
    row: Vec<Arc<Sleeper>>,
}

impl Sleeper {
    /// A bed for the calling thread.
    pub(crate) fn new(place: usize) -> Self {
        let bed = if is_forked() {
            Bed::Own { woken: AtomicBool::new(false), thread: thread::current() }
        } else {
            Bed::Shared { night: Mutex::default(), signal: Condvar::new() }
        };
        Self { bed, place }
    }

    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// Wakes the thread that sleeps here, or will.
    pub fn wake(&self) {
        drop(self.wake_before(Vec::new()));
    }

    /// Wakes the thread and has it wake others. Gives them back if it may not get to do that.
    #[must_use = "they are still asleep"]
    fn wake_before(&self, mut row: Vec<Arc<Self>>) -> Vec<Arc<Self>> {
        match &self.bed {
            // That thread stayed behind in the parent.
            Bed::Shared { .. } if is_forked() => {}
            Bed::Shared { night, signal } => {
                let mut night = night.lock();
                night.is_woken = true;
                // Else the thread is on its way here, or has given up and will never be.
                if night.is_asleep {
                    night.row.append(&mut row);
                }
                drop(night);
                // The mutex is free by now: the thread does not wake only to wait for it.
                signal.notify_one();
            }
            Bed::Own { woken, thread } => {
                woken.store(true, Ordering::Release);
                thread.unpark();
            }
        }
        row
    }

    /// Sleeps until woken or until the deadline; without one, as long as it takes.
    ///
    /// Returns whether it was woken. Call it while holding nothing.
    pub fn sleep(&self, until: Option<Instant>) -> bool {
        match &self.bed {
            Bed::Shared { night, signal } => {
                let mut night = night.lock();
                night.is_asleep = true;
                while !night.is_woken {
                    match until {
                        None => signal.wait(&mut night),
                        Some(deadline) if signal.wait_until(&mut night, deadline).timed_out() => {
                            break;
                        }
                        Some(_) => {}
                    }
                }
                night.is_asleep = false;
                let (is_woken, row) = (night.is_woken, std::mem::take(&mut night.row));
                drop(night);
                wake_row(row);
                is_woken
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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    fn shared() -> Sleeper {
        let bed = Bed::Shared { night: Mutex::default(), signal: Condvar::new() };
        Sleeper { bed, place: 0 }
    }

    fn own() -> Sleeper {
        let bed = Bed::Own { woken: AtomicBool::new(false), thread: thread::current() };
        Sleeper { bed, place: 0 }
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

    #[test]
    fn all_are_woken_be_they_asleep_or_not_yet_or_not_any_more() {
        const THREADS: usize = 40;
        let (send, receive) = channel();
        let spawn = |number: usize| {
            let send = send.clone();
            thread::spawn(move || {
                let sleeper = Arc::new(shared());
                let has_given_up = number % 3 == 1 && !sleeper.sleep(Some(Instant::now()));
                send.send((number, Arc::clone(&sleeper))).expect("somebody receives");
                if number % 3 == 2 {
                    thread::sleep(Duration::from_millis(50));
                }
                let until = Instant::now() + Duration::from_secs(20);
                has_given_up || sleeper.sleep(Some(until))
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        let mut sleepers: Vec<_> = receive.iter().take(THREADS).collect();
        sleepers.sort_by_key(|(number, _)| *number);
        thread::sleep(Duration::from_millis(20));
        wake_all(sleepers.into_iter().map(|(_, sleeper)| sleeper).collect());
        for thread in threads {
            assert!(thread.join().expect("the sleeper does not panic"));
        }
    }
}
