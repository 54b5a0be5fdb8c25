//! Which keys a view is about.

use std::ops::Deref;
use std::sync::Arc;

use crate::batch::Key;

/// What prefixes are spelled with, none of which begins with another.
pub(super) type Prefixes = Arc<[Box<[u32]>]>;

type Condition<K> = dyn Fn(&K) -> bool + Send + Sync;

/// Which keys a view is about: a function that says so.
///
/// It runs under the data mutex: it must not block, panic or call back.
pub struct Filter<K: 'static>(Arc<Parts<K>>);

struct Parts<K: 'static> {
    concerns: Box<Condition<K>>,
    prefixes: Option<Prefixes>,
}

impl<K> Filter<K> {
    /// Keys that meet a condition. Every change has to ask it for every view that waits.
    pub fn new(concerns: impl Fn(&K) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Parts { concerns: Box::new(concerns), prefixes: None }))
    }

    /// Keys that begin with one of these. They are found by their letters.
    pub fn of_prefixes(prefixes: Vec<K>) -> Self
    where
        K: Key + Send + Sync,
    {
        let mut spelled: Vec<Box<[u32]>> =
            prefixes.iter().map(|prefix| prefix.letters().collect()).collect();
        spelled.sort_unstable();
        // What begins with another one comes after it.
        spelled.dedup_by(|next, kept| next.starts_with(kept));
        let concerns = move |key: &K| prefixes.iter().any(|prefix| key.begins_with(prefix));
        Self(Arc::new(Parts { concerns: Box::new(concerns), prefixes: Some(spelled.into()) }))
    }

    /// All there is to say of it, if that can be said in prefixes.
    pub(super) fn prefixes(&self) -> Option<&Prefixes> {
        self.0.prefixes.as_ref()
    }
}

impl<K> Clone for Filter<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Deref for Filter<K> {
    type Target = Condition<K>;

    fn deref(&self) -> &Condition<K> {
        &*self.0.concerns
    }
}
