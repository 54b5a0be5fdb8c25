//! Who waits on one store: threads, each in its own bed, and tasks, by the event loop they run
//! in.
//!
//! A change costs the same whoever waits: it takes the list of threads, and it rings once for
//! every event loop. A loop that was rung and has not answered yet is not rung again, so a burst
//! of changes costs one ring, however many of its tasks wait.

use std::any::Any;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use slab::Slab;

use super::{PublisherId, ViewId};
use crate::sleep::Sleeper;

/// After so many changes a loop that has not answered is rung again: it may have been closed or
/// interrupted in the middle of it.
const RING_AGAIN: u32 = 1024;

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
    ///
    /// Returns whether it will; if not, it is rung for the next change.
    fn ring(&self) -> bool;
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
    /// What this one changes does not.
    pub(super) without: Option<PublisherId>,
}

impl Want {
    fn is_deaf_to(&self, by: Option<PublisherId>) -> bool {
        by.is_some() && self.without == by
    }
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
    /// How often it would have been rung since, had it not been rung already.
    spared: u32,
    tasks: Slab<Task>,
    /// How many of the tasks wait for whatever change comes.
    eager: usize,
    /// How many of these do not want to hear of whom.
    deaf: BTreeMap<PublisherId, usize>,
    /// How many wait for some changes only.
    picky: usize,
}

/// Nobody waiting costs nothing.
#[derive(Default)]
pub(super) struct Waiters {
    for_change: Vec<Thread>,
    for_end: Vec<Thread>,
    /// By number. A number is never given twice: whoever was there before may still use it.
    hubs: BTreeMap<usize, Hub>,
    opened: usize,
}

/// Waiters that were told. Wake them after unlocking.
#[must_use = "whoever was taken off the list has to be woken"]
#[derive(Default)]
pub(super) struct Woken {
    threads: Vec<Thread>,
    rings: Vec<(HubId, Arc<dyn Ring>)>,
}

impl Woken {
    pub(super) fn is_nobody(&self) -> bool {
        self.threads.is_empty() && self.rings.is_empty()
    }

    /// Gives the hubs that could not be reached.
    #[must_use]
    pub(super) fn wake(self) -> Vec<HubId> {
        for thread in self.threads {
            thread.sleeper.wake();
        }
        let rung = |(hub, ring): (HubId, Arc<dyn Ring>)| (!ring.ring()).then_some(hub);
        self.rings.into_iter().filter_map(rung).collect()
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
        self.hubs.values().map(|hub| hub.tasks.len()).sum()
    }

    pub(super) fn open_hub(&mut self, ring: Arc<dyn Ring>) -> HubId {
        let hub = Hub {
            ring,
            is_rung: false,
            spared: 0,
            tasks: Slab::new(),
            eager: 0,
            deaf: BTreeMap::new(),
            picky: 0,
        };
        self.opened += 1;
        self.hubs.insert(self.opened, hub);
        HubId(self.opened)
    }

    /// Drop the result after unlocking.
    #[must_use]
    pub(super) fn close_hub(&mut self, hub: HubId) -> Option<Arc<dyn Ring>> {
        self.hubs.remove(&hub.0).map(|hub| hub.ring)
    }

    pub(super) fn add_task(&mut self, hub: HubId, want: Want) -> Ticket {
        let hub = self.hubs.get_mut(&hub.0).expect("no task waits in a closed loop");
        if want.wake_for == WakeFor::Change {
            hub.count_in(want);
        }
        Ticket(hub.tasks.insert(Task { want, is_poked: false }))
    }

    pub(super) fn forget_task(&mut self, hub: HubId, ticket: Ticket) {
        let Some(hub) = self.hubs.get_mut(&hub.0) else { return };
        if let Some(Task { want, .. }) = hub.tasks.try_remove(ticket.0)
            && want.wake_for == WakeFor::Change
        {
            hub.count_out(want);
        }
    }

    /// Has the task woken, whatever it waits for.
    pub(super) fn poke(&mut self, id: HubId, ticket: Ticket) -> Woken {
        let mut woken = Woken::default();
        if let Some(hub) = self.hubs.get_mut(&id.0)
            && let Some(task) = hub.tasks.get_mut(ticket.0)
        {
            task.is_poked = true;
            hub.ring_once(id, &mut woken);
        }
        woken
    }

    /// The tasks of a hub that was rung, and whether each was poked. It can be rung again now.
    pub(super) fn asked(&mut self, hub: HubId) -> Vec<(Ticket, Want, bool)> {
        let Some(hub) = self.hubs.get_mut(&hub.0) else { return Vec::new() };
        hub.is_rung = false;
        hub.tasks.iter().map(|(slot, task)| (Ticket(slot), task.want, task.is_poked)).collect()
    }

    pub(super) fn is_nobody_waiting_for_change(&self) -> bool {
        self.for_change.is_empty() && self.hubs.is_empty()
    }

