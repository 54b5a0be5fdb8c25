//! One change to many keys, as the caller hands it in and as a flush hands it out.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use smallvec::SmallVec;

/// How many marks travel without an allocation: a typical update of a VR client has three or
/// four.
const INLINE: usize = 4;

/// The marks of one change.
pub type Marks<K, V> = SmallVec<[Mark<K, V>; INLINE]>;

/// What can be a key.
///
/// `Hash` and `Clone` must not panic and none of the three may call back into a store: they run
/// under its lock. (A panic of `Eq` is survived: nothing has changed then.)
pub trait Key: Hash + Eq + Clone {}

impl<T: Hash + Eq + Clone> Key for T {}

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

    fn value_mut(&mut self) -> Option<&mut V> {
        match self {
            Self::Set(value) | Self::SetAndRemoved(value) => Some(value),
            Self::Removed => None,
        }
    }

    fn and_removed(self) -> Self {
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

/// The arguments of one update: each key once. Afterwards it holds what the update displaced.
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

    /// Adds updates. The keys must be distinct, as those of a dictionary are.
    ///
    /// It makes room for as many as there may be.
    pub fn set_all(&mut self, updates: impl IntoIterator<Item = (K, V)>) {
        let updates = updates.into_iter();
        let (least, most) = updates.size_hint();
        self.marks.reserve(most.unwrap_or(least));
        self.marks.extend(InPlace(updates.map(|(key, value)| (key, Fate::Set(value)))));
    }

    /// Adds removals, when all updates are in.
    ///
    /// They may repeat themselves and name keys of the updates: these become
    /// [`Fate::SetAndRemoved`].
    pub fn remove<S: BuildHasher + Default>(&mut self, removals: impl IntoIterator<Item = K>) {
        let mut removals = removals.into_iter().peekable();
        if removals.peek().is_none() {
            return;
        }
        self.whole = None;
        let marks = self.marks.iter().enumerate();
        let mut places: HashMap<K, usize, S> =
            marks.map(|(place, mark)| (mark.key.clone(), place)).collect();
        let (least, _) = removals.size_hint();
        self.marks.reserve(least);
        places.reserve(least);
        for key in removals {
            if let Some(&place) = places.get(&key) {
                let fate = &mut self.marks[place].fate;
                *fate = std::mem::replace(fate, Fate::Removed).and_removed();
            } else {
                places.insert(key.clone(), self.marks.len());
                self.marks.push(Mark { key, fate: Fate::Removed });
            }
        }
    }

    /// Adds the finished form of its updates. There must be no removals.
    pub fn finish(&mut self, whole: W) {
        self.whole = Some(whole);
    }

    /// The values of its updates.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.marks.iter_mut().filter_map(|mark| mark.fate.value_mut())
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
        Self { marks: Marks::new(), whole: None }
    }
}

/// What an operation displaced beside what its batch holds.
///
/// An operation that locks makes one *before* it locks, so that it outlives the lock even when
/// the operation panics. Destructors may run anything.
#[must_use = "drop displaced values after unlocking"]
#[derive(Debug)]
pub(crate) struct Displaced<K, V, W> {
    whole: Option<W>,
    pub(crate) marks: Vec<Mark<K, V>>,
}

impl<K, V, W> Displaced<K, V, W> {
    /// A finished form that is of no use any more. No operation displaces more than one.
    #[inline]
    pub(crate) fn add(&mut self, whole: Option<W>) {
        debug_assert!(self.whole.is_none() || whole.is_none(), "one would be dropped here");
        if whole.is_some() {
            self.whole = whole;
        }
    }

    /// The marks, as the operation's result.
    pub(crate) fn take_marks(&mut self) -> Vec<Mark<K, V>> {
        std::mem::take(&mut self.marks)
    }

    #[cfg(test)]
    pub(crate) fn whole(&self) -> Option<&W> {
        self.whole.as_ref()
    }
}

impl<K, V, W> Default for Displaced<K, V, W> {
    fn default() -> Self {
        Self { whole: None, marks: Vec::new() }
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
    fn an_empty_batch_has_no_marks() {
        assert!(Batch::<&str, i32>::new([], []).is_empty());
    }
}
