//! Live entries from one on to the last: what was changed since the one in front of it was.
//!
//! It stays the same stretch whatever becomes of those in it, as each change moves a key to its end.
//! Only when the one in front of it changes, it can't be found any more.

use std::hash::BuildHasher;

use super::{CursorId, Journal};
use crate::batch::{Key, Mark};
use crate::list::{NO_SLOT, short};

/// All live entries behind one of them, or all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where the entry in front of it is.
    before: u32,
    /// The version of that one: all in the stretch are newer.
    since: u64,
}

impl Stretch {
    /// The version that all in the stretch are newer than.
    pub fn since(self) -> u64 {
        self.since
    }
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// From an entry of the content on.
    fn stretch_at(&self, slot: usize) -> Option<Stretch> {
        let first = self.entries.get(slot)?;
        if !first.mark.fate.is_live() {
            return None;
        }
        let [before, _] = first.links.neighbours();
        Some(Stretch {
            before: before.map_or(NO_SLOT, short),
            since: before.map_or(0, |slot| self.entries[slot].version),
        })
    }

    /// From a key of the content on.
    pub fn stretch_from(&self, key: &K) -> Option<Stretch> {
        self.stretch_at(self.slot_of(key)?)
    }

    /// What the last update has named.
    ///
    /// Of an update that named several keys and removed none, that is; of others it may say no.
    pub fn stretch_of_last_update(&self) -> Option<Stretch> {
        let slot = *self.located.slots.first()? as usize;
        let first = self.entries.get(slot)?;
        if first.version == self.version { self.stretch_at(slot) } else { None }
    }

    /// The marks of live entries that are newer than a version, from the newest back.
    pub fn changed_since(&self, version: u64) -> impl Iterator<Item = &Mark<K, V>> {
        let newer = self.live.backwards(&self.entries);
        newer.take_while(move |entry| entry.version > version).map(|entry| &entry.mark)
    }

    /// Whether the last update removed something, as far as there are cursors to be told of it.
    pub fn has_just_removed(&self) -> bool {
        self.newest_removal() == self.version
    }

    fn newest_removal(&self) -> u64 {
        self.removed.last().map_or(0, |slot| self.entries[slot].version)
    }

    /// What of a stretch a cursor has seen already: at most so many keys. None if there are more, if
    /// the stretch can't be found, or if the cursor has yet to see anything else.
    pub fn seen_within(&self, stretch: Stretch, cursor: CursorId, most: usize) -> Option<Vec<K>> {
        let (live, removals) = (self.position(cursor).live(), self.removals_seen(cursor));
        if live < stretch.since() || removals < self.newest_removal() {
            return None;
        }
        let mut next = if stretch.before == NO_SLOT {
            self.live.first()
        } else {
            let before = self.entries.get(stretch.before as usize)?;
            if before.version != stretch.since {
                return None;
            }
            before.links.neighbours()[1]
        };
        let mut keys = Vec::new();
        while let Some(slot) = next {
            let entry = &self.entries[slot];
            if entry.version > live {
                break;
            }
            if keys.len() == most {
                return None;
            }
            keys.push(entry.mark.key.clone());
            [_, next] = entry.links.neighbours();
        }
        Some(keys)
    }
}
