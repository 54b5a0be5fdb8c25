//! What a change says of the flush it came from.

use pyo3::prelude::*;

/// What a flush was. It stays, whatever becomes of the parts of the change.
///
/// These are attributes like any, so another thing may be assigned to them. What is of no use as
/// one of these is kept among the extra attributes.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// Up to where it has seen the content of a multi-view, or [`NOWHERE`].
    version: u64,
    is_complete: bool,
    has_other_version: bool,
    has_other_completeness: bool,
}

/// No version: nobody counts that far.
const NOWHERE: u64 = u64::MAX;

impl Default for Origin {
    fn default() -> Self {
        Self::new(None, false)
    }
}

impl Origin {
    pub(crate) fn new(version: Option<u64>, is_complete: bool) -> Self {
        Self {
            version: version.unwrap_or(NOWHERE),
            is_complete,
            has_other_version: false,
            has_other_completeness: false,
        }
    }

    /// The attributes of one that says anything: others may be something else in a subclass.
    pub(crate) fn names(self) -> &'static [&'static str] {
        let Self { version, is_complete, has_other_version, has_other_completeness } = self;
        let says_nothing = version == NOWHERE && !is_complete;
        if says_nothing && !has_other_version && !has_other_completeness {
            return &[];
        }
        &["version", "is_complete"]
    }

    pub(crate) fn version(self, change: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = change.py();
        if self.has_other_version {
            return extra(change, "version");
        }
        let version = (self.version != NOWHERE).then_some(self.version);
        Ok(version.into_pyobject(py)?.unbind())
    }

    pub(crate) fn is_complete(self, change: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if self.has_other_completeness {
            return extra(change, "is_complete");
        }
        Ok(self.is_complete.into_pyobject(change.py())?.to_owned().into_any().unbind())
    }

    /// The same with another version.
    pub(crate) fn with_version(
        self,
        change: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        if let Ok(version) = value.extract::<Option<u64>>()
            && version != Some(NOWHERE)
        {
            let version = version.unwrap_or(NOWHERE);
            return Ok(Self { version, has_other_version: false, ..self });
        }
        change.getattr("__dict__")?.set_item("version", value)?;
        Ok(Self { has_other_version: true, ..self })
    }

    /// The same with another completeness.
    pub(crate) fn with_completeness(
        self,
        change: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        if let Ok(is_complete) = value.extract() {
            return Ok(Self { is_complete, has_other_completeness: false, ..self });
        }
        change.getattr("__dict__")?.set_item("is_complete", value)?;
        Ok(Self { has_other_completeness: true, ..self })
    }
}

fn extra(change: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Py<PyAny>> {
    Ok(change.getattr("__dict__")?.get_item(name)?.unbind())
}
