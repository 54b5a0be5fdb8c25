//! Who waits on one store: threads, each in its own bed, and tasks, by the event loop they run
//! in.
//!
//! Whoever waits for a change stands in a *queue*, with all others that are about the same
//! [topic](topics) and are woken in the same way: all threads, or the tasks of one event loop. So
//! a change costs the same whoever waits. It finds the topics that it concerns, wakes their
//! threads and *stirs* their queues of tasks, which costs the same for one task and for thousands.
//! A loop that was rung asks who stands in queues that were stirred. It is not rung again before,
//! so a burst of changes costs one ring.
//!
//! What happens to a single view is said to those who wait for it, one by one.

mod queues;
mod topics;
mod tree;
mod waking;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use slab::Slab;

use self::queues::Queue;
use self::topics::Topics;
pub(super) use self::topics::{Concerned, EVERYTHING, TopicId};
pub(super) use self::waking::Woken;
use super::ViewId;
use crate::batch::Key;
use crate::list::{Linked, Links, List};
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
    ///
    /// Returns whether it will; if not, it is rung for the next change.
    fn ring(&self, hub: HubId) -> bool;
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
    /// What the view is about.
    pub(super) topic: TopicId,
}

struct Waiter {
    want: Want,
    bed: Bed,
    /// It is to look again, whatever it waits for.
    is_poked: bool,
    /// Its hub is to ask for it; it stands in no queue any more.
    is_told: bool,
    /// Its view is no more.
    is_left: bool,
    in_line: Links,
    of_view: Links,
    of_hub: Links,
}

enum Bed {
    Thread(Arc<Sleeper>),
    Task(HubId),
}

/// Lists of those in a queue, or of those that are told.
struct InLine;

/// Lists of those who wait for one view.
struct OfView;

/// Lists of the tasks of one hub.
struct OfHub;

/// Those who wait for one view.
struct Audience {
    for_change: List<OfView>,
    for_end: List<OfView>,
    told: List<OfView>,
}

struct Hub {
    ring: Arc<dyn Ring>,
    is_rung: bool,
    /// It is to be rung by the next change, although it is rung already.
    is_missed: bool,
    tasks: List<OfHub>,
    told: List<InLine>,
    stirred: List,
    queues: HashMap<TopicId, usize>,
}

/// Nobody waiting costs nothing.
pub(super) struct Waiters<K: 'static> {
    pub(super) topics: Topics<K>,
    all: Slab<Waiter>,
    tasks: usize,
    queues: Slab<Queue>,
    views: HashMap<ViewId, Audience>,
    /// By number. A number is never given twice: whoever was there before may still use it.
    hubs: BTreeMap<usize, Hub>,
    opened: usize,
    /// How many hubs have not answered yet.
    rung: usize,
    /// Whether one of them is to be rung by the next change.
    any_missed: bool,
    /// How many changes there were since those that had not answered were rung again.
    spared: u32,
}

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        Self {
            topics: Topics::default(),
            all: Slab::new(),
            tasks: 0,
            queues: Slab::new(),
            views: HashMap::new(),
            hubs: BTreeMap::new(),
            opened: 0,
            rung: 0,
            any_missed: false,
            spared: 0,
        }
    }
}

macro_rules! linked {
    ($item:ty, $kind:ty, $links:ident) => {
        impl Linked<$kind> for $item {
            fn links(&self) -> Links {
                self.$links
            }

            fn links_mut(&mut self) -> &mut Links {
                &mut self.$links
            }
        }
    };
}

linked!(Waiter, InLine, in_line);
linked!(Waiter, OfView, of_view);
linked!(Waiter, OfHub, of_hub);

impl Waiter {
    fn new(want: Want, bed: Bed) -> Self {
        let [in_line, of_view, of_hub] = [Links::UNLINKED; 3];
        let [is_poked, is_told, is_left] = [false; 3];
        Self { want, bed, is_poked, is_told, is_left, in_line, of_view, of_hub }
    }

