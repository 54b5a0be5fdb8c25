//! Finished forms of what several views have yet to see: made for the first of them, lent to the rest.
//!
//! All go with the next update, so they keep no value alive that the content does not; or they are
//! brought level with it at once, see [`lasting`](super::lasting). That of an update itself is for all who
//! have yet to see nothing else, which may be since several updates: a tick usually names the same keys
//! as the last one.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

use super::data::Data;
use super::waiters::{EVERYTHING, TopicId};
use super::{Harvest, ViewId, Whole};
use crate::batch::{Batch, Displaced, Fate, Key, Mark};
use crate::journal::{CursorId, Position, Stretch};
use crate::sync::AtomicBool;

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

/// After a finished form that was of use to nobody, so many flushes try no other.
const DOUBT: u8 = 16;

/// From how many keys on a finished form may outlast an update.
const LEAST_LASTING: usize = 8;

/// This part of its keys may be left out of it, or be changed by an update that it outlasts.
const SMALL_PART: usize = 8;

/// For this part of its keys, so many updates are worth to be followed after each time it was of use.
const CREDIT_PART: usize = 4;

#[derive(Debug)]
pub(super) struct Memo<W> {
    /// For those at this position it is just right.
    fits: Position,
    /// It is also for those who have yet to see nothing but this, and most of that.
    stretch: Option<Stretch>,
    whole: W,
    /// How many keys it had in the beginning.
    keys: usize,
    /// The version that it is level with.
    level: u64,
    /// The version at which it was made, or lent last.
    used: u64,
    may_last: bool,
    /// For so many more updates it is brought level.
    credit: usize,
    /// Somebody has a reference already.
    lent: bool,
}

impl Memo<()> {
    pub(super) fn with<W>(self, whole: W) -> Memo<W> {
        let Self { fits, stretch, keys, level, used, may_last, credit, lent, .. } = self;
        Memo { fits, stretch, whole, keys, level, used, may_last, credit, lent }
    }
}

impl<W: Clone> Memo<W> {
    /// It is of use.
    fn lend(&mut self) -> W {
        self.lent = true;
        self.used = self.level;
        self.credit = self.keys / CREDIT_PART;
        self.whole.clone()
    }
}

#[derive(Debug)]
pub(super) struct Memos<W> {
    /// For the views that are about everything.
    of_all: Option<Memo<W>>,
    others: Vec<(Subject, Memo<W>)>,
    /// For so many updates more somebody may look who has not seen the one before.
    hope: u8,
    /// So many flushes more try no finished form for those who are elsewhere.
    doubt: u8,
    /// The last update named all keys of the one before.
    repeats: bool,
}

impl<W> Default for Memos<W> {
    fn default() -> Self {
        Self { of_all: None, others: Vec::new(), hope: 0, doubt: 0, repeats: false }
    }
}

impl<W> Memos<W> {
    /// The version that the one for everybody is level with, if that is not this one.
    pub(super) fn stale_level(&self, version: u64) -> Option<u64> {
        self.of_all.as_ref().map(|memo| memo.level).filter(|&level| level < version)
    }

    /// Hands it out, to be brought level with this version.
    pub(super) fn take_stale(&mut self, version: u64) -> Option<(Memo<()>, W)> {
        let Memo { fits, stretch, whole, keys, used, may_last, credit, lent, .. } =
            self.of_all.take()?;
        Some((
            Memo { fits, stretch, whole: (), keys, level: version, used, may_last, credit, lent },
            whole,
        ))
    }

    /// Takes it back if this is still the version.
    pub(super) fn take_back(&mut self, memo: &mut Option<Memo<W>>, version: u64) {
        if self.of_all.is_none() {
            self.of_all = memo.take_if(|memo| memo.level == version);
        }
    }

    /// The one for everybody is of no use any more.
    #[inline]
    fn take_of_all(&mut self) -> Option<W> {
        let memo = self.of_all.take()?;
        if !memo.lent && memo.may_last {
            self.doubt = DOUBT;
        }
        Some(memo.whole)
    }
}

