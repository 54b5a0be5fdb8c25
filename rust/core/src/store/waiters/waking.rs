//! What happens, and who is told of it.

use std::sync::Arc;

use super::{Bed, Concerned, EVERYTHING, HubId, Queue, Ring, Ticket, Waiter, Waiters, Want};
use crate::batch::Key;
use crate::list::List;
use crate::sleep::{Sleeper, wake_all};
use crate::store::ViewId;

/// After so many changes loops that have not answered are rung again: they may have been closed or
/// interrupted in the middle of it.
const RING_AGAIN: u32 = 64;

/// Waiters that were told. Wake them after unlocking.
#[must_use = "whoever was taken off the list has to be woken"]
#[derive(Default)]
pub(in crate::store) struct Woken {
    threads: Vec<Arc<Sleeper>>,
    rings: Vec<(HubId, Arc<dyn Ring>)>,
}

impl Woken {
    pub(in crate::store) fn is_nobody(&self) -> bool {
        self.threads.is_empty() && self.rings.is_empty()
    }

    /// Gives the hubs that could not be reached.
    #[must_use]
    pub(in crate::store) fn wake(self) -> Vec<HubId> {
        wake_all(self.threads);
        let rung = |(hub, ring): (HubId, Arc<dyn Ring>)| (!ring.ring(hub)).then_some(hub);
        self.rings.into_iter().filter_map(rung).collect()
    }
}

impl<K: Key> Waiters<K> {
    /// Whether a change may be something to somebody, so that it has to be spoken of.
    #[inline]
    pub(in crate::store) fn is_any_waiting(&self) -> bool {
        self.topics.is_any_watched() || self.rung > 0
    }

    /// The views of some keys only for which somebody waits who will hear of the change.
    pub(in crate::store) fn picky(&self, concerned: &Concerned) -> impl Iterator<Item = ViewId> {
        let topics = concerned.iter().filter(|&&topic| topic != EVERYTHING);
        let queues = topics.flat_map(|&topic| self.topics.queues(topic));
        let queues = queues.map(|&queue| &self.queues[queue]).filter(|queue| !queue.is_stirred);
        let waiting = queues.flat_map(|queue| queue.waiting.forwards(&self.all));
        waiting.map(|waiter| waiter.want.view)
    }

    /// The content has changed.
    pub(in crate::store) fn content_changed(&mut self, concerned: &Concerned) -> Woken {
        let mut woken = Woken::default();
        self.ring_again(&mut woken);
        for &topic in concerned {
            for at in 0..self.topics.queues(topic).len() {
                self.stir(self.topics.queues(topic)[at], &mut woken);
            }
        }
        woken
    }

    /// One view got something of its own.
    pub(in crate::store) fn view_changed(&mut self, view: ViewId) -> Woken {
        let mut woken = Woken::default();
        self.ring_again(&mut woken);
        if let Some(audience) = self.views.get(&view) {
            let slots: Vec<usize> = audience.for_change.slots(&self.all).collect();
            self.tell_all(slots, &mut woken);
        }
        woken
    }

    /// Nothing will come to the view any more, or nothing is left of a frozen one.
    pub(in crate::store) fn view_ended(&mut self, view: ViewId) -> Woken {
        let mut woken = Woken::default();
        if let Some(audience) = self.views.get(&view) {
            let [for_change, for_end] =
                [&audience.for_change, &audience.for_end].map(|list| list.slots(&self.all));
            let slots = for_change.chain(for_end).collect();
            self.tell_all(slots, &mut woken);
        }
        woken
    }

    /// Nothing will come to any view any more.
    pub(in crate::store) fn all_ended(&mut self) -> Woken {
        let mut woken = Woken::default();
        let slots = self.all.iter().map(|(slot, _)| slot).collect();
        self.tell_all(slots, &mut woken);
        woken
    }

    /// Has the task woken, whatever it waits for.
    pub(in crate::store) fn poke(&mut self, hub: HubId, ticket: Ticket) -> Woken {
        let mut woken = Woken::default();
        if self.is_task_of(hub, ticket) {
            self.all[ticket.0].is_poked = true;
            self.tell(ticket.0, &mut woken);
        }
        woken
    }

    /// The tasks that a hub was rung for, and whether each was poked. It can be rung again now.
    ///
    /// Each is then to be [forgotten](Self::forget_task), or to [wait on](Self::wait_on).
    pub(in crate::store) fn asked(&mut self, id: HubId) -> Vec<(Ticket, Want, bool)> {
        let Some(hub) = self.hubs.get_mut(&id.0) else { return Vec::new() };
        self.rung -= usize::from(std::mem::take(&mut hub.is_rung));
        hub.is_missed = false;
        let mut asked: Vec<usize> = hub.told.slots(&self.all).collect();
        let stirred = std::mem::replace(&mut hub.stirred, List::EMPTY);
        let stirred: Vec<usize> = stirred.slots(&self.queues).collect();
        for queue in stirred {
            let Queue { topic, waiting, is_stirred, .. } = &mut self.queues[queue];
            *is_stirred = false;
            if !waiting.is_empty() {
                self.topics.watch(*topic);
                asked.extend(waiting.slots(&self.all));
            }
        }
        let ask = |slot| {
            let Waiter { want, is_poked, .. } = self.all[slot];
            (Ticket(slot), want, is_poked)
        };
        asked.into_iter().map(ask).collect()
    }

