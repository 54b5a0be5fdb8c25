//! What one view holds for itself alone: its own updates, and what it still owed when it was
//! detached.
//!
//! Most buffers see one update, then one flush. Such a change is kept as it came and handed back
//! as it came; only when a second one arrives are they merged, key by key. What a view owed when it
//! was detached is like such a change.

use std::hash::BuildHasher;

use crate::batch::{Batch, Displaced, Fate, Key, Mark, Marks, oldest_first};
use crate::index::Index;
use crate::journal::Seen;

/// How many keys' worth of memory a drained buffer keeps for the next change.
const KEPT_CAPACITY: usize = 64;

#[derive(Debug)]
struct Held<K, V> {
    mark: Mark<K, V>,
    version: u64,
}

/// Changes gathered for one view; of each key the last.
#[derive(Debug)]
pub(crate) struct Pending<K, V, W, S> {
    /// The only change so far and its version. Nothing is in `held` as long as it is here.
    first: Option<(Batch<K, V, W>, u64)>,
    held: Vec<Held<K, V>>,
    /// So many of the first ones are in the index: it is made when it is needed.
    indexed: usize,
    index: Index<S>,
}

impl<K, V, W, S: Default> Default for Pending<K, V, W, S> {
    fn default() -> Self {
        Self { first: None, held: Vec::new(), indexed: 0, index: Index::default() }
    }
}