/// Says what a finished form is for: see [`Store::memoize`](super::Store::memoize).
#[derive(Clone, Copy, Debug)]
pub struct MemoTicket {
    /// None if it is about everything.
    subject: Option<Subject>,
    fits: Position,
    stretch: Option<Stretch>,
    keys: usize,
    end: Position,
}

impl MemoTicket {
    fn memo<W>(self, whole: W, may_last: bool) -> Memo<W> {
        let Self { fits, stretch, keys, end, .. } = self;
        let may_last = may_last && keys >= LEAST_LASTING && stretch.is_some();
        let (level, credit) = (end.live(), keys / CREDIT_PART);
        Memo { fits, stretch, whole, keys, level, used: level, may_last, credit, lent: false }
    }
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

    /// Whether it may be of use to one that has yet to see nearly the same, as far as that is known.
    #[inline]
    pub(super) fn is_worth_a_trial(&mut self, view: ViewId, cursor: CursorId, keys: usize) -> bool {
        if keys < LEAST_LASTING || self.views[view.0].topic != EVERYTHING {
            return false;
        }
        let seen = self.journal.position(cursor).live();
        if !self.journal.has_company_since(cursor, seen) {
            return false;
        }
        let Memos { doubt, .. } = &mut self.memos;
        let is_in_doubt = *doubt > 0;
        *doubt = doubt.saturating_sub(1);
        !is_in_doubt
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
        // Live ones come first.
        let is_stretch = subject.is_none() && marks.last()?.fate.is_live();
        let stretch =
            if is_stretch { self.journal.stretch_from(&marks.first()?.key) } else { None };
        let (keys, end) = (marks.len(), self.journal.end());
        Some(MemoTicket { subject, fits: position, stretch, keys, end })
    }

    /// The finished form of what a view at this position has yet to see, if there is one, and what is
    /// to be left out of it.
    pub(super) fn take_memo(
        &mut self,
        view: ViewId,
        cursor: CursorId,
        has_company: bool,
        harvest: &mut Harvest<K, V, W>,
    ) -> bool {
        let position = self.journal.position(cursor);
        let subject = self.subject(self.views[view.0].topic);
        let Memos { of_all, others, .. } = &mut self.memos;
        if let Some(subject) = subject {
            let mut known = others.iter_mut();
            let memo = known.find(|(of, memo)| *of == subject && memo.fits == position);
            harvest.whole = memo.map(|(_, memo)| Whole::Shared(memo.lend()));
            return harvest.whole.is_some();
        }
        let Some(memo) = of_all.as_mut().filter(|memo| memo.level == self.journal.version()) else {
            return false;
        };
        let mut has_company = has_company;
        if memo.fits != position {
            let Some(stretch) = memo.stretch else { return false };
            let most = if memo.may_last { memo.keys / SMALL_PART } else { 0 };
            let Some(seen) = self.journal.seen_within(stretch, cursor, most) else { return false };
            harvest.seen = seen;
        }
        if let Some(stretch) = memo.stretch.filter(|_| !has_company) {
            has_company = self.journal.has_company_since(cursor, stretch.since());
        }
        harvest.whole = if has_company {
            Some(Whole::Shared(memo.lend()))
        } else {
            // Nobody else will ask for it.
            let is_lent = memo.lent;
            let whole = of_all.take().map(|memo| memo.whole);
            whole.map(if is_lent { Whole::Shared } else { Whole::Owned })
        };
        true
    }

    /// The content has changed: finished forms are of no use any more, but for one that is to be
    /// brought level. That of the change itself, if it has one, becomes the new one for those who have
    /// nothing else to see. `end` is where somebody was who had seen everything before.
    #[inline]
    pub(super) fn renew_memos<Q>(
        &mut self,
        end: Position,
        batch: &mut Batch<Q, V, W>,
        has_stale: &AtomicBool,
        displaced: &mut Displaced<K, V, W>,
    ) {
        if self.memos.of_all.is_some() && self.outlasts(end, batch.marks.len()) {
            has_stale.store(true, Ordering::Relaxed);
            return self.forget_others(displaced);
        }
        self.forget_memos(displaced);
        if batch.marks.len() > 1 && !self.views.is_empty() {
            self.keep_whole(end, batch);
        }
    }

