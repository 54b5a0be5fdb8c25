//! Where those stand who wait for a change.

use super::{HubId, InLine, TopicId, Waiters};
use crate::batch::Key;
use crate::list::{Linked, Links, List};

/// Those who wait for a change to one topic and are woken in the same way.
pub(super) struct Queue {
    pub(super) topic: TopicId,
    /// None for threads.
    pub(super) hub: Option<HubId>,
    pub(super) waiting: List<InLine>,
    /// The hub is to ask for all of them.
    pub(super) is_stirred: bool,
    links: Links,
}

impl Linked for Queue {
    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl<K: Key> Waiters<K> {
    /// Whoever waits for a change is queued, with those who are woken in the same way.
    pub(super) fn enqueue(&mut self, slot: usize) {
        if self.all[slot].is_for_change() {
            let queue = self.queue_of(slot);
            let Queue { topic, waiting, is_stirred, .. } = &mut self.queues[queue];
            if waiting.is_empty() && !*is_stirred {
                self.topics.watch(*topic);
            }
            waiting.push_back(&mut self.all, slot);
        }
    }

    pub(super) fn dequeue(&mut self, slot: usize) {
        if self.all[slot].is_for_change() {
            let queue = self.queue_of(slot);
            let Queue { topic, waiting, is_stirred, .. } = &mut self.queues[queue];
            waiting.unlink(&mut self.all, slot);
            if waiting.is_empty() && !*is_stirred {
                self.topics.unwatch(*topic);
            }
        }
    }

    /// Where somebody waits for a change.
    fn queue_of(&mut self, slot: usize) -> usize {
        let topic = self.all[slot].want.topic;
        let hub = self.all[slot].hub();
        let known = if let Some(hub) = hub {
            self.hubs[&hub.0].queues.get(&topic).copied()
        } else {
            // There are few: one for each event loop, and this one.
            let queues = self.topics.queues(topic).iter();
            queues.copied().find(|&queue| self.queues[queue].hub.is_none())
        };
        known.unwrap_or_else(|| {
            let (waiting, links) = (List::EMPTY, Links::UNLINKED);
            let queue = Queue { topic, hub, waiting, is_stirred: false, links };
            let queue = self.queues.insert(queue);
            self.topics.add_queue(topic, queue);
            if let Some(hub) = hub.and_then(|hub| self.hubs.get_mut(&hub.0)) {
                hub.queues.insert(topic, queue);
            }
            queue
        })
    }
}
