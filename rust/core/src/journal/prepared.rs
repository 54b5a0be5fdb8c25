//! Getting values ready, once each, for those who are about to be given them.

use std::hash::BuildHasher;

use super::{CursorId, Journal};
use crate::batch::Key;

/// The last changes that were made ready: those after one version, up to another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prepared {
    after: u64,
    up_to: u64,
    /// How many keys all updates had named by then.
    stamps: u64,
}

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// How many values a cursor is to be given that are not prepared yet; at most so many.
    pub fn unprepared(&self, cursor: CursorId) -> usize {
        if !self.is_behind(cursor) {
            return 0;
        }
        let (_, known_stamps) = self.gap(cursor);
        let stamps = self.stamps - known_stamps;
        usize::try_from(stamps).map_or(self.known(), |keys| keys.min(self.known()))
    }

    /// Prepares what a cursor has yet to see. What was prepared before is passed by, all but for a
    /// cursor that is behind it.
    pub fn prepare(&mut self, cursor: CursorId, mut prepare: impl FnMut(&mut V)) {
        let (since, _) = self.gap(cursor);
        for list in [self.live, self.removed] {
            let mut next = list.last();
            while let Some(slot) = next {
                let entry = &mut self.entries[slot];
                if entry.version <= since {
                    break;
                }
                entry.mark.fate.value_mut().into_iter().for_each(&mut prepare);
                [next, _] = entry.links.neighbours();
            }
        }
        let (seen, _) = self.seen_of_content(cursor);
        let is_adjacent = (self.prepared.after..=self.prepared.up_to).contains(&seen);
        let after = if is_adjacent { self.prepared.after } else { seen };
        self.prepared = Prepared { after, up_to: self.version, stamps: self.stamps };
    }

    /// The value of a key of the content.
    pub fn value_mut(&mut self, key: &K) -> Option<&mut V> {
        let entries = &self.entries;
        let slot = self.index.find(key, |slot| &entries[slot].mark.key)?;
        let fate = &mut self.entries[slot].mark.fate;
        if fate.is_live() { fate.value_mut() } else { None }
    }

    /// After which version there may be something to prepare for a cursor, and how many keys all
    /// updates had named by then.
    fn gap(&self, cursor: CursorId) -> (u64, u64) {
        let Prepared { after, up_to, stamps } = self.prepared;
        let (seen, seen_stamps) = self.seen_of_content(cursor);
        if (after..=up_to).contains(&seen) { (up_to, stamps) } else { (seen, seen_stamps) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;
    use crate::batch::Batch;
    use crate::journal::Terms;

    type Subject = Journal<u32, bool, RandomState>;

    fn set(journal: &mut Subject, keys: impl IntoIterator<Item = u32>, removals: &[u32]) {
        let mut batch =
            Batch::<_, _>::new(keys.into_iter().map(|key| (key, false)), removals.iter().copied());
        journal.apply(&mut batch, Terms::default(), &mut Vec::new()).expect("no terms");
    }

    /// Prepares for a cursor, and says how many values that did.
    fn prepare(journal: &mut Subject, cursor: CursorId) -> usize {
        let mut made = 0;
        let expected = journal.unprepared(cursor);
        journal.prepare(cursor, |value| made += usize::from(!std::mem::replace(value, true)));
        assert!(made <= expected, "{made} are more than {expected}");
        let unseen = journal.unseen(cursor).filter_map(|seen| seen.mark.fate.value());
        assert!(unseen.copied().all(|is_prepared| is_prepared), "one was left out");
        made
    }

    #[test]
    fn what_was_prepared_for_one_is_prepared_for_all() {
        let mut journal = Subject::default();
        let [first, second] = [(); 2].map(|()| journal.open_cursor());
        set(&mut journal, 0..100, &[]);
        assert_eq!(journal.unprepared(first), 100);
        assert_eq!(prepare(&mut journal, first), 100);
        assert_eq!((journal.unprepared(first), journal.unprepared(second)), (0, 0));
        journal.advance(first, &mut Vec::new());
        set(&mut journal, 0..3, &[2, 4]);
        assert_eq!(journal.unprepared(second), 4);
        assert_eq!(prepare(&mut journal, second), 3);
        assert_eq!(journal.unprepared(first), 0);
        let late = journal.open_cursor();
        assert_eq!(journal.unprepared(late), 0);
    }

    #[test]
    fn nothing_that_a_cursor_is_to_be_given_is_left_out() {
        let mut journal = Subject::default();
        let mut cursors: Vec<CursorId> = (0..4).map(|_| journal.open_cursor()).collect();
        // Numbers as random as they need be, the same every time.
        let mut state = 1_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..20_000 {
            let which = next(4) as usize;
            match next(8) {
                0..3 => {
                    let keys: std::collections::HashSet<u32> =
                        (0..next(5)).map(|_| next(30)).collect();
                    let removals: Vec<u32> = (0..next(3)).map(|_| next(30)).collect();
                    set(&mut journal, keys, &removals);
                }
                3..6 => {
                    prepare(&mut journal, cursors[which]);
                }
                6 => journal.advance(cursors[which], &mut Vec::new()),
                _ => {
                    journal.close_cursor(cursors[which], &mut Vec::new());
                    cursors[which] = journal.open_cursor();
                }
            }
        }
    }
}
