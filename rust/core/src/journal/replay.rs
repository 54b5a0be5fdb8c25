//! Changes that were made elsewhere: what a journal that follows another one is told.

use std::borrow::Borrow;
use std::hash::BuildHasher;

use super::{Journal, PublisherId};
use crate::batch::{Batch, Key, Mark};

impl<K: Key, V, S: BuildHasher> Journal<K, V, S> {
    /// Applies one change, which has its version from elsewhere, later than the present one. It is
    /// refused by nobody.
    ///
    /// `by` says through which open publisher a key was changed. If versions have been left out,
    /// nothing is known of the removals between: no cursor can go on from there.
    ///
    /// As with an update, what is displaced is left in the batch and in `freed`.
    pub fn replay<Q: Borrow<K>, W>(
        &mut self,
        batch: &mut Batch<Q, V, W>,
        version: u64,
        by: impl Fn(&K) -> Option<PublisherId>,
        freed: &mut Vec<Mark<K, V>>,
    ) {
        debug_assert!(version > self.version, "versions count up");
        let ghosts = self.ghosts;
        self.locate(batch);
        // From here on nothing can fail.
        if version - self.version > 1 {
            self.horizon = version;
        }
        self.version = version;
        self.stamps += batch.marks.len() as u64;
        let by = |journal: &Self, key: &K| by(key).filter(|&it| journal.is_open(it));
        self.stamp_all::<true, _>(&mut batch.marks, by, freed);
        self.age_ghosts(ghosts, freed);
        self.clean_up(freed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;

    use super::*;
    use crate::batch::Fate;

    type Subject = Journal<&'static str, i32, RandomState>;

    fn replay(
        journal: &mut Subject,
        version: u64,
        updates: &[(&'static str, i32)],
        removals: &[&'static str],
        by: Option<PublisherId>,
    ) {
        let mut batch = Batch::<_, _>::new(updates.iter().copied(), removals.iter().copied());
        journal.replay(&mut batch, version, |_| by, &mut Vec::new());
    }

    fn unseen(journal: &Subject, cursor: super::super::CursorId) -> Vec<&'static str> {
        journal.unseen_marks(cursor).map(|mark| mark.key).collect()
    }

    #[test]
    fn a_gap_is_nothing_to_go_on_from() {
        let mut journal = Subject::default();
        journal.set_history(10, &mut Vec::new());
        replay(&mut journal, 1, &[("a", 1), ("b", 1)], &[], None);
        replay(&mut journal, 2, &[], &["a"], None);
        assert!(journal.open_cursor_at(1).is_some());
        replay(&mut journal, 7, &[("c", 1)], &[], None);
        assert_eq!(journal.version(), 7);
        for version in 0..7 {
            assert!(journal.open_cursor_at(version).is_none(), "{version}");
        }
        let cursor = journal.open_cursor_at(7).expect("nothing is missing after it");
        replay(&mut journal, 8, &[("b", 2)], &["c"], None);
        assert_eq!(unseen(&journal, cursor), ["b", "c"]);
    }

    #[test]
    fn what_is_forgotten_later_is_no_step_back() {
        let mut journal = Subject::default();
        journal.set_history(1, &mut Vec::new());
        replay(&mut journal, 1, &[("a", 1), ("b", 1)], &[], None);
        replay(&mut journal, 2, &[], &["a"], None);
        replay(&mut journal, 9, &[], &[], None);
        replay(&mut journal, 10, &[], &["b"], None);
        assert_eq!(journal.horizon(), 9);
    }

    #[test]
    fn who_has_read_before_a_gap_reads_on() {
        let mut journal = Subject::default();
        replay(&mut journal, 1, &[("a", 1), ("b", 1)], &[], None);
        let cursor = journal.open_cursor();
        journal.advance(cursor, &mut Vec::new());
        replay(&mut journal, 9, &[], &[], None);
        assert!(!journal.is_behind(cursor));
        replay(&mut journal, 19, &[("a", 2)], &["b"], None);
        assert_eq!(unseen(&journal, cursor), ["a", "b"]);
    }

    #[test]
    fn a_change_through_a_publisher_takes_keys_from_an_exclusive_one() {
        let mut journal = Subject::default();
        let (ada, bob) = (journal.open_publisher(true), journal.open_publisher(false));
        replay(&mut journal, 1, &[("a", 1), ("b", 1)], &[], Some(ada));
        replay(&mut journal, 2, &[("a", 2)], &[], Some(bob));
        let left = journal.close_publisher(ada, &mut Vec::new());
        assert_eq!(left.iter().map(|mark| mark.key).collect::<Vec<_>>(), ["b"]);
        assert_eq!(left[0].fate, Fate::Set(1));
        replay(&mut journal, 9, &[("c", 1)], &[], Some(ada));
        assert_eq!(journal.close_publisher(ada, &mut Vec::new()), []);
        assert_eq!(journal.get(&"c"), Some(&1), "it is nobody's");
    }
}
