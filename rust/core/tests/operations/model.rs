//! What a store is in the plainest words.

use std::collections::{BTreeMap, BTreeSet};

use change_buffers_core::batch::{Batch, Mark};
use change_buffers_core::store::Frozen;

use crate::names::Name;

/// What an update names. As a finished form it stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) updates: BTreeMap<u8, i32>,
    pub(crate) removals: BTreeSet<u8>,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        self.updates.is_empty() && self.removals.is_empty()
    }

    /// What is left of it for a view about some keys.
    fn about(&self, topic: Option<u8>) -> Self {
        let mut change = self.clone();
        change.updates.retain(|&key, _| is_about(topic, key));
        change.removals.retain(|&key| is_about(topic, key));
        change
    }

    /// Merges a later one into it: a key that it names on both sides is on both sides then.
    fn merge(&mut self, later: &Self) {
        for key in &later.removals {
            self.updates.remove(key);
        }
        for (&key, &value) in &later.updates {
            self.removals.remove(&key);
            self.updates.insert(key, value);
        }
        self.removals.extend(&later.removals);
    }

    /// The keys it names.
    pub(crate) fn keys(&self) -> BTreeSet<u8> {
        self.updates.keys().chain(&self.removals).copied().collect()
    }

    pub(crate) fn batch(&self) -> Batch<Name, i32, Self> {
        let updates = self.updates.iter().map(|(&key, &value)| (key.into(), value));
        Batch::new(updates, self.removals.iter().map(|&key| key.into()))
    }

    pub(crate) fn of_marks(marks: impl IntoIterator<Item = Mark<Name, i32>>) -> Self {
        let mut change = Self::default();
        let mut seen = BTreeSet::new();
        for Mark { key, fate } in marks {
            let key = key.into();
            assert!(seen.insert(key), "a key came twice");
            if let Some(&value) = fate.value() {
                change.updates.insert(key, value);
            }
            if !fate.is_live() {
                change.removals.insert(key);
            }
        }
        change
    }
}

/// Which keys a view with this topic is about.
pub(crate) fn is_about(topic: Option<u8>, key: u8) -> bool {
    topic.is_none_or(|topic| key % 3 == topic)
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) topic: Option<u8>,
    /// Whether shared updates come here.
    pub(crate) is_fed: bool,
    pub(crate) is_frozen: bool,
    pub(crate) pending: Change,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) is_frozen: bool,
    /// A plain dictionary as a list, for its order.
    pub(crate) content: Vec<(u8, i32)>,
}

impl Model {
    pub(crate) fn open_view(&self, topic: Option<u8>) -> View {
        let updates = self.content.iter().copied().collect();
        let pending = Change { updates, ..Change::default() }.about(topic);
        View { topic, is_fed: true, is_frozen: false, pending }
    }

    pub(crate) fn open_buffer() -> View {
        View { topic: None, is_fed: false, is_frozen: false, pending: Change::default() }
    }

    pub(crate) fn update<'a>(
        &mut self,
        change: &Change,
        views: impl Iterator<Item = &'a mut View>,
    ) -> Result<(), Frozen> {
        if self.is_frozen {
            return Err(Frozen);
        }
        for (&key, &value) in &change.updates {
            match self.content.iter_mut().find(|(known, _)| *known == key) {
                Some(item) => item.1 = value,
                None => self.content.push((key, value)),
            }
        }
        self.content.retain(|(key, _)| !change.removals.contains(key));
        for view in views.filter(|view| view.is_fed && !view.is_frozen) {
            view.pending.merge(&change.about(view.topic));
        }
        Ok(())
    }

    pub(crate) fn update_view(&self, change: &Change, view: &mut View) -> Result<(), Frozen> {
        if self.is_frozen || view.is_frozen {
            return Err(Frozen);
        }
        view.pending.merge(&change.about(view.topic));
        Ok(())
    }
}
