//! What a view is asked to follow.

use change_buffers_core::store::{self, Filter};
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

/// What a view of a multi-view is asked to follow, checked.
#[derive(Clone)]
pub(crate) struct Following {
    filter: Option<Filter<Name>>,
    /// It holds the publisher until there is the view.
    without: Option<Py<Publisher>>,
    since: Option<u64>,
    is_snapshot: bool,
}

impl Following {
    pub(crate) fn new(
        multi_view: &DictionaryChangeMultiView,
        prefixes: Option<Prefixes>,
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
        Ok(Self { filter: prefixes.map(|prefixes| prefixes.0), without, since, is_snapshot })
    }

    pub(crate) fn of_store(&self) -> store::Following<Name> {
        store::Following {
            filter: self.filter.clone(),
            without: self.without.as_ref().map(|publisher| publisher.get().id()),
            since: self.since,
            is_snapshot: self.is_snapshot,
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.without)
    }
}

fn publisher(
    without: &Bound<'_, PyAny>,
    multi_view: &DictionaryChangeMultiView,
) -> PyResult<Py<Publisher>> {
    let Ok(publisher) = without.cast::<Publisher>() else {
        let name = type_name(without);
        return Err(PyTypeError::new_err(format!("without must be a Publisher, not {name}")));
    };
    let it = publisher.get();
    if !std::ptr::eq(it.multi_view().store(), multi_view.store()) {
        return Err(PyValueError::new_err("without must be a publisher of this multi-view"));
    }
    if it.is_closed() {
        return Err(PyValueError::new_err("without must be a publisher that is not closed"));
    }
    Ok(publisher.clone().unbind())
}