    /// Whether the finished form for everybody outlasts the update that was just made, as it concerns
    /// but a small part of it, and somebody is behind who may have use for it.
    #[inline(never)]
    fn outlasts(&mut self, end: Position, named: usize) -> bool {
        let Some(memo) = &mut self.memos.of_all else { return false };
        let lasts = memo.may_last
            && memo.credit > 0
            && (1..=memo.keys / SMALL_PART).contains(&named)
            && memo.level == end.live()
            && self.journal.is_any_before(end)
            && !self.journal.has_just_removed();
        memo.credit = memo.credit.saturating_sub(1);
        lasts
    }

    fn keep_whole<Q>(&mut self, end: Position, batch: &mut Batch<Q, V, W>) {
        let stretch = self.journal.stretch_of_last_update();
        self.memos.hope = self.memos.hope.saturating_sub(1);
        self.memos.repeats = stretch.is_some_and(|stretch| stretch.since() < end.live());
        let Some(stretch) = stretch else { return };
        let ticket = MemoTicket {
            subject: None,
            fits: end,
            stretch: Some(stretch),
            keys: batch.marks.len(),
            end: self.journal.end(),
        };
        let may_last = batch.may_last && self.memos.doubt == 0;
        self.memos.of_all = batch.whole.take().map(|whole| ticket.memo(whole, may_last));
    }

    pub(super) fn forget_memos(&mut self, displaced: &mut Displaced<K, V, W>) {
        displaced.add(self.memos.take_of_all());
        self.forget_others(displaced);
    }

    #[inline]
    fn forget_others(&mut self, displaced: &mut Displaced<K, V, W>) {
        if !self.memos.others.is_empty() {
            self.forget_all_others(displaced);
        }
    }

    #[cold]
    fn forget_all_others(&mut self, displaced: &mut Displaced<K, V, W>) {
        self.memos.others.drain(..).for_each(|(_, memo)| displaced.add(Some(memo.whole)));
    }

    /// Nobody is about this topic any more.
    pub(super) fn forget_memos_of(&mut self, topic: TopicId, displaced: &mut Displaced<K, V, W>) {
        let Some(subject) = self.subject(topic) else { return };
        let outdated = self.memos.others.extract_if(.., |(of, _)| *of == subject);
        outdated.for_each(|(_, memo)| displaced.add(Some(memo.whole)));
    }

    /// What is left in `whole` is to be dropped: what was offered, or what it takes the place of.
    pub(super) fn accept_memo(
        &mut self,
        ticket: MemoTicket,
        whole: &mut Option<W>,
        may_last: bool,
    ) {
        let MemoTicket { subject, fits, end, .. } = ticket;
        if self.journal.end() != end {
            return;
        }
        let Some(subject) = subject else {
            // One that is there was of no use to whoever got the ticket, and neither may this one be to
            // those who come next.
            if self.memos.of_all.as_ref().is_some_and(|memo| memo.used == end.live()) {
                return;
            }
            let outdated = self.memos.take_of_all();
            self.memos.of_all = whole.take().map(|whole| ticket.memo(whole, may_last));
            *whole = outdated;
            return;
        };
        let Memos { others, .. } = &mut self.memos;
        let is_known = others.iter().any(|(of, memo)| *of == subject && memo.fits == fits);
        let is_wanted = !is_known && others.len() < MOST_SUBJECTS;
        // The last view that was about this may have gone.
        let is_wanted =
            is_wanted && self.waiters.topics.number(subject.topic) == Some(subject.number);
        if let Some(whole) = whole.take_if(|_| is_wanted) {
            others.push((subject, ticket.memo(whole, false)));
        }
    }
}
