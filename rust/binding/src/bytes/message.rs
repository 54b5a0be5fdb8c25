//! From a change to bytes: fragments that are known, and those that are found on the way.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::args::name::Name;
use crate::bytes::codec::{Codec, too_long, utf8};
use crate::bytes::joined::joined;
use crate::kept::fragments::{Found, Fragments, Pair};

/// One key of a message.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a, 'py> {
    pub(crate) key: &'a Name,
    pub(crate) object: &'a Bound<'py, PyAny>,
    /// Where its bytes are kept, if others may send the same.
    pub(crate) fragments: Option<&'a Fragments>,
}

/// The message of these updates and removals.
pub(crate) fn message<'a, 'py: 'a>(
    codec: &Bound<'py, Codec>,
    envelope: Option<&str>,
    updates: impl Iterator<Item = Item<'a, 'py>>,
    removals: impl Iterator<Item = &'a Name>,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = codec.py();
    let pairs = pairs(codec.get(), updates)?;
    let removals: Vec<&Bound<'py, PyString>> = removals.map(|key| key.text(py)).collect();
    let removals: Vec<&str> =
        removals.into_iter().map(|key| utf8(key, "removals")).collect::<PyResult<_>>()?;
    let frame = codec.get().format().frame(envelope, pairs.len(), &removals);
    let frame = frame.map_err(|_| too_long())?;
    joined(py, frame.len(&pairs), frame.pieces(&pairs))
}

/// The pairs of a message, each from its fragment if that is known.
///
/// What another thread is at work on is left for later; if it is not there then, it is encoded here
/// too. So a value is encoded once as a rule, and nobody waits for anybody: whatever the codec's
/// function may do or hold, that cannot hang.
fn pairs<'a, 'py: 'a>(
    codec: &Codec,
    items: impl Iterator<Item = Item<'a, 'py>>,
) -> PyResult<Vec<Pair<'a>>> {
    let mut pairs = Vec::with_capacity(items.size_hint().1.unwrap_or_default());
    let mut later = Vec::new();
    for Item { key, object, fragments } in items {
        let Some(fragments) = fragments else {
            pairs.push(Pair::Own(codec.pair(key, object)?));
            continue;
        };
        // This is what nearly all of the time goes by.
        if let Some(pair) = fragments.at_hand(codec.identity()) {
            // Not `push()`: that makes the pair, then sees to the room, then moves it.
            pairs.extend(Some(Pair::Kept(pair)));
            continue;
        }
        pairs.push(match fragments.find(codec.identity()) {
            Found::Ready(pair) => pair,
            Found::Unknown(claim) => claim.settle(codec.pair(key, object)?),
            Found::Claimed(place) => {
                later.push((pairs.len(), place, key, object));
                Pair::Kept(&[])
            }
        });
    }
    for (index, place, key, object) in later {
        pairs[index] = match place.pair() {
            Some(pair) => pair,
            None => place.settle(codec.pair(key, object)?),
        };
    }
    Ok(pairs)
}