impl<K: Key, V, W, S: BuildHasher> Pending<K, V, W, S> {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.held.is_empty()
    }

    /// Merges a change into what is held. `version` must not be older than any before.
    ///
    /// Either all of it or, should comparing keys panic, nothing. What is displaced is left in
    /// the batch.
    pub(crate) fn push(
        &mut self,
        batch: &mut Batch<K, V, W>,
        version: u64,
        displaced: &mut Displaced<K, V, W>,
    ) {
        debug_assert!(!batch.may_repeat, "each key once");
        if self.is_empty() && !batch.is_empty() {
            self.first = Some((std::mem::take(batch), version));
            return;
        }
        displaced.add(self.spread());
        let mut guess = 0;
        let found: Vec<Option<usize>> = batch
            .marks
            .iter()
            .map(|mark| {
                // Mostly the same keys come in the same order.
                let is_next = self.held.get(guess).is_some_and(|next| next.mark.key == mark.key);
                let place = if is_next { Some(guess) } else { self.place_of(&mark.key) };
                guess = place.map_or(guess, |place| place + 1);
                place
            })
            .collect();
        self.held.reserve(found.iter().filter(|place| place.is_none()).count());
        // From here on nothing can fail.
        for (mark, place) in batch.marks.iter_mut().zip(found) {
            if let Some(place) = place {
                self.held[place].version = version;
                std::mem::swap(&mut self.held[place].mark.fate, &mut mark.fate);
            } else {
                let fate = std::mem::replace(&mut mark.fate, Fate::Removed);
                self.hold(Mark { key: mark.key.clone(), fate }, version);
            }
        }
    }

    /// Takes over what a journal still owes the view, given from the newest mark back.
    ///
    /// Where both name a key, the newer one counts. `version` must not be older than any mark;
    /// nothing compares with it as long as only a view that is frozen has all its marks from here.
    ///
    /// What is held of a key of the `echoes` is forgotten, unless it is newer.
    pub(crate) fn absorb<'a>(
        &mut self,
        unseen: impl Iterator<Item = Seen<'a, K, V>>,
        echoes: impl Iterator<Item = Seen<'a, K, V>>,
        version: u64,
        displaced: &mut Displaced<K, V, W>,
    ) where
        K: 'a,
        V: Clone + 'a,
    {
        if self.is_empty() {
            let mut owed = Batch::default();
            oldest_first(unseen.map(|seen| seen.mark), &mut owed.marks);
            self.first = (!owed.is_empty()).then_some((owed, version));
            return;
        }
        displaced.add(self.spread());
        self.file();
        let place_of = |key: &K| self.index.find(key, |place| &self.held[place].mark.key);
        let echoes = echoes.filter_map(|seen| Some((place_of(&seen.mark.key)?, seen.version)));
        let mut outdated: Vec<usize> = echoes
            .filter(|(place, version)| self.held[*place].version < *version)
            .map(|(place, _)| place)
            .collect();
        outdated.sort_unstable();
        let taken: Vec<_> = unseen
            .map(|seen| (place_of(&seen.mark.key), seen))
            .filter(|(place, seen)| place.is_none_or(|at| self.held[at].version < seen.version))
            .map(|(place, seen)| (place, seen.mark.clone(), seen.version))
            .collect();
        self.held.reserve(taken.len());
        // From here on nothing can fail.
        for (place, mut mark, version) in taken.into_iter().rev() {
            if let Some(place) = place {
                self.held[place].version = version;
                std::mem::swap(&mut self.held[place].mark, &mut mark);
                displaced.marks.push(mark);
            } else {
                self.hold(mark, version);
            }
        }
        // From the last back: what takes the place of one comes from behind it.
        displaced.marks.extend(outdated.into_iter().rev().map(|place| self.let_go(place)));
    }

    /// Another one that holds the same, but for a finished form, which belongs to one alone.
    pub(crate) fn copy(&self) -> Self
    where
        V: Clone,
        S: Default,
    {
        let mut copy = Self::default();
        if let Some((Batch { marks, .. }, version)) = &self.first {
            copy.first = Some((Batch { marks: marks.clone(), ..Batch::default() }, *version));
        }
        copy.held.reserve(self.held.len());
        for Held { mark, version } in &self.held {
            copy.hold(mark.clone(), *version);
        }
        copy
    }

    /// Hands everything out and forgets it.
    pub(crate) fn take_into(&mut self, marks: &mut Marks<K, V>) -> Option<W> {
        if let Some((first, _)) = self.first.take() {
            *marks = first.marks;
            return first.whole;
        }
        self.index.clear();
        self.indexed = 0;
        marks.extend(self.held.drain(..).map(|held| held.mark));
        self.index.shrink_to(KEPT_CAPACITY);
        self.held.shrink_to(KEPT_CAPACITY);
        None
    }

    /// What is held, the oldest key first.
    pub(crate) fn marks(&self) -> impl Iterator<Item = &Mark<K, V>> {
        let first = self.first.iter().flat_map(|(batch, _)| batch.marks.iter());
        first.chain(self.held.iter().map(|held| &held.mark))
    }

    /// The finished form of the first change, as long as it is the only one.
    fn whole(&self) -> Option<&W> {
        self.first.as_ref()?.0.whole.as_ref()
    }

    /// Shows every value and the finished form, for the garbage collector.
    pub(crate) fn show<E>(
        &self,
        show: impl FnMut(&V) -> Result<(), E>,
        show_whole: impl FnMut(&W) -> Result<(), E>,
    ) -> Result<(), E> {
        self.whole().map_or(Ok(()), show_whole)?;
        self.marks().filter_map(|mark| mark.fate.value()).try_for_each(show)
    }

    /// Takes the first change apart. Hands out what is of no use any more.
    fn spread(&mut self) -> Option<W> {
        let (Batch { marks, whole, .. }, version) = self.first.take()?;
        self.held.reserve(marks.len());
        for mark in marks {
            self.hold(mark, version);
        }
        whole
    }

    fn place_of(&mut self, key: &K) -> Option<usize> {
        self.file();
        self.index.find(key, |place| &self.held[place].mark.key)
    }

    /// Brings the index up to date. Compares no keys.
    fn file(&mut self) {
        let Self { held, indexed, index, .. } = self;
        if *indexed == held.len() {
            return;
        }
        let key_at = |place: usize| &held[place].mark.key;
        index.reserve(held.len() - *indexed, key_at);
        (*indexed..held.len()).for_each(|place| index.insert_new(key_at(place), place, key_at));
        *indexed = held.len();
    }

    /// Forgets what is held at a place, which the last one takes. Compares no keys.
    fn let_go(&mut self, place: usize) -> Mark<K, V> {
        self.file();
        let last = self.held.len() - 1;
        self.index.remove(&self.held[place].mark.key, place);
        if place != last {
            self.index.remove(&self.held[last].mark.key, last);
        }
        let mark = self.held.swap_remove(place).mark;
        self.indexed = last;
        if place != last {
            let held = &self.held;
            self.index.insert_new(&held[place].mark.key, place, |place| &held[place].mark.key);
        }
        mark
    }

    /// Adds a mark for a key that is not held.
    fn hold(&mut self, mark: Mark<K, V>, version: u64) {
        self.held.push(Held { mark, version });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;

    type Subject = Pending<&'static str, i32, &'static str, RandomState>;

    fn batch(
        updates: &[(&'static str, i32)],
        removals: &[&'static str],
    ) -> Batch<&'static str, i32, &'static str> {
        Batch::new(updates.iter().copied(), removals.iter().copied())
    }

    fn push<K: Key, V, W>(
        pending: &mut Pending<K, V, W, RandomState>,
        mut batch: Batch<K, V, W>,
        version: u64,
    ) -> Displaced<K, V, W> {
        let mut displaced = Displaced::default();
        pending.push(&mut batch, version, &mut displaced);
        displaced
    }

    /// Absorbs marks of one version, given from the newest back.
    fn absorb(pending: &mut Subject, marks: &[(&'static str, Fate<i32>)], version: u64) {
        let marks: Vec<_> =
            marks.iter().map(|(key, fate)| Mark { key: *key, fate: fate.clone() }).collect();
        let unseen = marks.iter().map(|mark| Seen { mark, version, born: 0, by: None });
        pending.absorb(unseen, std::iter::empty(), version, &mut Displaced::default());
    }

    fn whole(key: &'static str) -> Batch<&'static str, i32, &'static str> {
        let mut batch = batch(&[(key, 1)], &[]);
        batch.finish("as given", false);
        batch
    }

    fn taken(pending: &mut Subject) -> Vec<(&'static str, Fate<i32>)> {
        let mut marks = Marks::new();
        let _ = pending.take_into(&mut marks);
        marks.into_iter().map(|mark| (mark.key, mark.fate)).collect()
    }

    #[test]
    fn a_single_change_comes_back_whole() {
        let mut pending = Subject::default();
        let _ = push(&mut pending, whole("a"), 1);
        assert_eq!(pending.take_into(&mut Marks::new()), Some("as given"));
        assert!(pending.is_empty());
    }

    #[test]
    fn a_second_change_is_merged_and_displaces_what_stood_for_the_first_alone() {
        let mut pending = Subject::default();
        let _ = push(&mut pending, whole("a"), 1);
        let displaced = push(&mut pending, batch(&[("b", 2)], &["a", "c"]), 2);
        assert_eq!(displaced.wholes(), ["as given"]);
        assert_eq!(
            taken(&mut pending),
            [("a", Fate::Removed), ("b", Fate::Set(2)), ("c", Fate::Removed)]
        );
        assert!(pending.is_empty());
    }

    #[test]
    fn an_empty_change_is_nothing_pending() {
        let mut pending = Subject::default();
        let _ = push(&mut pending, batch(&[], &[]), 1);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_is_absorbed_counts_only_where_it_is_newer() {
        let mut pending = Subject::default();
        let _ = push(&mut pending, batch(&[("old", 1), ("new", 9)], &[]), 5);
        let marks = [("other", 4), ("new", 4), ("old", 7)]
            .map(|(key, version)| (Mark { key, fate: Fate::Set(2) }, version));
        let unseen =
            marks.iter().map(|(mark, version)| Seen { mark, version: *version, born: 0, by: None });
        pending.absorb(unseen, std::iter::empty(), 9, &mut Displaced::default());
        assert_eq!(
            taken(&mut pending),
            [("old", Fate::Set(2)), ("new", Fate::Set(9)), ("other", Fate::Set(2))]
        );
    }

    #[test]
    fn what_is_absorbed_first_is_merged_with_what_comes_later() {
        let mut pending = Subject::default();
        absorb(&mut pending, &[("c", Fate::Removed), ("b", Fate::Set(1)), ("a", Fate::Set(1))], 3);
        let _ = push(&mut pending, batch(&[("a", 4)], &[]), 4);
        absorb(&mut pending, &[("a", Fate::Set(3)), ("c", Fate::Set(3))], 3);
        absorb(&mut pending, &[("b", Fate::Set(5))], 5);
        assert_eq!(
            taken(&mut pending),
            [("a", Fate::Set(4)), ("b", Fate::Set(5)), ("c", Fate::Removed)]
        );
    }

    #[test]
    fn absorbing_nothing_leaves_nothing_pending() {
        let mut pending = Subject::default();
        absorb(&mut pending, &[], 1);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_drained_buffer_gives_its_memory_back() {
        let mut pending: Pending<usize, (), (), RandomState> = Pending::default();
        for version in 0..2 {
            let _ = push(&mut pending, Batch::new((0..10_000).map(|key| (key, ())), []), version);
        }
        let mut marks = Marks::new();
        assert_eq!(pending.take_into(&mut marks), None);
        assert_eq!(marks.len(), 10_000);
        assert!(pending.held.capacity() < 1000);
    }
}
