//! A store and its model, which are told the same.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;

use change_buffers_core::batch::Batch;
use change_buffers_core::store::{
    Flush, Following, Harvest, MemoTicket, PublisherId, Refused, Stale, Status, Store, Terms,
    ViewId, WakeFor, Whole,
};
use proptest::sample::Index;

use crate::model::{Change, Debt, Model, Publisher, View, Wish};
use crate::names::{Name, filter};
use crate::readers::Reader;
use crate::steps::Step;
use crate::waiters::Waiters;

pub(crate) type Subject = Store<Name, i32, Change, RandomState>;

pub(crate) struct Trial {
    store: Subject,
    /// How many removed keys are remembered.
    history: usize,
    model: Model,
    views: Vec<(ViewId, View)>,
    readers: Vec<Reader>,
    waiters: Waiters,
    /// A finished form that was not handed in yet.
    finished: Option<(MemoTicket, Change)>,
}

/// A batch, with its finished form if that is wanted and it can have one.
fn batch(change: &Change, whole: bool) -> Batch<Name, i32, Change> {
    let mut batch = change.batch();
    if whole && change.removals.is_empty() {
        batch.finish(change.clone(), true);
    }
    batch
}

/// A batch of an update of the content, which may name a key more than once, as it was given.
fn content_batch(change: &Change, whole: bool) -> Batch<Name, i32, Change> {
    if whole {
        return batch(change, whole);
    }
    let removals = change.removals.iter().chain(change.removals.iter().rev());
    let mut batch = Change { removals: BTreeSet::new(), ..change.clone() }.batch();
    batch.remove_as_they_come(removals.map(|&key| key.into()));
    batch
}

/// As the model has it.
fn in_numbers(refused: Refused<Name>) -> Refused<u8> {
    let numbers = |keys: Vec<Name>| keys.into_iter().map(u8::from).collect();
    match refused {
        Refused::Frozen => Refused::Frozen,
        Refused::Closed => Refused::Closed,
        Refused::Future => Refused::Future,
        Refused::Past => Refused::Past,
        Refused::Owned(keys) => Refused::Owned(numbers(keys)),
        Refused::Conflict(keys) => Refused::Conflict(numbers(keys)),
    }
}

impl Trial {
    pub(crate) fn new(history: usize) -> Self {
        let store = Subject::default();
        store.set_history(history);
        let waiters = Waiters::new(&store);
        let (model, views, readers) = (Model::default(), Vec::new(), Vec::new());
        Self { store, history, model, views, readers, waiters, finished: None }
    }

    pub(crate) fn run(&mut self, step: Step) {
        let views = self.views.len();
        let pick = |at: Index, len: usize| (len > 0).then(|| at.index(len));
        match step {
            Step::Update(change, whole, by, since) => {
                let by = by.and_then(|at| self.pick_publisher(at));
                let unchanged_since = since.map(|at| self.pick_version(at, 2));
                self.update(&change, whole, Terms { by, unchanged_since });
            }
            Step::OpenView(topic, without, since, is_snapshot) => {
                let without = without.and_then(|at| self.pick_publisher(at));
                let since = since.map(|at| self.pick_version(at, 1));
                self.open_view(Wish { topic, without, since, is_snapshot });
            }
            Step::OpenPublisher(is_exclusive) => {
                let id = self.store.open_publisher(is_exclusive);
                self.model.publishers.push(Publisher { id, is_exclusive, is_open: true });
            }
            Step::ClosePublisher(at, stays) => {
                if let Some(place) = pick(at, self.model.publishers.len()) {
                    self.close_publisher(place, stays);
                }
            }
            Step::OpenBuffer => {
                self.views.push((self.store.open_buffer(), Model::open_buffer()));
            }
            Step::Memoize => {
                if let Some((ticket, whole)) = self.finished.take() {
                    self.store.memoize(ticket, whole, true);
                }
            }
            Step::Freeze => {
                self.store.freeze();
                self.model.is_frozen = true;
                assert!(self.store.is_frozen());
            }
            Step::Clear => self.clear(),
            Step::OpenReader => self.readers.push(Reader::open(&self.store)),
            Step::Read(at) => {
                if let Some(place) = pick(at, self.readers.len()) {
                    self.readers[place].read(&self.store, &self.model.content);
                }
            }
            Step::CloseReader(at) => {
                if let Some(place) = pick(at, self.readers.len()) {
                    self.readers.remove(place).close(&self.store);
                }
            }
            Step::GiveUp(at) => {
                if let Some(place) = pick(at, self.waiters.len()) {
                    self.waiters.give_up(&self.store, place);
                }
            }
            Step::Poke(at) => {
                if let Some(place) = pick(at, self.waiters.len()) {
                    self.waiters.poke(&self.store, place);
                }
            }
            Step::Answer => {
                self.waiters.answer(&self.store, has_to_wait(&self.model, &self.views));
            }
            Step::UpdateView(at, ..)
            | Step::CloneView(at)
            | Step::Leave(at)
            | Step::Flush(at, _)
            | Step::Peek(at)
            | Step::FreezeView(at)
            | Step::ClearView(at)
            | Step::Wait(at, ..) => {
                if let Some(place) = pick(at, views) {
                    self.run_on_view(place, step);
                }
            }
        }
        self.check();
    }

