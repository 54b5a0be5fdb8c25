//! From a change that somebody has looked at to bytes.

use std::cell::LazyCell;
use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::args::keys::{names, updates_dict};
use crate::args::name::{Name, NameHasher};
use crate::bytes::codec::Codec;
use crate::bytes::message::{Item, message};
use crate::change::source::Source;
use crate::kept::value::Value;

/// The message of what was assigned to the parts of a change, or became of them.
///
/// What is still as the source gave it is encoded once for all.
pub(crate) fn parts<'py>(
    codec: &Bound<'py, Codec>,
    envelope: Option<&str>,
    updates: &Bound<'py, PyAny>,
    removals: &Bound<'py, PyAny>,
    source: Option<&Source>,
) -> PyResult<Bound<'py, PyBytes>> {
    let updates = updates_dict(updates)?;
    let removals = names(removals)?;
    let mut in_order = source.into_iter().flat_map(Source::values);
    let by_key: LazyCell<HashMap<&Name, &Value, NameHasher>, _> =
        LazyCell::new(|| source.into_iter().flat_map(Source::values).collect());
    let mut known = |key: &Name, object: &Bound<'py, PyAny>| {
        let next = in_order.next().filter(|(name, _)| *name == key).map(|(_, value)| value);
        let value = next.or_else(|| by_key.get(key).copied())?;
        let (known, fragments) = value.parts(codec.py());
        fragments.filter(|_| known.is(object))
    };
    let updates: Vec<_> = updates
        .iter()
        .map(|(key, object)| Ok((Name::new(key.cast()?)?, object)))
        .collect::<PyResult<_>>()?;
    let items =
        updates.iter().map(|(key, object)| Item { key, object, fragments: known(key, object) });
    message(codec, envelope, items, removals.iter())
}
