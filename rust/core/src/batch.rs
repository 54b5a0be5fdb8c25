//! One change to many keys, as the caller hands it in and as a flush hands it out.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use smallvec::SmallVec;

/// How many marks travel without an allocation: a typical update of a VR client has three or
/// four.
const INLINE: usize = 4;

/// The marks of one change.
pub type Marks<K, V> = SmallVec<[Mark<K, V>; INLINE]>;

/// What can be a key.
///
/// `Hash`, `Clone` and the methods must not panic and none of them may call back into a store:
/// they run under its lock. (A panic of `Eq` is survived: nothing has changed then.)
pub trait Key: Hash + Eq + Clone {
    /// How it is spelled, if that is of interest: keys are found by what they begin with.
    fn letters(&self) -> impl Iterator<Item = u32> {
        std::iter::empty()
    }

    /// Whether it takes so little memory that one that is of no use may be kept for a while.
    fn is_light(&self) -> bool {
        true
    }

    /// Whether it begins with another one.
    fn begins_with(&self, prefix: &Self) -> bool {
        let mut letters = self.letters();
        prefix.letters().all(|letter| letters.next() == Some(letter))
    }
}

impl Key for &str {
    fn letters(&self) -> impl Iterator<Item = u32> {
        self.chars().map(u32::from)
    }
}

impl Key for u8 {}
impl Key for u32 {}
impl Key for u64 {}
impl Key for usize {}

/// What the last change that named a key did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<V> {
    /// The key has this value.
    Set(V),
    /// The key is gone.
    Removed,
    /// One change named the key on both sides: whoever follows along is told the value and the
    /// removal, and the key is gone.
    SetAndRemoved(V),
}

impl<V> Fate<V> {
    /// Whether the key is part of the content afterwards.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&V> {
        match self {
            Self::Set(value) | Self::SetAndRemoved(value) => Some(value),
            Self::Removed => None,
        }
    }

    /// The value, if there is one.
    pub fn into_value(self) -> Option<V> {
        match self {
            Self::Set(value) | Self::SetAndRemoved(value) => Some(value),
            Self::Removed => None,
        }
    }

    pub(crate) fn value_mut(&mut self) -> Option<&mut V> {
        match self {
            Self::Set(value) | Self::SetAndRemoved(value) => Some(value),
            Self::Removed => None,
        }
    }

    pub(crate) fn and_removed(self) -> Self {
        match self {
            Self::Set(value) | Self::SetAndRemoved(value) => Self::SetAndRemoved(value),
            Self::Removed => Self::Removed,
        }
    }
}

/// A key and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark<K, V> {
    /// The key.
    pub key: K,
    /// What became of it.
    pub fate: Fate<V>,
}

/// The arguments of one update. Afterwards it holds what the update displaced.
///
/// `W` is the caller's own finished form of the same updates. Who gets exactly this change, and
/// only this one, is handed that form instead of marks.
///
/// Drop it only when no lock is held: destructors may run anything.
#[must_use = "drop displaced values after unlocking"]
#[derive(Debug)]
pub struct Batch<K, V, W = ()> {
    pub(crate) marks: Marks<K, V>,
    pub(crate) whole: Option<W>,
    /// Whether the finished form may be brought level with what comes.
    pub(crate) may_last: bool,
    /// Whether removals may name a key that another mark names too.
    pub(crate) may_repeat: bool,
}

impl<K: Key, V, W> Batch<K, V, W> {
    /// A batch of updates and removals, as [`set_all`](Self::set_all) and
    /// [`remove`](Self::remove) take them.
    pub fn new(
        updates: impl IntoIterator<Item = (K, V)>,
        removals: impl IntoIterator<Item = K>,
    ) -> Self {
        let mut batch = Self::default();
        batch.set_all(updates);
        batch.remove::<RandomState>(removals);
        batch
    }

    /// Adds removals, when all updates are in.
    ///
    /// They may repeat themselves and name keys of the updates: these become
    /// [`Fate::SetAndRemoved`].
    pub fn remove<S: BuildHasher + Default>(&mut self, removals: impl IntoIterator<Item = K>) {
        self.add_removals::<S>(removals.into_iter(), true);
    }