    fn pick_publisher(&self, at: Index) -> Option<PublisherId> {
        let all = &self.model.publishers;
        (!all.is_empty()).then(|| all[at.index(all.len())].id)
    }

    /// One that there has been, or one of so many that there will be.
    fn pick_version(&self, at: Index, future: usize) -> u64 {
        at.index(usize::try_from(self.model.version).expect("it is small") + future) as u64
    }

    fn update(&mut self, change: &Change, whole: bool, terms: Terms) {
        let horizon = self.store.stats().horizon;
        let expected = self.model.refusal(change, terms, horizon);
        let result = self.store.update_on(terms, &mut content_batch(change, whole));
        match (result.map_err(in_numbers), expected) {
            (Ok(()), expected) => {
                assert_eq!(expected, None);
                let views = self.views.iter_mut().map(|(_, view)| view);
                self.model.update(change, terms.by, views);
                if let Some(stale) = self.store.take_stale() {
                    self.bring_level(stale);
                }
            }
            (Err(refused), expected) => assert_eq!(Some(in_order(refused)), expected),
        }
    }

    /// Puts what has changed into a finished form that an update has left to outlast it.
    fn bring_level(&mut self, mut stale: Stale<Name, i32, Change>) {
        stale.whole.merge(&Change::of_marks(std::mem::take(&mut stale.marks)));
        self.store.bring_back(stale);
    }

    fn open_view(&mut self, wish: Wish) {
        let Wish { topic, without, since, is_snapshot } = wish;
        let horizon = self.store.stats().horizon;
        if let Some(since) = since {
            let is_remembered = self.model.removals_since(since) <= self.history;
            assert!(since >= horizon || !is_remembered, "too little is remembered");
        }
        let goes_on = since.is_some_and(|since| since >= horizon);
        let filter = topic.map(filter);
        let id = self.store.follow(Following { filter, without, since, is_snapshot });
        self.views.push((id, self.model.follow(wish, goes_on)));
    }

    fn close_publisher(&mut self, place: usize, stays: bool) {
        let id = self.model.publishers[place].id;
        self.model.close(place, self.views.iter_mut().map(|(_, view)| view));
        if stays {
            self.store.close_publisher(id);
        } else {
            self.store.leave_publisher(id);
            self.model.publishers.remove(place);
        }
    }

    fn run_on_view(&mut self, place: usize, step: Step) {
        let (id, view) = &mut self.views[place];
        let id = *id;
        match step {
            Step::UpdateView(_, change, whole) => {
                let result = self.store.update_view(id, &mut batch(&change, whole));
                assert_eq!(result, self.model.update_view(&change, view));
            }
            Step::CloneView(_) => {
                let copy = (self.store.clone_view(id), view.clone());
                self.views.push(copy);
            }
            Step::Leave(_) => {
                self.waiters.forget_view(&self.store, id);
                self.store.leave(id);
                self.views.remove(place);
            }
            Step::Flush(_, keep) => self.check_flush(place, keep),
            Step::Peek(_) => {
                assert_eq!(Change::of_marks(self.store.peek(id)), view.pending);
            }
            Step::FreezeView(_) => {
                self.store.freeze_view(id);
                view.is_frozen = true;
                if view.is_fed && view.detached.is_none() {
                    view.detached = Some(self.model.version);
                }
            }
            Step::ClearView(_) => {
                self.waiters.all_give_up(&self.store);
                self.store.clear_view(id);
                self.flush_part(place);
            }
            Step::Wait(_, in_thread, for_change) => {
                let wake_for = if for_change { WakeFor::Change } else { WakeFor::End };
                let has_to_wait = has_to_wait(&self.model, &self.views)(id, wake_for);
                self.waiters.wait(&self.store, id, wake_for, in_thread, has_to_wait);
            }
            _ => unreachable!("{step:?} is not about a view"),
        }
    }

    fn check_flush(&mut self, place: usize, keep: bool) {
        let expected = self.views[place].1.pending.clone();
        assert_eq!(self.flush(place, keep), expected);
    }

