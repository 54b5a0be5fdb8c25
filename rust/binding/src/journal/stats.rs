//! `Stats`: counts for operations.

use change_buffers_core::store;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

/// How a multi-view was at one moment. Made by `DictionaryChangeMultiView.stats()`.
///
/// Does not change, can be compared, pickled and copied.
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

    /// Views that follow the shared dictionary, frozen or not.
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

    /// Give all counts as a new `dict`, by name, in the order of the documentation.
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.counts().into_py_dict(py)
    }

    /// What was pickled. A count that another version of this module has not is 0.
    #[staticmethod]
    fn _from_dict(counts: &Bound<'_, PyDict>) -> PyResult<Self> {
        let count = |name| match counts.get_item(name)? {
            Some(count) => count.extract::<u64>(),
            None => Ok(0),
        };
        let size = |name| PyResult::Ok(usize::try_from(count(name)?)?);
        Ok(Self(store::Stats {
            keys: size("keys")?,
            tombstones: size("tombstones")?,
            history: size("history")?,
            horizon: count("horizon")?,
            publishers: size("publishers")?,
            owned_keys: size("owned_keys")?,
            views: size("views")?,
            waiting_threads: size("waiting_threads")?,
            waiting_tasks: size("waiting_tasks")?,
            version: count("version")?,
            lag_versions: count("lag_versions")?,
            lag_keys: count("lag_keys")?,
            updates: count("updates")?,
            flushes: count("flushes")?,
        }))
    }

    /// How `copy` and `pickle` make another.
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let restore = slf.get_type().getattr(intern!(slf.py(), "_from_dict"))?;
        Ok((restore, (slf.get().as_dict(slf.py())?,)))
    }

    fn __repr__(&self) -> String {
        let counts = self.counts().map(|(name, count)| format!("{name}={count}"));
        format!("Stats({})", counts.join(", "))
    }
}

impl Stats {
    fn counts(&self) -> [(&'static str, u64); 14] {
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
        [
            ("keys", keys as u64),
            ("tombstones", tombstones as u64),
            ("history", history as u64),
            ("horizon", horizon),
            ("publishers", publishers as u64),
            ("owned_keys", owned_keys as u64),
            ("views", views as u64),
            ("waiting_threads", waiting_threads as u64),
            ("waiting_tasks", waiting_tasks as u64),
            ("version", version),
            ("lag_versions", lag_versions),
            ("lag_keys", lag_keys),
            ("updates", updates),
            ("flushes", flushes),
        ]
    }
}
