//! Finished forms of what several views have yet to see: made for the first of them, lent to the rest.
//!
//! All go with the next update, so they keep no value alive that the content does not. That of an
//! update itself is for all who have yet to see nothing else, which may be since several updates: a
//! tick usually names the same keys as the last one.

use std::hash::BuildHasher;

use super::data::Data;
use super::waiters::{EVERYTHING, TopicId};
use super::{ViewId, Whole};
use crate::batch::{Displaced, Fate, Key, Mark};
use crate::journal::{CursorId, Position};

/// For so many different sets of keys finished forms are kept at a time.
const MOST_SUBJECTS: usize = 64;

/// What views are about that expect the same change: a topic, and which one it was of all there have
/// been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subject {
    topic: TopicId,
    number: u64,
}

/// After a flush, so many updates are worth a finished form; a view that looks later does without.
const HOPE: u8 = 2;

/// The finished form of what all cursors from one position to another have yet to see of one subject.
#[derive(Debug)]
struct Memo<W> {
    from: Position,
    to: Position,
    whole: W,
    /// Somebody has a reference already.
    lent: bool,
}

impl<W> Memo<W> {
    fn at(position: Position, whole: W) -> Self {
        Self { from: position, to: position, whole, lent: false }
    }

    fn is_for(&self, position: Position) -> bool {
        position.is_within(self.from, self.to)
    }
}

#[derive(Debug)]
pub(super) struct Memos<W> {
    /// For the views that are about everything.
    of_all: Option<Memo<W>>,
    others: Vec<(Subject, Memo<W>)>,
    /// For so many updates more somebody may look who has not seen the one before.
    hope: u8,
    /// The last update named all keys of the one before.
    repeats: bool,
}

impl<W> Default for Memos<W> {
    fn default() -> Self {
        Self { of_all: None, others: Vec::new(), hope: 0, repeats: false }
    }
}

