//! The arguments of an `update()` of the content: a journal copies of the names only those that it
//! does not know, so they are lent to it.

use change_buffers_core::batch;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::args::exact::{borrowed_items, borrowed_list, has_exact_keys};
use crate::args::keys::{Removals, Updates, own_or_borrowed_dict, with_exact_keys};
use crate::args::lent::Lent;
use crate::args::tables;
use crate::change::dicts::Dicts;
use crate::change::finished::Finished;
use crate::journal::batch::WORTH_COPYING;
use crate::journal::level::CAN_LAST;
use crate::journal::shared::PyStore;
use crate::kept::packed::is_any_packed;
use crate::kept::value::Value;

pub(crate) type LentBatch = batch::Batch<Lent, Value, Finished>;

/// What keeps lent names alive.
#[derive(Default)]
struct Lenders<'py> {
    _updates: Option<Bound<'py, PyDict>>,
    _removals: Option<Removals<'py>>,
}

/// Has something done with the arguments of an `update()` of a store. That must run no Python code as
/// long as it looks at the names.
///
/// As with [`fill`](super::batch::fill), there is a dictionary of the updates too if `wants_whole` says
/// so.
#[expect(clippy::inline_always, reason = "it is most of what an update does here")]
#[inline(always)]
pub(crate) fn lend<T>(
    py: Python<'_>,
    store: &PyStore,
    updates: Option<&Bound<'_, PyAny>>,
    removals: Option<&Bound<'_, PyAny>>,
    wants_whole: impl Fn() -> bool,
    apply: impl FnOnce(&mut LentBatch) -> T,
) -> PyResult<T> {
    let mut batch = LentBatch::default();
    let is_usual = removals.is_none() && !cfg!(Py_GIL_DISABLED);
    let plain = updates.filter(|_| is_usual).and_then(|it| it.cast_exact::<PyDict>().ok());
    let _lenders = match plain {
        // By far the most frequent arguments: the caller keeps the dictionary, and nobody else can
        // change it meanwhile.
        Some(dict)
            if !store.see_to_departed()
                && has_exact_keys(dict)
                && (dict.len() < WORTH_COPYING || !wants_whole()) =>
        {
            lend_items(&mut batch, dict);
            Lenders::default()
        }
        _ => lend_any(py, store, &mut batch, updates, removals, wants_whole)?,
    };
    Ok(apply(&mut batch))
}

#[inline(never)]
fn lend_any<'py>(
    py: Python<'py>,
    store: &PyStore,
    batch: &mut LentBatch,
    updates: Option<&Bound<'py, PyAny>>,
    removals: Option<&Bound<'py, PyAny>>,
    wants_whole: impl Fn() -> bool,
) -> PyResult<Lenders<'py>> {
    let mut updates = updates.map(own_or_borrowed_dict).transpose()?;
    let mut removals = removals.map(Removals::of).transpose()?;
    let mut whole = false;
    if let Some(Updates { dict, is_own }) = &mut updates {
        whole = removals.is_none() && dict.len() >= WORTH_COPYING && wants_whole();
        if !*is_own && (whole || cfg!(Py_GIL_DISABLED)) {
            *dict = dict.copy()?;
        }
    }
    // Making something exact may run Python code, which may change the other, and so may what is to be
    // dropped before the store is locked: so the last thing is to see that there is nothing left of
    // any of this. Nothing goes then before the store is locked, unless there is no GIL.
    loop {
        let mut may_have_run_code = store.see_to_departed();
        if let Some(Updates { dict, .. }) = &mut updates
            && !has_exact_keys(dict)
        {
            *dict = with_exact_keys(dict)?;
            may_have_run_code = true;
        }
        if let Some(inexact) = removals.take_if(|removals| !removals.are_exact()) {
            removals = Some(inexact.made_exact()?);
            may_have_run_code = true;
        }
        if !may_have_run_code {
            break;
        }
    }
    let updates = updates.map(|updates| updates.dict);
    if let Some(dict) = &updates {
        lend_items(batch, dict);
        if whole && !is_any_packed(dict) {
            batch.finish(
                Finished::Dicts(Dicts { updates: dict.clone().unbind(), removals: None }),
                CAN_LAST,
            );
        }
    }
    match &removals {
        None => {}
        Some(Removals::Set(keys)) => {
            // SAFETY: the set keeps them alive, as the dictionary does with its keys.
            let names = tables::set_keys(keys).map(|key| unsafe { Lent::new(py, key) });
            add_removals(batch, names, true);
        }
        Some(Removals::List { keys, are_distinct }) => {
            // SAFETY: so does the list.
            let names = borrowed_list(keys).map(|key| unsafe { Lent::new(py, key) });
            add_removals(batch, names, *are_distinct);
        }
        Some(Removals::Names(names)) => {
            add_removals(batch, names.iter().map(Lent::of), false);
        }
    }
    Ok(Lenders { _updates: updates, _removals: removals })
}

/// All keys are exact `str`.
#[inline]
fn lend_items(batch: &mut LentBatch, dict: &Bound<'_, PyDict>) {
    let py = dict.py();
    batch.set_all(borrowed_items(dict).map(|(key, value)| {
        // SAFETY: the dictionary keeps both alive. It is either nobody else's before the mutex is
        // released, or there is a GIL and no Python code runs before that.
        unsafe { (Lent::new(py, key), Value::new(Bound::from_borrowed_ptr(py, value))) }
    }));
}

fn add_removals(batch: &mut LentBatch, names: impl Iterator<Item = Lent>, are_distinct: bool) {
    if are_distinct && batch.is_empty() {
        batch.remove_only(names);
    } else {
        batch.remove_as_they_come(names);
    }
}