    fn hub(&self) -> Option<HubId> {
        if let Bed::Task(hub) = self.bed { Some(hub) } else { None }
    }

    fn is_for_change(&self) -> bool {
        self.want.wake_for == WakeFor::Change
    }
}

impl Audience {
    const NOBODY: Self = Self { for_change: List::EMPTY, for_end: List::EMPTY, told: List::EMPTY };

    fn is_nobody(&self) -> bool {
        self.for_change.is_empty() && self.for_end.is_empty() && self.told.is_empty()
    }

    /// The list that a waiter belongs in.
    fn part(&mut self, waiter: &Waiter) -> &mut List<OfView> {
        match waiter.want.wake_for {
            _ if waiter.is_told => &mut self.told,
            WakeFor::Change => &mut self.for_change,
            WakeFor::End => &mut self.for_end,
        }
    }
}

impl<K: Key> Waiters<K> {
    pub(super) fn add_thread(&mut self, want: Want) -> Arc<Sleeper> {
        let sleeper = Arc::new(Sleeper::new(self.all.vacant_key()));
        self.add(Waiter::new(want, Bed::Thread(Arc::clone(&sleeper))));
        sleeper
    }

    pub(super) fn forget_thread(&mut self, sleeper: &Arc<Sleeper>) {
        let slot = sleeper.place();
        if let Some(Waiter { bed: Bed::Thread(known), .. }) = self.all.get(slot)
            && Arc::ptr_eq(known, sleeper)
        {
            drop(self.remove(slot));
        }
    }

    pub(super) fn threads(&self) -> usize {
        self.all.len() - self.tasks
    }

    pub(super) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Whether somebody waits for a change to this view and was not told of one.
    pub(super) fn is_up_to_date(&self, view: ViewId) -> bool {
        let first = self.views.get(&view).and_then(|audience| audience.for_change.first());
        first.is_some_and(|slot| match self.all[slot].bed {
            Bed::Thread(_) => true,
            Bed::Task(hub) => {
                let queue = self.hubs[&hub.0].queues[&self.all[slot].want.topic];
                !self.queues[queue].is_stirred
            }
        })
    }

    pub(super) fn open_hub(&mut self, ring: Arc<dyn Ring>) -> HubId {
        self.opened += 1;
        let hub = Hub {
            ring,
            is_rung: false,
            is_missed: false,
            tasks: List::EMPTY,
            told: List::EMPTY,
            stirred: List::EMPTY,
            queues: HashMap::new(),
        };
        self.hubs.insert(self.opened, hub);
        HubId(self.opened)
    }

    /// Drop the result after unlocking.
    #[must_use]
    pub(super) fn close_hub(&mut self, hub: HubId) -> Option<Arc<dyn Ring>> {
        while let Some(slot) = self.hubs.get(&hub.0)?.tasks.first() {
            drop(self.remove(slot));
        }
        let Hub { ring, is_rung, queues, .. } = self.hubs.remove(&hub.0)?;
        self.rung -= usize::from(is_rung);
        for (topic, queue) in queues {
            self.topics.remove_queue(topic, queue);
            self.queues.remove(queue);
        }
        Some(ring)
    }

    pub(super) fn has_hub(&self, hub: HubId) -> bool {
        self.hubs.contains_key(&hub.0)
    }

    /// How a hub is rung, whether it has been or not.
    pub(super) fn ring_of(&self, hub: HubId) -> Option<Arc<dyn Ring>> {
        self.hubs.get(&hub.0).map(|hub| Arc::clone(&hub.ring))
    }

    /// No task waits in a closed loop.
    pub(super) fn add_task(&mut self, hub: HubId, want: Want) -> Option<Ticket> {
        self.has_hub(hub).then(|| Ticket(self.add(Waiter::new(want, Bed::Task(hub)))))
    }

