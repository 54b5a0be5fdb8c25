//! Who waits on one store: threads, each in its own bed, and tasks, by the event loop they run
//! in.
//!
//! A change costs the same whoever waits: it takes the list of threads, and it rings once for
//! every event loop. A loop that was rung and has not answered yet is not rung again, so a burst
//! of changes costs one ring, however many of its tasks wait.

use std::any::Any;
use std::sync::Arc;

use slab::Slab;

use super::ViewId;
use crate::sleep::Sleeper;

/// What a waiter is to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeFor {
    /// Anything pending, or the view frozen.
    Change,
    /// Nothing pending and nothing to come.
    End,
}

/// How an event loop is told to [answer](super::Store::answer). Called without any lock.
pub trait Ring: Any + Send + Sync {
    /// Makes the loop answer, from its own thread, soon.
    fn ring(&self);
}

/// Names the tasks of one event loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HubId(pub usize);

/// Names a waiting task of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub usize);

/// What is known of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) view: ViewId,
    pub(super) wake_for: WakeFor,
    /// Not every change to the content concerns it.
    pub(super) is_picky: bool,
}

struct Thread {
    want: Want,
    sleeper: Arc<Sleeper>,
}

struct Task {
    want: Want,
    is_poked: bool,
}

struct Hub {
    ring: Arc<dyn Ring>,
    is_rung: bool,
    tasks: Slab<Task>,
    /// How many of the tasks wait for whatever change comes.
    eager: usize,
    /// How many wait for some changes only.
    picky: usize,
}

/// Nobody waiting costs nothing.
#[derive(Default)]
pub(super) struct Waiters {
    for_change: Vec<Thread>,
    for_end: Vec<Thread>,
    hubs: Slab<Hub>,
}

/// Waiters that were told. Wake them after unlocking.
#[must_use = "whoever was taken off the list has to be woken"]
#[derive(Default)]
pub(super) struct Woken {
    threads: Vec<Thread>,
    rings: Vec<Arc<dyn Ring>>,
}

impl Woken {
    #[inline]
    pub(super) fn wake(self) {
        for thread in self.threads {
            thread.sleeper.wake();
        }
        for ring in self.rings {
            ring.ring();
        }
    }
}

impl Waiters {
    pub(super) fn add_thread(&mut self, want: Want) -> Arc<Sleeper> {
        let sleeper = Arc::new(Sleeper::default());
        let list = match want.wake_for {
            WakeFor::Change => &mut self.for_change,
            WakeFor::End => &mut self.for_end,
        };
        list.push(Thread { want, sleeper: Arc::clone(&sleeper) });
        sleeper
    }

    pub(super) fn forget_thread(&mut self, sleeper: &Arc<Sleeper>) {
        let is_other = |thread: &Thread| !Arc::ptr_eq(&thread.sleeper, sleeper);
        self.for_change.retain(is_other);
        self.for_end.retain(is_other);
    }

    pub(super) fn threads(&self) -> usize {
        self.for_change.len() + self.for_end.len()
    }

    pub(super) fn tasks(&self) -> usize {
        self.hubs.iter().map(|(_, hub)| hub.tasks.len()).sum()
    }

    pub(super) fn open_hub(&mut self, ring: Arc<dyn Ring>) -> HubId {
        let hub = Hub { ring, is_rung: false, tasks: Slab::new(), eager: 0, picky: 0 };
        HubId(self.hubs.insert(hub))
    }

    /// Drop the result after unlocking.
    #[must_use]
    pub(super) fn close_hub(&mut self, hub: HubId) -> Option<Arc<dyn Ring>> {
        self.hubs.try_remove(hub.0).map(|hub| hub.ring)
    }

    pub(super) fn add_task(&mut self, hub: HubId, want: Want) -> Ticket {
        let hub = &mut self.hubs[hub.0];
        *hub.count(want) += usize::from(want.wake_for == WakeFor::Change);
        Ticket(hub.tasks.insert(Task { want, is_poked: false }))
    }

