//! A store and its model, which are told the same.

use std::collections::hash_map::RandomState;

use change_buffers_core::batch::Batch;
use change_buffers_core::store::{
    Flush, Harvest, MemoTicket, Status, Store, ViewId, WakeFor, Whole,
};
use proptest::sample::Index;

use crate::model::{Change, Model, View};
use crate::names::{Name, filter};
use crate::readers::Reader;
use crate::steps::Step;
use crate::waiters::Waiters;

pub(crate) type Subject = Store<Name, i32, Change, RandomState>;

pub(crate) struct Trial {
    store: Subject,
    model: Model,
    views: Vec<(ViewId, View)>,
    readers: Vec<Reader>,
    waiters: Waiters,
    /// A finished form that was not handed in yet.
    finished: Option<(MemoTicket, Change)>,
}

impl Default for Trial {
    fn default() -> Self {
        let store = Subject::default();
        let waiters = Waiters::new(&store);
        let (model, views, readers) = (Model::default(), Vec::new(), Vec::new());
        Self { store, model, views, readers, waiters, finished: None }
    }
}

/// A batch, with its finished form if that is wanted and it can have one.
fn batch(change: &Change, whole: bool) -> Batch<Name, i32, Change> {
    let mut batch = change.batch();
    if whole && change.removals.is_empty() {
        batch.finish(change.clone());
    }
    batch
}

impl Trial {
    pub(crate) fn run(&mut self, step: Step) {
        let views = self.views.len();
        let pick = |at: Index, len: usize| (len > 0).then(|| at.index(len));
        match step {
            Step::Update(change, whole) => {
                let result = self.store.update(&mut batch(&change, whole));
                let views = self.views.iter_mut().map(|(_, view)| view);
                assert_eq!(result, self.model.update(&change, views));
            }
            Step::OpenView(topic) => {
                let filter = topic.map(filter);
                self.views.push((self.store.open_view(filter), self.model.open_view(topic)));
            }
            Step::OpenBuffer => {
                self.views.push((self.store.open_buffer(), Model::open_buffer()));
            }
            Step::Memoize => {
                if let Some((ticket, whole)) = self.finished.take() {
                    self.store.memoize(ticket, whole);
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

    fn run_on_view(&mut self, place: usize, step: Step) {
        let (id, view) = &mut self.views[place];
        let id = *id;
        match step {
            Step::UpdateView(_, change, whole) => {
                let result = self.store.update_view(id, &mut batch(&change, whole));
                assert_eq!(result, self.model.update_view(&change, view));
            }
            Step::Leave(_) => {
                self.waiters.forget_view(&self.store, id);
                self.store.leave(id);
                self.views.remove(place);
            }
            Step::Flush(_, keep) => {
                let expected = std::mem::take(&mut view.pending);
                assert_eq!(self.flush(place, keep), expected);
            }
            Step::Peek(_) => {
                assert_eq!(Change::of_marks(self.store.peek(id)), view.pending);
            }
            Step::FreezeView(_) => {
                self.store.freeze_view(id);
                view.is_frozen = true;
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

    /// What is pending for a view, however it comes.
    fn flush(&mut self, place: usize, keep: bool) -> Change {
        let (id, view) = &self.views[place];
        let is_frozen = self.model.is_frozen || view.is_frozen;
        let mut harvest = Harvest::default();
        match self.store.flush(*id, &mut harvest) {
            Flush::Change => {
                let marks = Change::of_marks(harvest.marks);
                let change = match harvest.whole {
                    Some(Whole::Owned(whole) | Whole::Shared(whole)) => whole,
                    None => marks,
                };
                assert!(!change.is_empty());
                if let Some(ticket) = harvest.memo {
                    if keep {
                        self.store.memoize(ticket, change.clone());
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
        let expected = std::mem::take(&mut self.views[place].1.pending);
        assert!(self.flush(place, false).keys().is_subset(&expected.keys()));
    }

    fn clear(&mut self) {
        self.waiters.all_give_up(&self.store);
        self.store.clear();
        self.model.content.clear();
        self.readers.iter_mut().for_each(Reader::clear);
        for place in 0..self.views.len() {
            self.flush_part(place);
        }
    }

    /// What holds at any time.
    fn check(&mut self) {
        for (id, view) in &self.views {
            let frozen = self.model.is_frozen || view.is_frozen;
            let status = Status { frozen, pending: !view.pending.is_empty() };
            assert_eq!(self.store.status(*id), status);
        }
        self.waiters.check(has_to_wait(&self.model, &self.views));
        let stats = self.store.stats();
        assert_eq!(stats.keys, self.model.content.len());
        assert_eq!(stats.waiting_threads + stats.waiting_tasks, self.waiters.len());
        let fed = self.views.iter().filter(|(_, view)| view.is_fed && !view.is_frozen);
        assert_eq!(stats.views, fed.count());
    }

    /// When everybody has seen everything, nothing is kept for anybody.
    pub(crate) fn end(mut self) {
        for place in 0..self.views.len() {
            let expected = std::mem::take(&mut self.views[place].1.pending);
            assert_eq!(self.flush(place, false), expected);
        }
        for reader in &mut self.readers {
            reader.read(&self.store, &self.model.content);
        }
        let stats = self.store.stats();
        assert_eq!((stats.tombstones, stats.lag_versions, stats.lag_keys), (0, 0, 0));
    }
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
            WakeFor::Change => !is_frozen && view.pending.is_empty(),
            WakeFor::End => !is_frozen || !view.pending.is_empty(),
        }
    }
}
