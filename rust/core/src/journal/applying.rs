//! Applying a change: first it is found out where all its keys are, then nothing can fail any more.
//!
//! Until all keys have their new fates, no entry leaves its slot: marks that are yet to come may be
//! about it. Neighbours are moved to the end all at once.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::BuildHasher;

use super::locating::Located;
use super::{Entry, Journal, Kept, PublisherId, Refusal, Terms};
use crate::batch::{Batch, Fate, Key, Mark};
use crate::list::{Links, NO_SLOT, short};

/// Live entries that stand one behind the other and are yet to be moved to the end.
pub(super) struct Run {
    first: u32,
    last: u32,
    /// What stands behind the last one.
    next: u32,
}

impl Default for Run {
    fn default() -> Self {
        Self { first: NO_SLOT, last: NO_SLOT, next: NO_SLOT }
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// Applies one change. Either all of it or, if it is refused or should comparing keys panic,
    /// nothing.
    ///
    /// What the change displaces is left in the batch, entries without a reader go to `freed`.
    #[expect(clippy::inline_always, reason = "updates on no terms are quicker when made for them")]
    #[inline(always)]
    pub fn apply<Q: Borrow<K>, W>(
        &mut self,
        batch: &mut Batch<Q, V, W>,
        terms: Terms,
        freed: &mut Vec<Mark<K, V>>,
    ) -> Result<(), Refusal<K>> {
        let is_checked = self.publishers.is_any_exclusive() || terms.unchanged_since.is_some();
        let (named, ghosts) = (batch.marks.len() as u64, self.ghosts);
        // By far the most frequent change names one key; it needs no note of where its keys are.
        if let [mark] = batch.marks.as_mut_slice() {
            let slot = self.slot_of(mark.key.borrow());
            if is_checked {
                self.check(&[slot.map_or(NO_SLOT, short)], std::slice::from_ref(mark), terms)?;
            }
            if slot.is_none() {
                self.assert_room(1);
            }
            self.version += 1;
            self.stamps += named;
            let mut run = Run::default();
            match terms.by {
                Some(_) => self.stamp::<true, _>(slot, mark, terms.by, &mut run, freed),
                None => self.stamp::<false, _>(slot, mark, None, &mut run, freed),
            };
            self.end_run(&mut run);
            self.age_ghosts(ghosts, freed);
            self.clean_up(freed);
            return Ok(());
        }
        self.locate(batch);
        if is_checked && let Err(refusal) = self.check(&self.located.slots, &batch.marks, terms) {
            self.located.give_back(self.entries.capacity());
            return Err(refusal);
        }
        // From here on nothing can fail.
        self.version += 1;
        self.stamps += named;
        match terms.by {
            Some(_) => self.stamp_all::<true, _>(&mut batch.marks, |_, _| terms.by, freed),
            None if batch.may_repeat && self.forgets_at_once() => {
                self.stamp_untold(&mut batch.marks, freed);
            }
            None => self.stamp_all::<false, _>(&mut batch.marks, |_, _| None, freed),
        }
        self.age_ghosts(ghosts, freed);
        self.clean_up(freed);
        Ok(())
    }

    /// Whether the keys may be changed on these terms.
    #[cold]
    fn check<Q: Borrow<K>>(
        &self,
        slots: &[u32],
        marks: &[Mark<Q, V>],
        terms: Terms,
    ) -> Result<(), Refusal<K>> {
        let entry_at = |&slot: &u32| {
            let entry: &Entry<K, V> = self.entries.get(slot as usize)?;
            (!entry.is_ghost()).then_some(entry)
        };
        let entries = || slots.iter().map(entry_at).zip(marks.iter().map(|mark| mark.key.borrow()));
        // A key may be named on both sides.
        let distinct = |keys: &mut dyn Iterator<Item = &K>| -> Vec<K> {
            let mut named = HashSet::new();
            keys.filter(|&key| named.insert(key)).cloned().collect()
        };
        let is_anothers = |entry: Option<&Entry<K, V>>| {
            let entry = entry.filter(|entry| entry.mark.fate.is_live() && entry.by != terms.by);
            entry.and_then(|entry| entry.by).is_some_and(|by| self.publishers.is_exclusive(by))
        };
        let mut owned = entries().filter(|(entry, _)| is_anothers(*entry)).map(|(_, key)| key);
        let owned = distinct(&mut owned);
        if !owned.is_empty() {
            return Err(Refusal::Owned(owned));
        }
        let Some(since) = terms.unchanged_since else { return Ok(()) };
        // Of a key without an entry nothing is known but that its removal, if there was one, is one
        // of those that have been forgotten.
        let changed = |entry: Option<&Entry<K, V>>| entry.map_or(self.horizon, |it| it.version);
        let mut conflicts =
            entries().filter(|(entry, _)| changed(*entry) > since).map(|(_, key)| key);
        let conflicts = distinct(&mut conflicts);
        if conflicts.is_empty() { Ok(()) } else { Err(Refusal::Conflict(conflicts)) }
    }

    /// Gives all keys their new fates. Nothing can fail.
    pub(super) fn stamp_all<const PUBLISHED: bool, Q: Borrow<K>>(
        &mut self,
        marks: &mut [Mark<Q, V>],
        by: impl Fn(&Self, &K) -> Option<PublisherId>,
        freed: &mut Vec<Mark<K, V>>,
    ) {
        let Located { mut slots, repeats } = std::mem::take(&mut self.located);
        let mut next_repeat = repeats.iter().peekable();
        let mut run = Run::default();
        for (place, mark) in marks.iter_mut().enumerate() {
            let mut slot = slots[place];
            if slot == NO_SLOT
                && let Some((_, earlier)) = next_repeat.next_if(|(repeat, _)| *repeat == place)
            {
                // It may have been given an entry by now.
                slot = slots[*earlier];
            }
            let slot = (slot != NO_SLOT).then_some(slot as usize);
            let by = by(self, mark.key.borrow());
            if let Some(added) = self.stamp::<PUBLISHED, _>(slot, mark, by, &mut run, freed) {
                slots[place] = short(added);
            }
        }
        self.end_run(&mut run);
        self.located = Located { slots, repeats };
    }

    /// Gives a key its new fate. `slot` is where its entry is, if it has one. Says where a new one is.
    ///
    /// It is made twice, so that updates by nobody in particular do not pay for those by publishers.
    #[expect(clippy::inline_always, reason = "it is most of an update")]
    #[inline(always)]
    pub(super) fn stamp<const PUBLISHED: bool, Q: Borrow<K>>(
        &mut self,
        slot: Option<usize>,
        mark: &mut Mark<Q, V>,
        by: Option<PublisherId>,
        run: &mut Run,
        freed: &mut Vec<Mark<K, V>>,
    ) -> Option<usize> {
        let by = if PUBLISHED { by } else { None };
        if let Some(slot) = slot {
            self.change(slot, mark, by, run, freed);
        } else if !mark.fate.is_live() && self.forgets_at_once() {
            // A removal that nobody waits for leaves no trace.
            self.horizon = self.version;
        } else {
            self.end_run(run);
            return Some(self.add(mark, by));
        }
        None
    }

    /// Whether a removal is seen by all there are as soon as it is made, and not kept.
    fn forgets_at_once(&self) -> bool {
        self.cursors.is_empty() && self.history == 0
    }

    /// An update may be the last to look after what it has left behind.
    #[expect(clippy::inline_always, reason = "it is two looks, and what is rare")]
    #[inline(always)]
    pub(super) fn clean_up(&mut self, freed: &mut Vec<Mark<K, V>>) {
        if self.tombstones > self.history && self.cursors.is_empty() {
            self.free_tombstones(freed);
        }
        self.give_back(freed);
    }

    /// A key that has no entry yet. The fate moves in, the key is shared with the mark.
    #[inline]
    fn add<Q: Borrow<K>>(&mut self, mark: &mut Mark<Q, V>, by: Option<PublisherId>) -> usize {
        // Taken apart, so that an entry is put together where it is to be: see `InPlace`.
        let (live, slot) = match std::mem::replace(&mut mark.fate, Fate::Removed) {
            Fate::Set(value) => (true, self.add_entry(mark.key.borrow(), Fate::Set(value))),
            other => (false, self.add_entry(mark.key.borrow(), other)),
        };
        if live {
            self.births += 1;
            self.live.push_back(&mut self.entries, slot);
        } else {
            self.tombstones += 1;
            self.removed.push_back(&mut self.entries, slot);
        }
        if by.is_some() {
            self.own(slot, live, by);
        }
        slot
    }

    #[expect(clippy::inline_always, reason = "what a call is given is made elsewhere")]
    #[inline(always)]
    fn add_entry(&mut self, key: &K, fate: Fate<V>) -> usize {
        let slot = self.entries.insert(Kept::new(Entry {
            mark: Mark { key: key.clone(), fate },
            version: self.version,
            born: self.births,
            links: Links::UNLINKED,
            by: None,
            place: 0,
        }));
        let entries = &self.entries;
        self.index.insert_new(key, slot, |slot| &entries[slot].mark.key);
        slot
    }

    /// A key that has an entry. The old fate moves out, into the mark.
    #[expect(clippy::inline_always, reason = "it is most of stamping a key")]
    #[inline(always)]
    fn change<Q>(
        &mut self,
        slot: usize,
        mark: &mut Mark<Q, V>,
        by: Option<PublisherId>,
        run: &mut Run,
        freed: &mut Vec<Mark<K, V>>,
    ) {
        let forgets = self.forgets_at_once();
        let entry = &mut self.entries[slot];
        let was_live = entry.mark.fate.is_live();
        let was_ghost = entry.is_ghost();
        if entry.version == self.version {
            // A removal of what this very change has named before, and counts once.
            self.stamps -= 1;
            if !was_live {
                return;
            }
            if !forgets {
                mark.fate = std::mem::replace(&mut entry.mark.fate, Fate::Removed).and_removed();
            }
        }
        let is_live = mark.fate.is_live();
        if !is_live && was_ghost && forgets {
            self.horizon = self.version;
            return;
        }
        std::mem::swap(&mut entry.mark.fate, &mut mark.fate);
        entry.version = self.version;
        if was_live && is_live {
            let next = entry.links.next();
            if entry.by != by {
                self.pass_on(slot, was_live, is_live, by);
            }
            return self.add_to_run(run, slot, next);
        }
        if entry.by != by || by.is_some() {
            self.pass_on(slot, was_live, is_live, by);
        }
        if was_ghost {
            self.revive(slot);
        } else if was_live {
            self.end_run(run);
            self.live.unlink(&mut self.entries, slot);
        } else {
            self.removed.unlink(&mut self.entries, slot);
            self.tombstones -= 1;
        }
        if is_live {
            self.end_run(run);
            self.entries[slot].born = self.births;
            self.births += 1;
            self.live.push_back(&mut self.entries, slot);
        } else if forgets {
            self.forget(slot, freed);
        } else {
            self.removed.push_back(&mut self.entries, slot);
            self.tombstones += 1;
        }
    }

    #[inline]
    fn add_to_run(&mut self, run: &mut Run, slot: usize, next: u32) {
        let slot = short(slot);
        if run.next != slot {
            self.end_run(run);
            run.first = slot;
        }
        (run.last, run.next) = (slot, next);
    }

    #[inline]
    pub(super) fn end_run(&mut self, run: &mut Run) {
        if run.first != NO_SLOT {
            let Run { first, last, .. } = std::mem::take(run);
            self.live.move_all_to_back(&mut self.entries, first as usize, last as usize);
        }
    }
}