    /// Adds removals that do not repeat themselves, as those of a set.
    pub fn remove_distinct<S: BuildHasher + Default>(
        &mut self,
        removals: impl IntoIterator<Item = K>,
    ) {
        if self.marks.is_empty() {
            self.remove_only(removals);
        } else {
            self.add_removals::<S>(removals.into_iter(), false);
        }
    }

    fn add_removals<S: BuildHasher + Default>(
        &mut self,
        removals: impl Iterator<Item = K>,
        may_repeat: bool,
    ) {
        let mut removals = removals.peekable();
        if removals.peek().is_none() {
            return;
        }
        self.whole = None;
        let (least, _) = removals.size_hint();
        self.marks.reserve(least);
        let marks = &mut self.marks;
        let hasher = S::default();
        let more = if may_repeat { least } else { 0 };
        let mut places: HashTable<usize> = HashTable::with_capacity(marks.len() + more);
        for (place, mark) in marks.iter().enumerate() {
            let hash = hasher.hash_one(&mark.key);
            places.insert_unique(hash, place, |&place| hasher.hash_one(&marks[place].key));
        }
        for key in removals {
            let hash = hasher.hash_one(&key);
            if let Some(&place) = places.find(hash, |&place| marks[place].key == key) {
                let fate = &mut marks[place].fate;
                *fate = std::mem::replace(fate, Fate::Removed).and_removed();
                continue;
            }
            let place = marks.len();
            marks.push(Mark { key, fate: Fate::Removed });
            if may_repeat {
                places.insert_unique(hash, place, |&place| hasher.hash_one(&marks[place].key));
            }
        }
    }
}

impl<K, V, W> Batch<K, V, W> {
    /// Adds updates. The keys must be distinct, as those of a dictionary are.
    ///
    /// It makes room for as many as there may be.
    pub fn set_all(&mut self, updates: impl IntoIterator<Item = (K, V)>) {
        let updates = updates.into_iter();
        let (least, most) = updates.size_hint();
        self.marks.reserve(most.unwrap_or(least));
        self.marks.extend(InPlace(updates.map(|(key, value)| (key, Fate::Set(value)))));
    }

    /// Makes an empty batch one of removals that do not repeat themselves.
    pub fn remove_only(&mut self, removals: impl IntoIterator<Item = K>) {
        self.whole = None;
        self.extend_with_removals(removals.into_iter());
    }

    fn extend_with_removals(&mut self, removals: impl Iterator<Item = K>) {
        let (least, most) = removals.size_hint();
        self.marks.reserve(most.unwrap_or(least));
        self.marks.extend(InPlace(removals.map(|key| (key, Fate::Removed))));
    }

    /// Adds removals, when all updates are in, as [`remove`](Batch::remove) does, but leaves it to a
    /// journal to find out what they repeat. Only for an update of the content.
    pub fn remove_as_they_come(&mut self, removals: impl IntoIterator<Item = K>) {
        let before = self.marks.len();
        self.extend_with_removals(removals.into_iter());
        if self.marks.len() > before {
            self.whole = None;
            self.may_repeat = true;
        }
    }

    /// Adds the finished form of its updates. There must be no removals.
    ///
    /// It may last if the caller is ready to [bring it level](crate::store::Store::take_stale).
    pub fn finish(&mut self, whole: W, may_last: bool) {
        (self.whole, self.may_last) = (Some(whole), may_last);
    }

    /// How many keys it names.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether it names no key.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

/// Puts marks together in the place where they are to be.
///
/// A mark that is made elsewhere is written in four parts and then moved in two, and the processor
/// waits until the parts have arrived in its cache: most of the time that making marks took.
struct InPlace<I>(I);

impl<K, V, I: Iterator<Item = (K, Fate<V>)>> Iterator for InPlace<I> {
    type Item = Mark<K, V>;

    #[expect(clippy::inline_always, reason = "what a call returns is made elsewhere")]
    #[inline(always)]
    fn next(&mut self) -> Option<Mark<K, V>> {
        let (key, fate) = self.0.next()?;
        Some(Mark { key, fate })
    }
}

/// Adds clones of marks that are given from the newest back.
pub(crate) fn oldest_first<'a, K: Clone + 'a, V: Clone + 'a>(
    newest_first: impl Iterator<Item = &'a Mark<K, V>>,
    marks: &mut Marks<K, V>,
) {
    // Their number is not known before.
    let newest_first: SmallVec<[_; 16]> = newest_first.collect();
    marks.reserve(newest_first.len());
    let parts =
        newest_first.into_iter().rev().map(|Mark { key, fate }| (key.clone(), fate.clone()));
    marks.extend(InPlace(parts));
}

