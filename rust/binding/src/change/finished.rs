//! A change that was made before anybody asked for it.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::change::dicts::Dicts;
use crate::change::source::Source;

/// A change as Python objects, ready to be handed out.
#[derive(Clone)]
pub(crate) enum Finished {
    /// For those who never encode.
    Dicts(Dicts),
    /// For those who may, and may never ask for dictionaries.
    Source(Py<Source>),
}

impl Finished {
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Dicts(dicts) => dicts.visit(visit),
            Self::Source(source) => visit.call(source),
        }
    }
}
