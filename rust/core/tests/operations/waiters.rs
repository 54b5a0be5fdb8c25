//! Threads and tasks that wait. Nobody sleeps here: they look whether they were woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use change_buffers_core::sleep::Sleeper;
use change_buffers_core::store::{HubId, Ring, Ticket, ViewId, WakeFor};

use crate::trial::Subject;

/// Counts how often it is rung.
#[derive(Debug, Default)]
struct Bell(AtomicUsize);

impl Ring for Bell {
    fn ring(&self, _: HubId) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        true
    }
}

#[derive(Debug)]
enum Bed {
    Thread(Arc<Sleeper>),
    Task(Ticket),
}

#[derive(Debug)]
struct Waiter {
    view: ViewId,
    wake_for: WakeFor,
    bed: Bed,
    is_poked: bool,
}

#[derive(Debug)]
pub(crate) struct Waiters {
    hub: HubId,
    bell: Arc<Bell>,
    waiting: Vec<Waiter>,
}

impl Waiters {
    pub(crate) fn new(store: &Subject) -> Self {
        let bell = Arc::new(Bell::default());
        Self { hub: store.open_hub(bell.clone()), bell, waiting: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn wait(
        &mut self,
        store: &Subject,
        view: ViewId,
        wake_for: WakeFor,
        in_thread: bool,
        has_to_wait: bool,
    ) {
        let bed = if in_thread {
            store.wait(view, wake_for).map(Bed::Thread)
        } else {
            store.wait_in(self.hub, view, wake_for).map(Bed::Task)
        };
        assert_eq!(bed.is_some(), has_to_wait);
        let waiter = bed.map(|bed| Waiter { view, wake_for, bed, is_poked: false });
        self.waiting.extend(waiter);
    }

    pub(crate) fn give_up(&mut self, store: &Subject, place: usize) {
        match self.waiting.remove(place).bed {
            Bed::Thread(sleeper) => store.forget(&sleeper),
            Bed::Task(ticket) => store.forget_in(self.hub, ticket),
        }
    }

    pub(crate) fn poke(&mut self, store: &Subject, place: usize) {
        let waiter = &mut self.waiting[place];
        if let Bed::Task(ticket) = waiter.bed {
            store.poke(self.hub, ticket);
            waiter.is_poked = true;
            assert_eq!(self.bell.0.load(Ordering::Relaxed), 1, "it is rung");
        }
    }

    /// Nobody waits for what is garbage.
    pub(crate) fn all_give_up(&mut self, store: &Subject) {
        for place in (0..self.waiting.len()).rev() {
            self.give_up(store, place);
        }
    }

    /// The view goes: its threads first, its tasks when they hear of it.
    pub(crate) fn forget_view(&mut self, store: &Subject, view: ViewId) {
        for place in (0..self.waiting.len()).rev() {
            let waiter = &mut self.waiting[place];
            if waiter.view == view {
                waiter.is_poked = true;
                if matches!(waiter.bed, Bed::Thread(_)) {
                    self.give_up(store, place);
                }
            }
        }
    }

    /// The loop asks who is to look again: exactly those who may go on.
    pub(crate) fn answer(
        &mut self,
        store: &Subject,
        has_to_wait: impl Fn(ViewId, WakeFor) -> bool,
    ) {
        self.bell.0.store(0, Ordering::Relaxed);
        let mut told = store.answer(self.hub);
        self.waiting.retain(|waiter| {
            let Bed::Task(ticket) = waiter.bed else { return true };
            let goes_on = waiter.is_poked || !has_to_wait(waiter.view, waiter.wake_for);
            let place = told.iter().position(|&told| told == ticket);
            assert_eq!(place.is_some(), goes_on);
            place.map(|place| told.swap_remove(place));
            !goes_on
        });
        assert!(told.is_empty(), "nobody else waits");
    }

    /// Whoever may go on was told so, threads one by one and the loop once.
    pub(crate) fn check(&mut self, has_to_wait: impl Fn(ViewId, WakeFor) -> bool) {
        let rings = self.bell.0.load(Ordering::Relaxed);
        assert!(rings <= 1, "one ring at a time");
        self.waiting.retain(|waiter| match &waiter.bed {
            Bed::Thread(sleeper) => {
                let is_woken = sleeper.sleep(Some(Instant::now()));
                assert!(is_woken || has_to_wait(waiter.view, waiter.wake_for), "not woken");
                !is_woken
            }
            Bed::Task(_) => {
                let goes_on = !waiter.is_poked && !has_to_wait(waiter.view, waiter.wake_for);
                assert!(!goes_on || rings == 1, "not rung");
                true
            }
        });
    }
}
