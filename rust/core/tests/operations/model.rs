//! What a store is in the plainest words.

use std::collections::{BTreeMap, BTreeSet};

use change_buffers_core::batch::{Batch, Mark};
use change_buffers_core::store::{Frozen, PublisherId, Refused, Terms};

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
    pub(crate) fn merge(&mut self, later: &Self) {
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

/// What a view owes beside what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debt {
    Nothing,
    Content,
    Snapshot,
}

/// What a view is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) topic: Option<u8>,
    pub(crate) without: Option<PublisherId>,
    pub(crate) since: Option<u64>,
    pub(crate) is_snapshot: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) topic: Option<u8>,
    pub(crate) without: Option<PublisherId>,
    /// Whether shared updates come here.
    pub(crate) is_fed: bool,
    pub(crate) is_frozen: bool,
    pub(crate) pending: Change,
    pub(crate) debt: Debt,
    /// The version of the content at which it was detached.
    pub(crate) detached: Option<u64>,
}

impl View {
    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty() || self.debt == Debt::Snapshot
    }

    /// A shared change comes.
    fn feed(&mut self, change: &Change, by: Option<PublisherId>) {
        if by.is_some() && by == self.without {
            let keys = change.keys();
            self.pending.updates.retain(|key, _| !keys.contains(key));
            self.pending.removals.retain(|key| !keys.contains(key));
        } else {
            self.pending.merge(&change.about(self.topic));
        }
    }
}

/// The last change of a key.
#[derive(Clone, Debug)]
struct Last {
    version: u64,
    by: Option<PublisherId>,
    /// What it did.
    value: Option<i32>,
    is_removed: bool,
}

#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) id: PublisherId,
    pub(crate) is_exclusive: bool,
    pub(crate) is_open: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) is_frozen: bool,
    /// A plain dictionary as a list, for its order.
    pub(crate) content: Vec<(u8, i32)>,
    pub(crate) version: u64,
    pub(crate) publishers: Vec<Publisher>,
    last: BTreeMap<u8, Last>,
    /// The version of each removal of a key so far.
    removals: Vec<u64>,
}

impl Model {
    /// A view; whether it goes on from where it was asked to is for the store to say.
    pub(crate) fn follow(&self, wish: Wish, goes_on: bool) -> View {
        let Wish { topic, without, since, is_snapshot } = wish;
        let since = since.filter(|_| goes_on);
        let pending = since.map_or_else(
            || self.content_without(without),
            |version| self.changed_since(version, without),
        );
        let debt = match since {
            Some(_) => Debt::Nothing,
            None if is_snapshot || wish.since.is_some() => Debt::Snapshot,
            None => Debt::Content,
        };
        let pending = pending.about(topic);
        View { topic, without, is_fed: true, is_frozen: false, pending, debt, detached: None }
    }

    fn content_without(&self, without: Option<PublisherId>) -> Change {
        let is_news = |key: &u8| without.is_none() || self.last[key].by != without;
        let updates = self.content.iter().copied().filter(|(key, _)| is_news(key)).collect();
        Change { updates, ..Change::default() }
    }

    fn changed_since(&self, version: u64, without: Option<PublisherId>) -> Change {
        let is_news =
            |last: &Last| last.version > version && (without.is_none() || last.by != without);
        let mut change = Change::default();
        for (&key, last) in self.last.iter().filter(|(_, last)| is_news(last)) {
            change.updates.extend(last.value.map(|value| (key, value)));
            change.removals.extend(last.is_removed.then_some(key));
        }
        change
    }

    /// How many removals there have been after a version.
    pub(crate) fn removals_since(&self, version: u64) -> usize {
        self.removals.iter().filter(|&&removal| removal > version).count()
    }

    pub(crate) fn open_buffer() -> View {
        View {
            topic: None,
            without: None,
            is_fed: false,
            is_frozen: false,
            pending: Change::default(),
            debt: Debt::Nothing,
            detached: None,
        }
    }

    /// Why an update is refused, if it is. `horizon` is up to where removals may be forgotten.
    pub(crate) fn refusal(
        &self,
        change: &Change,
        terms: Terms,
        horizon: u64,
    ) -> Option<Refused<u8>> {
        let is_open = |by| self.publishers.iter().any(|known| known.id == by && known.is_open);
        if terms.by.is_some_and(|by| !is_open(by)) {
            return Some(Refused::Closed);
        }
        if self.is_frozen {
            return Some(Refused::Frozen);
        }
        if terms.unchanged_since.is_some_and(|version| version > self.version) {
            return Some(Refused::Future);
        }
        let is_anothers = |key: &u8| {
            let by = self.last.get(key).filter(|last| !last.is_removed).and_then(|last| last.by);
            let mut all = self.publishers.iter();
            by.is_some()
                && by != terms.by
                && all.any(|known| Some(known.id) == by && known.is_exclusive && known.is_open)
        };
        let owned: Vec<u8> = change.keys().into_iter().filter(is_anothers).collect();
        if !owned.is_empty() {
            return Some(Refused::Owned(owned));
        }
        let since = terms.unchanged_since?;
        let has_changed = |key: &u8| {
            let last = self.last.get(key);
            // Of what is not there, the removal may be one of those that are forgotten.
            let is_unknown = horizon > since && last.is_none_or(|last| last.is_removed);
            is_unknown || last.is_some_and(|last| last.version > since)
        };
        let changed: Vec<u8> = change.keys().into_iter().filter(has_changed).collect();
        (!changed.is_empty()).then_some(Refused::Conflict(changed))
    }

    pub(crate) fn update<'a>(
        &mut self,
        change: &Change,
        by: Option<PublisherId>,
        views: impl Iterator<Item = &'a mut View>,
    ) {
        if change.is_empty() {
            return;
        }
        self.version += 1;
        for key in change.keys() {
            let value = change.updates.get(&key).copied();
            let is_removed = change.removals.contains(&key);
            self.removals.extend(is_removed.then_some(self.version));
            self.last.insert(key, Last { version: self.version, by, value, is_removed });
        }
        for (&key, &value) in &change.updates {
            match self.content.iter_mut().find(|(known, _)| *known == key) {
                Some(item) => item.1 = value,
                None => self.content.push((key, value)),
            }
        }
        self.content.retain(|(key, _)| !change.removals.contains(key));
        for view in views.filter(|view| view.is_fed && !view.is_frozen) {
            view.feed(change, by);
        }
    }

    pub(crate) fn update_view(&self, change: &Change, view: &mut View) -> Result<(), Frozen> {
        if self.is_frozen || view.is_frozen {
            return Err(Frozen);
        }
        view.pending.merge(&change.about(view.topic));
        Ok(())
    }

    /// The keys whose last change is a publisher's own.
    pub(crate) fn keys_of(&self, publisher: PublisherId) -> BTreeSet<u8> {
        let own = |last: &Last| !last.is_removed && last.by == Some(publisher);
        self.last.iter().filter(|(_, last)| own(last)).map(|(&key, _)| key).collect()
    }

    /// A publisher goes, and its keys with it.
    pub(crate) fn close<'a>(&mut self, place: usize, views: impl Iterator<Item = &'a mut View>) {
        let id = self.publishers[place].id;
        if !std::mem::replace(&mut self.publishers[place].is_open, false) {
            return;
        }
        if self.is_frozen {
            // Its keys stay.
            return;
        }
        let removals = self.keys_of(id);
        self.update(&Change { removals, ..Change::default() }, Some(id), views);
    }

    /// The content was forgotten, as if it had never been.
    pub(crate) fn clear(&mut self) {
        self.content.clear();
        self.last.clear();
    }
}
