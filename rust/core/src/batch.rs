//! One change to many keys, as the caller hands it in and as a flush hands it out.

use std::hash::Hash;

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

/// The arguments of one update: each key once.
///
/// `W` is the caller's own finished form of the same change. A buffer that gets no second update
/// before it is flushed hands it back untouched.
#[derive(Debug)]
pub struct Batch<K, V, W = ()> {
    pub(crate) marks: Marks<K, V>,
    pub(crate) whole: Option<W>,
}

impl<K: Key, V, W> Batch<K, V, W> {
    /// A batch of updates and removals.
    ///
    /// The keys of `updates` must be distinct, as those of a dictionary are. `removals` may
    /// repeat itself and may name keys of `updates`: these become [`Fate::SetAndRemoved`].
    pub fn new(
        updates: impl IntoIterator<Item = (K, V)>,
        removals: impl IntoIterator<Item = K>,
    ) -> Self {
        let mut marks: Marks<K, V> =
            updates.into_iter().map(|(key, value)| Mark { key, fate: Fate::Set(value) }).collect();
        let mut removals = removals.into_iter().peekable();
        if removals.peek().is_some() {
            add_removals(&mut marks, removals);
        }
        Self { marks, whole: None }
    }

    /// Attaches the caller's own form of the same change.
    #[must_use]
    pub fn with_whole(mut self, whole: W) -> Self {
        self.whole = Some(whole);
        self
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

fn add_removals<K: Key, V>(marks: &mut Marks<K, V>, removals: impl Iterator<Item = K>) {
    let mut places: std::collections::HashMap<K, usize> =
        marks.iter().enumerate().map(|(place, mark)| (mark.key.clone(), place)).collect();
    for key in removals {
        if let Some(&place) = places.get(&key) {
            let fate = std::mem::replace(&mut marks[place].fate, Fate::Removed);
            marks[place].fate = fate.and_removed();
        } else {
            places.insert(key.clone(), marks.len());
            marks.push(Mark { key, fate: Fate::Removed });
        }
    }
}

impl<K, V, W> Default for Batch<K, V, W> {
    fn default() -> Self {
        Self { marks: Marks::new(), whole: None }
    }
}

/// What an operation displaced. Drop it only when no lock is held: destructors may run anything.
///
/// An operation that locks makes one *before* it locks, so that it outlives the lock even when
/// the operation panics.
#[must_use = "drop displaced values after unlocking"]
#[derive(Debug)]
pub(crate) struct Displaced<K, V, W> {
    pub(crate) batch: Batch<K, V, W>,
    pub(crate) whole: Option<W>,
    pub(crate) marks: Vec<Mark<K, V>>,
}

impl<K, V, W> Displaced<K, V, W> {
    pub(crate) fn by(batch: Batch<K, V, W>) -> Self {
        Self { batch, whole: None, marks: Vec::new() }
    }
}

impl<K, V, W> Default for Displaced<K, V, W> {
    fn default() -> Self {
        Self::by(Batch::default())
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
