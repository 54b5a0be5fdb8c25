//! Applying a change that both sets keys and removes them, when there is nobody to be told of that.

use std::borrow::Borrow;
use std::hash::BuildHasher;

use super::Journal;
use super::applying::Run;
use super::locating::Located;
use crate::batch::{Key, Mark};
use crate::list::NO_SLOT;

/// In the place of a slot: the key has no entry and is to get none.
const STRUCK: u32 = NO_SLOT - 1;

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// Gives all keys their new fates when there is nobody who is to be told of what one change both sets
    /// and removes: what it removes goes first, and then is not set at all. Nothing can fail.
    pub(super) fn stamp_untold<Q: Borrow<K>>(
        &mut self,
        marks: &mut [Mark<Q, V>],
        freed: &mut Vec<Mark<K, V>>,
    ) {
        let Located { mut slots, repeats } = std::mem::take(&mut self.located);
        let others = marks.iter().rposition(|mark| mark.fate.is_live()).map_or(0, |last| last + 1);
        for &(_, earlier) in &repeats {
            slots[earlier] = STRUCK;
        }
        for (&slot, mark) in slots.iter().zip(&mut *marks).skip(others) {
            self.horizon = self.version;
            if slot != NO_SLOT && slot != STRUCK {
                self.strike(slot as usize, mark, freed);
            }
        }
        let mut run = Run::default();
        for (&slot, mark) in slots.iter().zip(marks).take(others) {
            if slot == STRUCK {
                continue;
            }
            let slot = (slot != NO_SLOT).then_some(slot as usize);
            if slot.is_none_or(|slot| self.entries[slot].born != self.struck()) {
                self.stamp::<false, _>(slot, mark, None, &mut run, freed);
            }
        }
        self.end_run(&mut run);
        self.located = Located { slots, repeats };
    }

    /// Instead of when it was born, of an entry that the change at hand removes and is not to set.
    fn struck(&self) -> u64 {
        u64::MAX - self.version
    }

    /// A key that has an entry is removed. The old fate moves out, into the mark.
    fn strike<Q>(&mut self, slot: usize, mark: &mut Mark<Q, V>, freed: &mut Vec<Mark<K, V>>) {
        let entry = &mut self.entries[slot];
        if entry.mark.fate.is_live() {
            std::mem::swap(&mut entry.mark.fate, &mut mark.fate);
            entry.version = self.version;
            if entry.by.is_some() {
                self.pass_on(slot, true, false, None);
            }
            self.live.unlink(&mut self.entries, slot);
            self.forget(slot, freed);
        }
        self.entries[slot].born = self.struck();
    }
}