    pub(super) fn forget_task(&mut self, hub: HubId, ticket: Ticket) {
        let Some(hub) = self.hubs.get_mut(hub.0) else { return };
        if let Some(Task { want, .. }) = hub.tasks.try_remove(ticket.0) {
            *hub.count(want) -= usize::from(want.wake_for == WakeFor::Change);
        }
    }

    /// Has the task woken, whatever it waits for.
    pub(super) fn poke(&mut self, hub: HubId, ticket: Ticket) -> Woken {
        let mut woken = Woken::default();
        if let Some(hub) = self.hubs.get_mut(hub.0)
            && let Some(task) = hub.tasks.get_mut(ticket.0)
        {
            task.is_poked = true;
            hub.ring_once(&mut woken);
        }
        woken
    }

    /// The tasks of a hub that was rung, and whether each was poked. It can be rung again now.
    pub(super) fn asked(&mut self, hub: HubId) -> Vec<(Ticket, Want, bool)> {
        let Some(hub) = self.hubs.get_mut(hub.0) else { return Vec::new() };
        hub.is_rung = false;
        hub.tasks.iter().map(|(slot, task)| (Ticket(slot), task.want, task.is_poked)).collect()
    }

    /// The content has changed. `concerns` says whether that concerns a picky view.
    pub(super) fn content_changed(&mut self, concerns: impl Fn(ViewId) -> bool) -> Woken {
        let mut woken = Woken::default();
        if self.for_change.iter().any(|thread| thread.want.is_picky) {
            let is_concerned =
                |thread: &mut Thread| !thread.want.is_picky || concerns(thread.want.view);
            woken.threads = self.for_change.extract_if(.., is_concerned).collect();
        } else {
            woken.threads = std::mem::take(&mut self.for_change);
        }
        for (_, hub) in &mut self.hubs {
            let is_concerned =
                |task: &Task| task.want.wake_for == WakeFor::Change && concerns(task.want.view);
            let rings = hub.eager > 0
                || hub.picky > 0 && hub.tasks.iter().any(|(_, task)| is_concerned(task));
            if rings {
                hub.ring_once(&mut woken);
            }
        }
        woken
    }

    /// One view got something of its own.
    pub(super) fn view_changed(&mut self, view: ViewId) -> Woken {
        let mut woken = Woken::default();
        take_of(view, &mut self.for_change, &mut woken);
        self.ring_for(view, &mut woken);
        woken
    }

    /// Nothing will come to the view any more, or nothing is left of a frozen one.
    pub(super) fn view_ended(&mut self, view: ViewId) -> Woken {
        let mut woken = Woken::default();
        take_of(view, &mut self.for_change, &mut woken);
        take_of(view, &mut self.for_end, &mut woken);
        self.ring_for(view, &mut woken);
        woken
    }

    /// Nothing will come to any view any more.
    pub(super) fn all_ended(&mut self) -> Woken {
        let mut woken = Woken { threads: std::mem::take(&mut self.for_change), rings: Vec::new() };
        woken.threads.append(&mut self.for_end);
        for (_, hub) in &mut self.hubs {
            if !hub.tasks.is_empty() {
                hub.ring_once(&mut woken);
            }
        }
        woken
    }

    /// How the loops are reached; for the garbage collector.
    pub(super) fn rings(&self) -> impl Iterator<Item = &Arc<dyn Ring>> {
        self.hubs.iter().map(|(_, hub)| &hub.ring)
    }

    fn ring_for(&mut self, view: ViewId, woken: &mut Woken) {
        for (_, hub) in &mut self.hubs {
            if hub.tasks.iter().any(|(_, task)| task.want.view == view) {
                hub.ring_once(woken);
            }
        }
    }
}

impl Hub {
    fn count(&mut self, want: Want) -> &mut usize {
        if want.is_picky { &mut self.picky } else { &mut self.eager }
    }

    fn ring_once(&mut self, woken: &mut Woken) {
        if !std::mem::replace(&mut self.is_rung, true) {
            woken.rings.push(Arc::clone(&self.ring));
        }
    }
}

fn take_of(view: ViewId, list: &mut Vec<Thread>, woken: &mut Woken) {
    woken.threads.extend(list.extract_if(.., |thread| thread.want.view == view));
}
