//! Waiting in tasks: a hub for each event loop.

use std::hash::BuildHasher;
use std::sync::Arc;

use super::waiters::Want;
use super::{HubId, Ring, Store, Ticket, ViewId, WakeFor};
use crate::batch::{Displaced, Key};

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// Tasks of one event loop are going to wait here.
    pub fn open_hub(&self, ring: Arc<dyn Ring>) -> HubId {
        self.lock().waiters.open_hub(ring)
    }

    /// The event loop is closed: nobody waits there any more.
    pub fn close_hub(&self, hub: HubId) {
        let ring = self.lock().waiters.close_hub(hub);
        drop(ring);
    }

    /// Whether tasks may wait there.
    pub fn has_hub(&self, hub: HubId) -> bool {
        self.lock().waiters.has_hub(hub)
    }

    /// Rings a hub whose answer was lost, or not finished. Says whether it was reached; a hub that is
    /// closed need not be.
    pub fn ring(&self, hub: HubId) -> bool {
        let ring = self.lock().waiters.ring_of(hub);
        let is_reached = ring.is_none_or(|ring| ring.ring(hub));
        if !is_reached {
            self.lock().waiters.not_rung(hub);
        }
        is_reached
    }

    /// Like [`wait`](Self::wait), for a task: its hub is rung when it is to look again.
    ///
    /// In a closed hub nobody waits.
    pub fn wait_in(&self, hub: HubId, view: ViewId, wake_for: WakeFor) -> Option<Ticket> {
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        let want = data.want(view, wake_for);
        let has_to_wait = data.has_to_wait(view, wake_for, &mut displaced);
        if has_to_wait { data.waiters.add_task(hub, want) } else { None }
    }

    /// Takes a task back that gave up.
    pub fn forget_in(&self, hub: HubId, ticket: Ticket) {
        self.lock().waiters.forget_task(hub, ticket);
    }

    /// Has a task look again, whatever it waits for.
    pub fn poke(&self, hub: HubId, ticket: Ticket) {
        let woken = self.lock().waiters.poke(hub, ticket);
        self.wake(woken);
    }

    /// What a hub asks after it was rung: which of its tasks are to look again. They are
    /// forgotten.
    pub fn answer(&self, hub: HubId) -> Vec<Ticket> {
        let mut displaced = Displaced::default();
        let mut data = self.lock();
        let mut answer = Vec::new();
        for (ticket, Want { view, wake_for, .. }, is_poked) in data.waiters.asked(hub) {
            if is_poked || !data.has_to_wait(view, wake_for, &mut displaced) {
                data.waiters.forget_task(hub, ticket);
                answer.push(ticket);
            } else {
                data.waiters.wait_on(ticket);
            }
        }
        answer
    }
}
