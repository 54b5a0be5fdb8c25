//! From a change that somebody has looked at to bytes.

use std::cell::LazyCell;
use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::args::keys::{Names, names, updates_dict};
use crate::args::name::{Name, NameHasher};
use crate::bytes::codec::Codec;
use crate::bytes::message::{Item, message};
use crate::change::source::Source;
use crate::kept::encoding::Encoding;
use crate::kept::value::Value;

/// The message of what was assigned to the parts of a change, or became of them.
///
/// What is still as the source gave it is encoded once for all. Without a source, because nothing of
/// the store had been encoded when it was flushed, that is what the content still has.
pub(crate) fn parts<'py>(
    codec: &Bound<'py, Codec>,
    envelope: Option<&str>,
    updates: &Bound<'py, PyAny>,
    removals: &Bound<'py, PyAny>,
    source: Option<&Source>,
    encoding: Option<&Encoding>,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = codec.py();
    let updates = updates_dict(updates)?;
    let Names { names: removals, .. } = names(removals)?;
    let objects = updates.values();
    let keys =
        updates.keys().iter().map(|key| Name::new(key.cast()?)).collect::<PyResult<Vec<_>>>()?;
    let content = match (source, encoding) {
        (None, Some(encoding)) => encoding.begin(py, &keys)?,
        _ => Vec::new(),
    };
    let mut in_order = source.into_iter().flat_map(Source::values);
    let by_key: LazyCell<HashMap<&Name, &Value, NameHasher>, _> =
        LazyCell::new(|| source.into_iter().flat_map(Source::values).collect());
    let objects: Vec<_> = objects.iter().collect();
    let items = keys.iter().zip(&objects).enumerate().map(|(place, (key, object))| {
        let given = in_order.next().filter(|(name, _)| *name == key).map(|(_, value)| value);
        let found = content.get(place).and_then(Option::as_ref);
        let value = given.or_else(|| by_key.get(key).copied()).or(found);
        // Whoever looked may have been given another object than what was published.
        let known = value.filter(|value| value.is_seen_as(object)).map(|value| value.parts(py));
        let (object, fragments) = known.unwrap_or((object, None));
        Item { key, object, fragments }
    });
    message(codec, envelope, items, removals.iter())
}
