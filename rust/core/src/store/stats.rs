//! Counts for operations.

use std::hash::BuildHasher;

use super::{Store, ViewId};
use crate::batch::Key;

/// How a store is at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys of the content.
    pub keys: usize,
    /// Removed keys that are kept for views that have not seen their removal.
    pub tombstones: usize,
    /// Removed keys that all views know of, kept for those that come with an old version.
    pub history: usize,
    /// The oldest version from which a view can go on.
    pub horizon: u64,
    /// Publishers that are open.
    pub publishers: usize,
    /// Keys that go with their publisher.
    pub owned_keys: usize,
    /// Views that follow the shared dictionary, frozen or not.
    pub views: usize,
    /// Threads that wait for a change, or for the next one to be due.
    pub waiting_threads: usize,
    /// Tasks that do.
    pub waiting_tasks: usize,
    /// Counts up with every update.
    pub version: u64,
    /// How many versions the slowest view is behind.
    pub lag_versions: u64,
    /// How many keys the next flush of a view names at most.
    pub lag_keys: u64,
    /// Updates so far that named a key; of single views, those that named one of theirs.
    pub updates: u64,
    /// Flushes so far that gave a change.
    pub flushes: u64,
}

impl<K: Key, V: Clone, W: Clone, S: BuildHasher + Default> Store<K, V, W, S> {
    /// Takes time in proportion to the views, the event loops and the history, whatever is pending.
    pub fn stats(&self) -> Stats {
        let data = self.lock();
        let views = data.views.iter();
        let cursors = views.filter_map(|(slot, view)| Some((ViewId(slot), view.cursor?)));
        let history = data.journal.remembered();
        let mut stats = Stats {
            keys: data.journal.len(),
            tombstones: data.journal.tombstones() - history,
            history,
            horizon: data.journal.horizon(),
            publishers: data.journal.publishers(),
            owned_keys: data.journal.owned(),
            waiting_threads: data.waiters.threads(),
            waiting_tasks: data.waiters.tasks(),
            version: data.journal.version(),
            updates: data.updates,
            flushes: data.flushes,
            ..Stats::default()
        };
        for (view, cursor) in cursors {
            stats.views += 1;
            // What has changed meanwhile does not concern it.
            if data.waiters.is_up_to_date(view) {
                continue;
            }
            let (versions, keys) = data.journal.lag(cursor);
            stats.lag_versions = stats.lag_versions.max(versions);
            stats.lag_keys = stats.lag_keys.max(keys);
        }
        stats
    }
}