/// Says what a finished form is for: see [`Store::memoize`](super::Store::memoize).
#[derive(Clone, Copy, Debug)]
pub struct MemoTicket {
    /// None if it is about everything.
    subject: Option<Subject>,
    position: Position,
    end: Position,
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Data<K, V, W, S> {
    /// Whether a view may expect the next change alone: it has seen everything, or what it has not
    /// seen is likely to be named again.
    #[inline]
    pub(super) fn wants_whole(&self) -> bool {
        let Memos { hope, repeats, .. } = self.memos;
        !self.views.is_empty() && (self.journal.is_read_to_the_end() || (repeats && hope > 0))
    }

    pub(super) fn wholes(&self) -> impl Iterator<Item = &W> {
        let Memos { of_all, others, .. } = &self.memos;
        of_all.iter().chain(others.iter().map(|(_, memo)| memo)).map(|memo| &memo.whole)
    }

    fn subject(&self, topic: TopicId) -> Option<Subject> {
        let number = self.waiters.topics.number(topic)?;
        (topic != EVERYTHING).then_some(Subject { topic, number })
    }

    /// Somebody looks: it may be worth to be ready for that.
    #[inline]
    pub(super) fn hope_for_more(&mut self) {
        self.memos.hope = HOPE;
    }

    /// Whether a finished form of what a view has yet to see would be of use to others.
    pub(super) fn has_company(&self, view: ViewId, cursor: CursorId) -> bool {
        let topic = self.views[view.0].topic;
        if topic == EVERYTHING {
            self.journal.has_company(cursor)
        } else {
            self.waiters.topics.is_shared(topic)
        }
    }

    /// A ticket for these marks, which a view at that position had yet to see.
    pub(super) fn ticket(
        &self,
        view: ViewId,
        position: Position,
        marks: &[Mark<K, V>],
    ) -> Option<MemoTicket> {
        // A value that is no part of the content is kept for those alone who have yet to see it.
        let is_transient = |mark: &Mark<K, V>| matches!(mark.fate, Fate::SetAndRemoved(_));
        if marks.iter().any(is_transient) {
            return None;
        }
        let subject = self.subject(self.views[view.0].topic);
        Some(MemoTicket { subject, position, end: self.journal.end() })
    }

    /// The finished form of what a view at this position has yet to see, if there is one.
    pub(super) fn take_memo(
        &mut self,
        view: ViewId,
        cursor: CursorId,
        has_company: bool,
    ) -> Option<Whole<W>> {
        let position = self.journal.position(cursor);
        let subject = self.subject(self.views[view.0].topic);
        let Memos { of_all, others, .. } = &mut self.memos;
        let memo = match subject {
            None => of_all.as_mut().filter(|memo| memo.is_for(position)),
            Some(subject) => others
                .iter_mut()
                .find(|(of, memo)| *of == subject && memo.is_for(position))
                .map(|(_, memo)| memo),
        }?;
        let has_company = has_company
            || subject.is_some()
            || self.journal.has_company_within(cursor, memo.from, memo.to);
        if has_company {
            memo.lent = true;
            return Some(Whole::Shared(memo.whole.clone()));
        }
        // Nobody else will ask for it.
        let Memo { whole, lent, .. } = of_all.take()?;
        Some(if lent { Whole::Shared(whole) } else { Whole::Owned(whole) })
    }

    /// The content has changed: finished forms are of no use any more. That of the change itself, if
    /// it has one, becomes the new one for those who have nothing else to see. `end` is where somebody
    /// was who had seen everything before.
    #[inline]
    pub(super) fn renew_memos(
        &mut self,
        end: Position,
        named: usize,
        whole: &mut Option<W>,
        displaced: &mut Displaced<K, V, W>,
    ) {
        self.forget_memos(displaced);
        if named > 1 && !self.views.is_empty() {
            self.keep_whole(end, whole);
        }
    }

    fn keep_whole(&mut self, end: Position, whole: &mut Option<W>) {
        let from = self.journal.before_last_update();
        self.memos.hope = self.memos.hope.saturating_sub(1);
        self.memos.repeats = from.is_some_and(|from| from.has_seen_less(end));
        if let Some(from) = from {
            let whole = whole.take();
            self.memos.of_all = whole.map(|whole| Memo { from, to: end, whole, lent: false });
        }
    }

    pub(super) fn forget_memos(&mut self, displaced: &mut Displaced<K, V, W>) {
        displaced.add(self.memos.of_all.take().map(|memo| memo.whole));
        if !self.memos.others.is_empty() {
            self.forget_others(displaced);
        }
    }

    #[cold]
    fn forget_others(&mut self, displaced: &mut Displaced<K, V, W>) {
        self.memos.others.drain(..).for_each(|(_, memo)| displaced.add(Some(memo.whole)));
    }

    /// Nobody is about this topic any more.
    pub(super) fn forget_memos_of(&mut self, topic: TopicId, displaced: &mut Displaced<K, V, W>) {
        let Some(subject) = self.subject(topic) else { return };
        let outdated = self.memos.others.extract_if(.., |(of, _)| *of == subject);
        outdated.for_each(|(_, memo)| displaced.add(Some(memo.whole)));
    }

    pub(super) fn accept_memo(&mut self, ticket: MemoTicket, whole: &mut Option<W>) {
        let MemoTicket { subject, position, end } = ticket;
        if self.journal.end() != end {
            return;
        }
        let Memos { of_all, others, .. } = &mut self.memos;
        let Some(subject) = subject else {
            if of_all.is_none() {
                *of_all = whole.take().map(|whole| Memo::at(position, whole));
            }
            return;
        };
        let is_known = others.iter().any(|(of, memo)| *of == subject && memo.is_for(position));
        let is_wanted = !is_known && others.len() < MOST_SUBJECTS;
        // The last view that was about this may have gone.
        let is_wanted =
            is_wanted && self.waiters.topics.number(subject.topic) == Some(subject.number);
        if let Some(whole) = whole.take_if(|_| is_wanted) {
            others.push((subject, Memo::at(position, whole)));
        }
    }
}
