//! One sleeping thread and the way to wake it.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// A thread's bed for one sleep. It guards nothing: whoever was woken looks again for itself.
///
/// A sleeper is made and registered under the lock that saw nothing to do, so a wake-up between
/// that look and the actual sleep is not lost: it is remembered here.
#[derive(Debug, Default)]
pub struct Sleeper {
    woken: Mutex<bool>,
    signal: Condvar,
}

impl Sleeper {
    /// Wakes the thread that sleeps here, or the next one that would.
    pub fn wake(&self) {
        *self.woken.lock() = true;
        // The mutex is free by now: the thread does not wake only to wait for it.
        self.signal.notify_one();
    }

    /// Sleeps until woken or until the deadline; without one, as long as it takes.
    ///
    /// Returns whether it was woken. Call it while holding nothing.
    pub fn sleep(&self, until: Option<Instant>) -> bool {
        let mut woken = self.woken.lock();
        while !*woken {
            match until {
                None => self.signal.wait(&mut woken),
                Some(deadline) => {
                    if self.signal.wait_until(&mut woken, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        *woken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wake_up_before_the_sleep_counts() {
        let sleeper = Sleeper::default();
        sleeper.wake();
        assert!(sleeper.sleep(None));
    }

    #[test]
    fn a_deadline_in_the_past_does_not_sleep() {
        assert!(!Sleeper::default().sleep(Some(Instant::now())));
    }

    #[test]
    fn a_sleeping_thread_is_woken() {
        let sleeper = Arc::new(Sleeper::default());
        let thread = std::thread::spawn({
            let sleeper = Arc::clone(&sleeper);
            move || sleeper.sleep(Some(Instant::now() + Duration::from_secs(60)))
        });
        sleeper.wake();
        assert!(thread.join().expect("the sleeper does not panic"));
    }
}