    /// There is nothing yet for a task that was told.
    pub(in crate::store) fn wait_on(&mut self, Ticket(slot): Ticket) {
        if !self.all[slot].is_told {
            return;
        }
        if let Some(hub) = self.all[slot].hub().and_then(|hub| self.hubs.get_mut(&hub.0)) {
            hub.told.unlink(&mut self.all, slot);
        }
        self.set_told(slot, false);
        self.enqueue(slot);
    }

    /// The hub could not be reached: the next change rings it.
    pub(in crate::store) fn not_rung(&mut self, hub: HubId) {
        if let Some(hub) = self.hubs.get_mut(&hub.0).filter(|hub| hub.is_rung) {
            hub.is_missed = true;
            self.any_missed = true;
        }
    }

    /// Has the next change ring a hub, unless it has been rung already.
    pub(super) fn ring_later(&mut self, hub: HubId) {
        if let Some(hub) = self.hubs.get_mut(&hub.0).filter(|hub| !hub.is_rung) {
            (hub.is_rung, hub.is_missed) = (true, true);
            self.rung += 1;
            self.any_missed = true;
        }
    }

    /// Whoever stands in the queue is to look again.
    fn stir(&mut self, at: usize, woken: &mut Woken) {
        let Queue { topic, hub, waiting, is_stirred, .. } = &mut self.queues[at];
        if *is_stirred || waiting.is_empty() {
            return;
        }
        let Some(id) = *hub else {
            let slots = waiting.slots(&self.all).collect();
            return self.tell_all(slots, woken);
        };
        *is_stirred = true;
        self.topics.unwatch(*topic);
        if let Some(hub) = self.hubs.get_mut(&id.0) {
            hub.stirred.push_back(&mut self.queues, at);
        }
        self.ring(id, woken);
    }

    fn tell_all(&mut self, slots: Vec<usize>, woken: &mut Woken) {
        for slot in slots {
            self.tell(slot, woken);
        }
    }

    /// Has one of those who wait look again.
    fn tell(&mut self, slot: usize, woken: &mut Woken) {
        let waiter = &self.all[slot];
        match waiter.bed {
            Bed::Thread(_) => {
                if let Bed::Thread(sleeper) = self.remove(slot).bed {
                    woken.threads.push(sleeper);
                }
            }
            Bed::Task(hub) => {
                if !waiter.is_told {
                    self.dequeue(slot);
                    self.file(slot, hub);
                }
                self.ring(hub, woken);
            }
        }
    }

    /// Files a task, which stands in no queue, among those that its hub is to ask for.
    pub(super) fn file(&mut self, slot: usize, hub: HubId) {
        self.set_told(slot, true);
        if let Some(hub) = self.hubs.get_mut(&hub.0) {
            hub.told.push_back(&mut self.all, slot);
        }
    }

    fn set_told(&mut self, slot: usize, is_told: bool) {
        let Waiter { want, is_left, .. } = self.all[slot];
        let audience = self.views.get_mut(&want.view).filter(|_| !is_left);
        if let Some(audience) = audience {
            audience.part(&self.all[slot]).unlink(&mut self.all, slot);
            self.all[slot].is_told = is_told;
            audience.part(&self.all[slot]).push_back(&mut self.all, slot);
        }
        self.all[slot].is_told = is_told;
    }

    /// Rings a hub, unless it has been and has not answered yet.
    fn ring(&mut self, id: HubId, woken: &mut Woken) {
        if let Some(hub) = self.hubs.get_mut(&id.0)
            && (!hub.is_rung || hub.is_missed)
        {
            self.rung += usize::from(!hub.is_rung);
            (hub.is_rung, hub.is_missed) = (true, false);
            woken.rings.push((id, Arc::clone(&hub.ring)));
        }
    }

    /// Rings those that were missed, and now and then all that have not answered yet.
    fn ring_again(&mut self, woken: &mut Woken) {
        if self.rung == 0 {
            self.spared = 0;
            return;
        }
        self.spared = self.spared.wrapping_add(1);
        let rings_all = self.spared.is_multiple_of(RING_AGAIN);
        if !rings_all && !self.any_missed {
            return;
        }
        self.any_missed = false;
        for (&id, hub) in &mut self.hubs {
            if std::mem::take(&mut hub.is_missed) || hub.is_rung && rings_all {
                woken.rings.push((HubId(id), Arc::clone(&hub.ring)));
            }
        }
    }
}