    /// What is pending for a view, however it comes.
    fn flush(&mut self, place: usize, keep: bool) -> Change {
        let (id, view) = &mut self.views[place];
        view.pending = Change::default();
        let is_frozen = self.model.is_frozen || view.is_frozen;
        let mut harvest = Harvest::default();
        match self.store.flush(*id, &mut harvest) {
            Flush::Change => {
                let marks = Change::of_marks(harvest.marks);
                let mut change = match harvest.whole {
                    Some(Whole::Owned(whole) | Whole::Shared(whole)) => whole,
                    None => marks,
                };
                for key in harvest.seen {
                    let seen = change.updates.remove(&key.into());
                    assert!(seen.is_some(), "it is to leave out what it has not");
                }
                let debt = std::mem::replace(&mut view.debt, Debt::Nothing);
                assert!(!change.is_empty() || debt == Debt::Snapshot);
                assert_eq!(harvest.is_complete, debt != Debt::Nothing);
                let version = view.detached.or(view.is_fed.then_some(self.model.version));
                assert_eq!(harvest.version, version);
                if let Some(ticket) = harvest.memo {
                    if keep {
                        self.store.memoize(ticket, change.clone(), true);
                    } else {
                        self.finished = Some((ticket, change.clone()));
                    }
                }
                change
            }
            Flush::Nothing => {
                assert!(!is_frozen);
                Change::default()
            }
            Flush::Drained => {
                assert!(is_frozen);
                Change::default()
            }
        }
    }

    /// Something was forgotten, and where it was is the store's own affair: a value that it had
    /// replaced may stand there again. But nobody hears of a key that was not pending.
    fn flush_part(&mut self, place: usize) {
        let expected = self.views[place].1.pending.clone();
        assert!(self.flush(place, false).keys().is_subset(&expected.keys()));
    }

    fn clear(&mut self) {
        self.waiters.all_give_up(&self.store);
        self.store.clear();
        self.model.clear();
        self.readers.iter_mut().for_each(Reader::clear);
        for place in 0..self.views.len() {
            self.flush_part(place);
        }
    }

    /// What holds at any time.
    fn check(&mut self) {
        for (id, view) in &self.views {
            let frozen = self.model.is_frozen || view.is_frozen;
            let status = Status { frozen, pending: view.is_pending() };
            assert_eq!(self.store.status(*id), status);
        }
        self.waiters.check(has_to_wait(&self.model, &self.views));
        let stats = self.store.stats();
        assert_eq!(stats.keys, self.model.content.len());
        assert_eq!(stats.waiting_threads + stats.waiting_tasks, self.waiters.len());
        let fed = self.views.iter().filter(|(_, view)| view.is_fed && !view.is_frozen);
        assert_eq!(stats.views, fed.count());
        let open = self.model.publishers.iter().filter(|publisher| publisher.is_open);
        let owned = open.clone().map(|publisher| self.model.keys_of(publisher.id).len());
        assert_eq!(stats.publishers, open.count());
        assert_eq!(stats.owned_keys, owned.sum());
        assert_eq!(stats.version, self.model.version);
        assert!(stats.history <= self.history);
        for key in 0..12 {
            let content = self.model.content.iter().find(|(known, _)| *known == key);
            assert_eq!(self.store.get(&Name::from(key)), content.map(|(_, value)| *value));
        }
    }

    /// When everybody has seen everything, nothing is kept for anybody.
    pub(crate) fn end(mut self) {
        for place in 0..self.views.len() {
            self.check_flush(place, false);
        }
        for reader in &mut self.readers {
            reader.read(&self.store, &self.model.content);
        }
        let stats = self.store.stats();
        assert_eq!((stats.tombstones, stats.lag_versions, stats.lag_keys), (0, 0, 0));
    }
}

/// The same with its keys in order.
fn in_order(mut refused: Refused<u8>) -> Refused<u8> {
    if let Refused::Owned(keys) | Refused::Conflict(keys) = &mut refused {
        keys.sort_unstable();
    }
    refused
}

/// Whether somebody who waits on a view has to.
fn has_to_wait<'a>(
    model: &'a Model,
    views: &'a [(ViewId, View)],
) -> impl Fn(ViewId, WakeFor) -> bool + 'a {
    |id, wake_for| {
        let Some((_, view)) = views.iter().find(|(known, _)| *known == id) else { return false };
        let is_frozen = model.is_frozen || view.is_frozen;
        match wake_for {
            WakeFor::Change => !is_frozen && !view.is_pending(),
            WakeFor::End => !is_frozen || view.is_pending(),
        }
    }
}
