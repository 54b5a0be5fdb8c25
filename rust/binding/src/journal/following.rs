//! What a view is asked to follow.

use change_buffers_core::store::{self, Filter, PublisherId, ViewId};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::args::errors::type_name;
use crate::args::name::Name;
use crate::args::options;
use crate::args::prefixes::Prefixes;
use crate::journal::publisher::Publisher;
use crate::journal::refused::from_the_future;
use crate::journal::room::DictionaryChangeMultiView;
use crate::journal::shared::StoreRef;

/// What a view of a multi-view is asked to follow, checked.
pub(crate) struct Following {
    store: StoreRef,
    filter: Option<Filter<Name>>,
    /// Most are asked for nothing else.
    more: Option<Box<More>>,
}

struct More {
    /// Held by the store, so that no other is taken for it. It may go with its owner all the same.
    without: Option<PublisherId>,
    since: Option<u64>,
    is_snapshot: bool,
}

impl Following {
    #[expect(clippy::inline_always, reason = "most ask for nothing")]
    #[inline(always)]
    pub(crate) fn new(
        multi_view: &DictionaryChangeMultiView,
        prefixes: Option<Prefixes>,
        is_snapshot: bool,
        since: Option<&Bound<'_, PyAny>>,
        without: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let more = if is_snapshot || since.is_some() || without.is_some() {
            Some(Box::new(More::new(multi_view, is_snapshot, since, without)?))
        } else {
            None
        };
        let filter = prefixes.map(|prefixes| prefixes.0);
        Ok(Self { store: multi_view.store_ref().clone(), filter, more })
    }

    pub(crate) fn store(&self) -> &StoreRef {
        &self.store
    }

    /// A new view that does.
    pub(crate) fn open_view(&self) -> ViewId {
        let filter = self.filter.clone();
        let Some(more) = &self.more else { return self.store.open_view(filter) };
        let More { without, since, is_snapshot } = **more;
        self.store.follow(store::Following { filter, without, since, is_snapshot })
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.store.visit_first(visit, |_| Ok(()))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(publisher) = self.more.as_ref().and_then(|more| more.without) {
            self.store.release_publisher(publisher);
        }
    }
}

impl More {
    fn new(
        multi_view: &DictionaryChangeMultiView,
        is_snapshot: bool,
        since: Option<&Bound<'_, PyAny>>,
        without: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let since = since.map(|since| options::version(since, "since")).transpose()?;
        if is_snapshot && since.is_some() {
            return Err(PyValueError::new_err(
                "snapshot and since exclude each other: what begins with everything goes on from \
                 nowhere",
            ));
        }
        if let Some(since) = since.filter(|since| *since > multi_view.store().version()) {
            return Err(from_the_future("since", since));
        }
        let without = without.map(|without| publisher(without, multi_view)).transpose()?;
        Ok(Self { without, since, is_snapshot })
    }
}

fn publisher(
    without: &Bound<'_, PyAny>,
    multi_view: &DictionaryChangeMultiView,
) -> PyResult<PublisherId> {
    let Ok(publisher) = without.cast::<Publisher>() else {
        let name = type_name(without);
        return Err(PyTypeError::new_err(format!("without must be a Publisher, not {name}")));
    };
    let it = publisher.get();
    if !it.store().object().is(multi_view.store_ref().object()) {
        return Err(PyValueError::new_err("without must be a publisher of this multi-view"));
    }
    if it.is_closed() {
        return Err(PyValueError::new_err("without must be a publisher that is not closed"));
    }
    it.store().hold_publisher(it.id());
    Ok(it.id())
}
