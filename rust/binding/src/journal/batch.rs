//! The arguments of an `update()` of a single buffer, which keeps them as they are.
//!
//! Mappings, iterables and keys may run any Python code here, raise half-way or call back into
//! the object that is being updated. What comes out runs no Python code any more.

use change_buffers_core::batch;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::args::keys::{Names, Updates, names, own_or_borrowed_dict, with_exact_keys};
use crate::args::name::{Name, NameHasher};
use crate::change::dicts::Dicts;
use crate::change::finished::Finished;
use crate::kept::packed::is_any_packed;
use crate::kept::value::Value;

/// From how many keys on a finished dictionary is worth its price: building one key by key costs
/// more than two copies.
pub(crate) const WORTH_COPYING: usize = 3;

pub(crate) type Batch = batch::Batch<Name, Value, Finished>;

/// Fills an empty batch with the arguments of an `update()`.
///
/// It gets a dictionary of its updates too, fit to be handed out, if `wants_whole` says so. That
/// is not asked about a batch that is too small for it or has removals.
#[expect(clippy::inline_always, reason = "it is most of what an update does here")]
#[inline(always)]
pub(crate) fn fill(
    batch: &mut Batch,
    updates: Option<&Bound<'_, PyAny>>,
    removals: Option<&Bound<'_, PyAny>>,
    wants_whole: impl FnOnce() -> bool,
) -> PyResult<()> {
    let Some(updates) = updates else {
        if let Some(removals) = removals {
            remove(batch, names(removals)?);
        }
        return Ok(());
    };
    let Updates { mut dict, is_own } = own_or_borrowed_dict(updates)?;
    // First, because all of this may run code that changes the dictionary.
    let removals = removals.map(names).transpose()?;
    let whole = removals.is_none() && dict.len() >= WORTH_COPYING && wants_whole();
    if !is_own && (whole || cfg!(Py_GIL_DISABLED)) {
        dict = dict.copy()?;
    }
    if !set_all(batch, &dict)? {
        dict = with_exact_keys(&dict)?;
        *batch = Batch::default();
        set_all(batch, &dict)?;
    }
    if let Some(removals) = removals {
        remove(batch, removals);
    } else if whole && !is_any_packed(&dict) {
        batch.finish(Finished::Dicts(Dicts { updates: dict.unbind(), removals: None }), false);
    }
    Ok(())
}

fn remove(batch: &mut Batch, Names { names, are_distinct }: Names) {
    if are_distinct {
        batch.remove_distinct::<NameHasher>(names);
    } else {
        batch.remove::<NameHasher>(names);
    }
}

/// Adds the items of a dictionary; says no if a key is not an exact `str`. Runs no Python code.
fn set_all(batch: &mut Batch, dict: &Bound<'_, PyDict>) -> PyResult<bool> {
    let mut end = Ok(true);
    // Spares the iterator the search for an item after the last.
    let items = dict.iter().take(dict.len()).map_while(|(key, value)| {
        match key.cast_into_exact::<PyString>().map(Name::of_exact) {
            Ok(Ok(name)) => return Some((name, Value::new(value))),
            Ok(Err(error)) => end = Err(error),
            Err(_) => end = Ok(false),
        }
        None
    });
    batch.set_all(items);
    end
}
