//! A multi-view as others know it: a store, and a copy of its content.

use std::collections::HashMap;

use change_buffers_core::store::{PublisherId, Terms};
use pyo3::prelude::*;

use crate::args::name::{Name, NameHasher};
use crate::args::options;
use crate::journal::content::ContentCopy;
use crate::journal::errors::frozen;
use crate::journal::lending::lend;
use crate::journal::level::bring_level;
use crate::journal::refused::refused;
use crate::journal::shared::{PyStore, StoreRef};

/// Through which publisher a key was changed.
pub(crate) type Owners = HashMap<Name, PublisherId, NameHasher>;

/// A shared dictionary that any number of views follow, each at its own pace.
///
/// An update costs the same whatever the number of views. Any number of threads may call any
/// method at any time; the operations on one multi-view are linearizable.
///
/// Args:
///     history: How many removed keys are remembered, the last ones, for views that go on from an
///         old version: `create_view(since=...)`. 0 or more.
///
/// Raises:
///     TypeError: `history` is not an integer.
///     ValueError: `history` is negative.
#[pyclass(frozen, subclass, weakref, dict, module = "change_buffers")]
pub(crate) struct DictionaryChangeMultiView {
    store: StoreRef,
    content: ContentCopy,
}

impl DictionaryChangeMultiView {
    pub(crate) fn create(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { store: StoreRef::create_with_content(py)?, content: ContentCopy::default() })
    }

    pub(crate) fn store(&self) -> &PyStore {
        &self.store
    }

    pub(crate) fn store_ref(&self) -> &StoreRef {
        &self.store
    }

    pub(crate) fn content(&self) -> &ContentCopy {
        &self.content
    }

    /// An update by a publisher or by anybody, perhaps on a condition.
    #[expect(clippy::inline_always, reason = "two methods consist of nothing else")]
    #[inline(always)]
    pub(crate) fn publish(
        &self,
        py: Python<'_>,
        by: Option<PublisherId>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
        unchanged_since: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if self.store.is_frozen() {
            return Err(frozen());
        }
        let since = |version| options::version(version, "unchanged_since");
        let unchanged_since = unchanged_since.map(since).transpose()?;
        // A dictionary of objects would say nothing of what they are on the wire.
        let encodes = self.store.object().get().encoding.get().is_on();
        let wants_whole = || !encodes && self.store.wants_whole();
        let result = lend(py, &self.store, updates, removals, wants_whole, |batch| {
            if by.is_none() && unchanged_since.is_none() {
                self.store.update(batch)
            } else {
                self.store.update_on(Terms { by, unchanged_since }, batch)
            }
        })?;
        result.map_err(|reason| refused(py, reason, unchanged_since))?;
        bring_level(py, &self.store);
        self.content.keep_level(py, &self.store);
        Ok(())
    }

    /// A change that was made elsewhere, has its version from there, and some keys through publishers.
    pub(crate) fn follow(
        &self,
        py: Python<'_>,
        updates: Option<&Bound<'_, PyAny>>,
        removals: Option<&Bound<'_, PyAny>>,
        version: u64,
        by: &Owners,
    ) -> PyResult<()> {
        if self.store.is_frozen() {
            return Err(frozen());
        }
        let encodes = self.store.object().get().encoding.get().is_on();
        let wants_whole = || !encodes && self.store.wants_whole();
        let result = lend(py, &self.store, updates, removals, wants_whole, |batch| {
            self.store.replay(batch, version, |key| by.get(key).copied())
        })?;
        result.map_err(|reason| refused(py, reason, None))?;
        bring_level(py, &self.store);
        self.content.keep_level(py, &self.store);
        Ok(())
    }

    /// To be called after every change that is not an update.
    pub(crate) fn keep_copy_level(&self, py: Python<'_>) {
        self.content.keep_level(py, &self.store);
    }

    /// Does so in the middle of anything, without waiting.
    pub(crate) fn forget_copy(&self) {
        self.content.forget(&self.store);
    }
}