impl<K, V, W> Default for Batch<K, V, W> {
    fn default() -> Self {
        Self { marks: Marks::new(), whole: None, may_last: false, may_repeat: false }
    }
}

/// What an operation displaced beside what its batch holds.
///
/// An operation that locks makes one *before* it locks, so that it outlives the lock even when
/// the operation panics. Destructors may run anything.
#[must_use = "drop displaced values after unlocking"]
#[derive(Debug)]
pub(crate) struct Displaced<K, V, W> {
    wholes: Wholes<W>,
    pub(crate) marks: Vec<Mark<K, V>>,
}

/// Finished forms that are of no use any more. It is rare that there is more than one.
#[derive(Debug)]
enum Wholes<W> {
    None,
    One(W),
    Many(Box<[W]>),
}

impl<K, V, W> Displaced<K, V, W> {
    /// A finished form that is of no use any more.
    #[inline]
    pub(crate) fn add(&mut self, whole: Option<W>) {
        if let Some(whole) = whole {
            if let Wholes::None = self.wholes {
                self.wholes = Wholes::One(whole);
            } else {
                self.add_another(whole);
            }
        }
    }

    #[cold]
    fn add_another(&mut self, whole: W) {
        let wholes = match std::mem::replace(&mut self.wholes, Wholes::None) {
            Wholes::None => Vec::new(),
            Wholes::One(one) => vec![one],
            Wholes::Many(many) => many.into_vec(),
        };
        self.wholes = Wholes::Many(wholes.into_iter().chain([whole]).collect());
    }

    /// The marks, as the operation's result.
    pub(crate) fn take_marks(&mut self) -> Vec<Mark<K, V>> {
        std::mem::take(&mut self.marks)
    }

    #[cfg(test)]
    pub(crate) fn wholes(&self) -> &[W] {
        match &self.wholes {
            Wholes::None => &[],
            Wholes::One(whole) => std::slice::from_ref(whole),
            Wholes::Many(wholes) => wholes,
        }
    }
}

impl<K, V, W> Default for Displaced<K, V, W> {
    fn default() -> Self {
        Self { wholes: Wholes::None, marks: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(
        updates: &[(&'static str, i32)],
        removals: &[&'static str],
    ) -> Vec<(&'static str, Fate<i32>)> {
        Batch::<_, _>::new(updates.iter().copied(), removals.iter().copied())
            .marks
            .into_iter()
            .map(|mark| (mark.key, mark.fate))
            .collect()
    }

    #[test]
    fn a_key_on_both_sides_is_one_mark() {
        assert_eq!(
            batch(&[("a", 1), ("b", 2)], &["b", "c", "b", "c"]),
            [("a", Fate::Set(1)), ("b", Fate::SetAndRemoved(2)), ("c", Fate::Removed)]
        );
    }

    #[test]
    fn removals_that_do_not_repeat_themselves_end_up_the_same() {
        let keys = ["b", "c", "d"];
        for updates in [&[][..], &[("a", 1), ("b", 2)]] {
            let mut batch = Batch::<&str, i32>::default();
            batch.set_all(updates.iter().copied());
            batch.remove_distinct::<RandomState>(keys);
            let expected = Batch::<&str, i32>::new(updates.iter().copied(), keys);
            assert_eq!(batch.marks, expected.marks);
        }
    }

    #[test]
    fn all_finished_forms_that_are_displaced_are_kept() {
        let mut displaced = Displaced::<&str, i32, i32>::default();
        for whole in [None, Some(1), None, Some(2), Some(3)] {
            displaced.add(whole);
        }
        assert_eq!(displaced.wholes(), [1, 2, 3]);
    }

    #[test]
    fn an_empty_batch_has_no_marks() {
        assert!(Batch::<&str, i32>::new([], []).is_empty());
    }
}
