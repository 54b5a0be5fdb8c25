//! `Stats`: counts for operations.

use change_buffers_core::store;
use pyo3::prelude::*;

/// How a multi-view was at one moment. Made by `DictionaryChangeMultiView.stats()`.
#[pyclass(frozen, eq, module = "change_buffers")]
#[derive(PartialEq, Eq)]
pub(crate) struct Stats(store::Stats);

impl From<store::Stats> for Stats {
    fn from(stats: store::Stats) -> Self {
        Self(stats)
    }
}

#[pymethods]
impl Stats {
    /// Keys of the content.
    #[getter]
    fn keys(&self) -> usize {
        self.0.keys
    }

    /// Removed keys that are kept for views that have not seen their removal.
    #[getter]
    fn tombstones(&self) -> usize {
        self.0.tombstones
    }

    /// Removed keys that all views know of, kept for those that come with an old version.
    #[getter]
    fn history(&self) -> usize {
        self.0.history
    }

    /// The oldest version that a view can go on from: see `create_view(since=...)`.
    #[getter]
    fn horizon(&self) -> u64 {
        self.0.horizon
    }

    /// Publishers that are open.
    #[getter]
    fn publishers(&self) -> usize {
        self.0.publishers
    }

    /// Keys that go with their publisher.
    #[getter]
    fn owned_keys(&self) -> usize {
        self.0.owned_keys
    }

    /// Views that follow the shared dictionary, be it frozen or not.
    #[getter]
    fn views(&self) -> usize {
        self.0.views
    }

    /// Threads that wait for a change, or for the next one to be due.
    #[getter]
    fn waiting_threads(&self) -> usize {
        self.0.waiting_threads
    }

    /// Asyncio tasks that wait for a change, or for the next one to be due.
    #[getter]
    fn waiting_tasks(&self) -> usize {
        self.0.waiting_tasks
    }

    /// The number of updates so far, of the multi-view and through its publishers.
    #[getter]
    fn version(&self) -> u64 {
        self.0.version
    }

    /// How many versions the slowest view is behind.
    #[getter]
    fn lag_versions(&self) -> u64 {
        self.0.lag_versions
    }

    /// How many keys the next flush of any view names at most.
    ///
    /// A key that changed twice counts twice, up to all keys there are.
    #[getter]
    fn lag_keys(&self) -> u64 {
        self.0.lag_keys
    }

    /// Updates so far that named a key.
    ///
    /// Those of single views are counted too, if the key is one that the view is about.
    #[getter]
    fn updates(&self) -> u64 {
        self.0.updates
    }

    /// Flushes so far that gave a change, those of subscriptions included.
    #[getter]
    fn flushes(&self) -> u64 {
        self.0.flushes
    }

    fn __repr__(&self) -> String {
        let store::Stats {
            keys,
            tombstones,
            history,
            horizon,
            publishers,
            owned_keys,
            views,
            waiting_threads,
            waiting_tasks,
            version,
            lag_versions,
            lag_keys,
            updates,
            flushes,
        } = self.0;
        format!(
            "Stats(keys={keys}, tombstones={tombstones}, history={history}, horizon={horizon}, \
             publishers={publishers}, owned_keys={owned_keys}, views={views}, \
             waiting_threads={waiting_threads}, waiting_tasks={waiting_tasks}, \
             version={version}, lag_versions={lag_versions}, lag_keys={lag_keys}, \
             updates={updates}, flushes={flushes})"
        )
    }
}