    pub(super) fn forget_task(&mut self, hub: HubId, ticket: Ticket) {
        if self.is_task_of(hub, ticket) {
            drop(self.remove(ticket.0));
        }
    }

    fn is_task_of(&self, hub: HubId, ticket: Ticket) -> bool {
        self.all.get(ticket.0).is_some_and(|waiter| waiter.hub() == Some(hub))
    }

    /// The view is no more: whoever waits for it still is to look again.
    pub(super) fn forget_view(&mut self, view: ViewId, topic: TopicId) {
        if let Some(Audience { for_change, for_end, told }) = self.views.remove(&view) {
            for list in [for_change, for_end, told] {
                let left: Vec<usize> = list.slots(&self.all).collect();
                for slot in left {
                    self.leave(slot);
                }
            }
        }
        if self.topics.leave(topic) {
            for queue in self.topics.close(topic) {
                let Queue { hub, is_stirred, .. } = self.queues[queue];
                if let Some(hub) = hub.and_then(|hub| self.hubs.get_mut(&hub.0)) {
                    hub.queues.remove(&topic);
                    if is_stirred {
                        hub.stirred.unlink(&mut self.queues, queue);
                    }
                }
                self.queues.remove(queue);
            }
        }
    }

    /// The view is no more that somebody waits for, who hears of that with the next change: a view
    /// goes at any time, and nobody can be woken then.
    fn leave(&mut self, slot: usize) {
        let (hub, is_told) = (self.all[slot].hub(), self.all[slot].is_told);
        if !is_told {
            self.dequeue(slot);
        }
        let waiter = &mut self.all[slot];
        waiter.want.topic = EVERYTHING;
        (waiter.is_left, waiter.is_poked, waiter.of_view) = (true, true, Links::UNLINKED);
        match hub {
            Some(hub) => {
                if !is_told {
                    self.file(slot, hub);
                }
                self.ring_later(hub);
            }
            None => self.enqueue(slot),
        }
    }

    /// How the loops are reached; for the garbage collector.
    pub(super) fn rings(&self) -> impl Iterator<Item = &Arc<dyn Ring>> {
        self.hubs.values().map(|hub| &hub.ring)
    }

    fn add(&mut self, waiter: Waiter) -> usize {
        let (view, hub) = (waiter.want.view, waiter.hub());
        let slot = self.all.insert(waiter);
        let audience = self.views.entry(view).or_insert(Audience::NOBODY);
        let part = audience.part(&self.all[slot]);
        part.push_back(&mut self.all, slot);
        if let Some(hub) = hub.and_then(|hub| self.hubs.get_mut(&hub.0)) {
            hub.tasks.push_back(&mut self.all, slot);
            self.tasks += 1;
        }
        self.enqueue(slot);
        slot
    }

    fn remove(&mut self, slot: usize) -> Waiter {
        let Waiter { is_told, is_left, .. } = self.all[slot];
        let hub = self.all[slot].hub();
        if !is_told {
            self.dequeue(slot);
        }
        if let Some(hub) = hub.and_then(|hub| self.hubs.get_mut(&hub.0)) {
            hub.tasks.unlink(&mut self.all, slot);
            if is_told {
                hub.told.unlink(&mut self.all, slot);
            }
            self.tasks -= 1;
        }
        if !is_left {
            self.leave_audience(slot);
        }
        self.all.remove(slot)
    }

    fn leave_audience(&mut self, slot: usize) {
        if let Entry::Occupied(mut audience) = self.views.entry(self.all[slot].want.view) {
            let part = audience.get_mut().part(&self.all[slot]);
            part.unlink(&mut self.all, slot);
            if audience.get().is_nobody() {
                audience.remove();
            }
        }
    }

    /// How many waiters, views and queues are known, and how often a topic is watched.
    #[cfg(all(test, not(loom)))]
    pub(super) fn left(&self) -> [usize; 4] {
        [self.all.len(), self.views.len(), self.queues.len(), self.topics.times_watched()]
    }
}
