//! From a key to the slot its entry is in, in a container that somebody else owns.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::batch::Key;
use crate::list::short;

#[derive(Debug, Default)]
pub(crate) struct Index<S> {
    slots: HashTable<u32>,
    hasher: S,
}

impl<S: BuildHasher> Index<S> {
    #[expect(clippy::inline_always, reason = "it is what most of a small operation consists of")]
    #[inline(always)]
    pub(crate) fn find<'a, K: Key + 'a>(
        &self,
        key: &K,
        key_at: impl Fn(usize) -> &'a K,
    ) -> Option<usize> {
        let found = self.slots.find(self.hash(key), |&slot| key_at(slot as usize) == key);
        found.map(|&slot| slot as usize)
    }

    pub(crate) fn hash<K: Key>(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Makes room, so that as many insertions cannot fail half-way.
    pub(crate) fn reserve<'a, K: Key + 'a>(
        &mut self,
        additional: usize,
        key_at: impl Fn(usize) -> &'a K,
    ) {
        self.slots.reserve(additional, |&slot| self.hasher.hash_one(key_at(slot as usize)));
    }

    /// Adds a key that [`find`](Self::find) does not know. Compares no keys.
    pub(crate) fn insert_new<'a, K: Key + 'a>(
        &mut self,
        key: &K,
        slot: usize,
        key_at: impl Fn(usize) -> &'a K,
    ) {
        let hash = self.hasher.hash_one(key);
        let hash_at = |&slot: &u32| self.hasher.hash_one(key_at(slot as usize));
        self.slots.insert_unique(hash, short(slot), hash_at);
    }

    /// Forgets the key in this slot. Compares no keys.
    pub(crate) fn remove<K: Key>(&mut self, key: &K, slot: usize) {
        let hash = self.hasher.hash_one(key);
        if let Ok(found) = self.slots.find_entry(hash, |&other| other == short(slot)) {
            found.remove();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Gives memory back; only for an empty index.
    pub(crate) fn shrink_to(&mut self, capacity: usize) {
        self.slots.shrink_to(capacity, |_| 0);
    }
}