    /// The content has changed, by a publisher or not. `concerns` says whether that concerns a
    /// picky view.
    pub(super) fn content_changed(
        &mut self,
        by: Option<PublisherId>,
        concerns: impl Fn(ViewId) -> bool,
    ) -> Woken {
        let mut woken = Woken::default();
        if self.for_change.iter().any(|Thread { want, .. }| want.is_picky || want.is_deaf_to(by)) {
            let is_concerned = |Thread { want, .. }: &mut Thread| {
                !want.is_deaf_to(by) && (!want.is_picky || concerns(want.view))
            };
            woken.threads = self.for_change.extract_if(.., is_concerned).collect();
        } else {
            woken.threads = std::mem::take(&mut self.for_change);
        }
        for (&id, hub) in &mut self.hubs {
            let is_concerned = |&Task { want, is_poked }: &Task| {
                let is_for_it = want.wake_for == WakeFor::Change && !want.is_deaf_to(by);
                !is_poked && is_for_it && concerns(want.view)
            };
            let deaf = by.and_then(|by| hub.deaf.get(&by)).copied().unwrap_or_default();
            let rings = hub.eager > deaf
                || hub.picky > 0 && hub.tasks.iter().any(|(_, task)| is_concerned(task));
            if rings {
                hub.ring_once(HubId(id), &mut woken);
            }
        }
        woken
    }

    /// One view got something of its own.
    pub(super) fn view_changed(&mut self, view: ViewId) -> Woken {
        let mut woken = Woken::default();
        take_of(view, &mut self.for_change, &mut woken);
        self.ring_for(view, |wake_for| wake_for == WakeFor::Change, &mut woken);
        woken
    }

    /// Nothing will come to the view any more, or nothing is left of a frozen one.
    pub(super) fn view_ended(&mut self, view: ViewId) -> Woken {
        let mut woken = Woken::default();
        take_of(view, &mut self.for_change, &mut woken);
        take_of(view, &mut self.for_end, &mut woken);
        self.ring_for(view, |_| true, &mut woken);
        woken
    }

    /// Nothing will come to any view any more.
    pub(super) fn all_ended(&mut self) -> Woken {
        let mut woken = Woken { threads: std::mem::take(&mut self.for_change), rings: Vec::new() };
        woken.threads.append(&mut self.for_end);
        for (&id, hub) in &mut self.hubs {
            if !hub.tasks.is_empty() {
                hub.ring_once(HubId(id), &mut woken);
            }
        }
        woken
    }

    /// The hub could not be reached: the next change rings it again.
    pub(super) fn not_rung(&mut self, hub: HubId) {
        if let Some(hub) = self.hubs.get_mut(&hub.0) {
            hub.is_rung = false;
        }
    }

    /// The view is no more: whoever waits for it still is to look again.
    pub(super) fn forget_view(&mut self, view: ViewId) {
        let tasks = self.hubs.values_mut().flat_map(|hub| hub.tasks.iter_mut());
        for (_, task) in tasks.filter(|(_, task)| task.want.view == view) {
            task.is_poked = true;
        }
    }

    /// Views about some keys only for which somebody waits.
    pub(super) fn picky(&self) -> Vec<ViewId> {
        let threads = self.for_change.iter().map(|thread| thread.want);
        let tasks = self.hubs.values().filter(|hub| hub.picky > 0);
        let tasks = tasks.flat_map(|hub| hub.tasks.iter()).filter(|(_, task)| !task.is_poked);
        let wants = threads.chain(tasks.map(|(_, task)| task.want));
        wants.filter(|want| want.is_picky).map(|want| want.view).collect()
    }

    /// How the loops are reached; for the garbage collector.
    pub(super) fn rings(&self) -> impl Iterator<Item = &Arc<dyn Ring>> {
        self.hubs.values().map(|hub| &hub.ring)
    }

    fn ring_for(&mut self, view: ViewId, concerns: fn(WakeFor) -> bool, woken: &mut Woken) {
        for (&id, hub) in &mut self.hubs {
            let is_concerned =
                |Task { want, .. }: &Task| want.view == view && concerns(want.wake_for);
            if hub.tasks.iter().any(|(_, task)| is_concerned(task)) {
                hub.ring_once(HubId(id), woken);
            }
        }
    }
}

impl Hub {
    /// A task waits for a change.
    fn count_in(&mut self, want: Want) {
        if want.is_picky {
            self.picky += 1;
            return;
        }
        self.eager += 1;
        if let Some(publisher) = want.without {
            *self.deaf.entry(publisher).or_default() += 1;
        }
    }

    /// It waits no more.
    fn count_out(&mut self, want: Want) {
        if want.is_picky {
            self.picky -= 1;
            return;
        }
        self.eager -= 1;
        let Some(publisher) = want.without else { return };
        if let Entry::Occupied(mut deaf) = self.deaf.entry(publisher) {
            *deaf.get_mut() -= 1;
            if *deaf.get() == 0 {
                deaf.remove();
            }
        }
    }

    fn ring_once(&mut self, id: HubId, woken: &mut Woken) {
        self.spared = if self.is_rung { self.spared.wrapping_add(1) } else { 0 };
        if !self.is_rung || self.spared.is_multiple_of(RING_AGAIN) {
            self.is_rung = true;
            woken.rings.push((id, Arc::clone(&self.ring)));
        }
    }
}

fn take_of(view: ViewId, list: &mut Vec<Thread>, woken: &mut Woken) {
    woken.threads.extend(list.extract_if(.., |thread| thread.want.view == view));
}
