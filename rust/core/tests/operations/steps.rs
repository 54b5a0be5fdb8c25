//! The operations of a sequence and how often each is tried.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::model::Change;

/// An operation. Whatever it is done to is picked from those that are there.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// With its finished form, if it can have one.
    Update(Change, bool),
    UpdateView(Index, Change, bool),
    OpenView(Option<u8>),
    OpenBuffer,
    Leave(Index),
    /// Keeps a finished form, should it be of use.
    Flush(Index, bool),
    /// Keeps the finished form of an earlier flush.
    Memoize,
    Peek(Index),
    FreezeView(Index),
    Freeze,
    Clear,
    ClearView(Index),
    OpenReader,
    Read(Index),
    CloseReader(Index),
    /// In a thread or in a task, for a change or for the end.
    Wait(Index, bool, bool),
    GiveUp(Index),
    Poke(Index),
    Answer,
}

fn change() -> impl Strategy<Value = Change> {
    let key = 0..12_u8;
    let updates = prop::collection::btree_map(key.clone(), any::<i32>(), 0..4);
    // The finished form of a change stands for updates alone.
    let removals = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => prop::collection::btree_set(key, 1..4),
    ];
    (updates, removals).prop_map(|(updates, removals)| Change { updates, removals })
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<Index>;
    prop_oneof![
        60 => (change(), any::<bool>()).prop_map(|(change, whole)| Step::Update(change, whole)),
        25 => (at(), change(), any::<bool>()).prop_map(|(at, change, whole)| {
            Step::UpdateView(at, change, whole)
        }),
        12 => prop::option::of(0..3_u8).prop_map(Step::OpenView),
        2 => Just(Step::OpenBuffer),
        6 => at().prop_map(Step::Leave),
        50 => (at(), any::<bool>()).prop_map(|(at, keep)| Step::Flush(at, keep)),
        6 => Just(Step::Memoize),
        12 => at().prop_map(Step::Peek),
        3 => at().prop_map(Step::FreezeView),
        1 => Just(Step::Freeze),
        1 => Just(Step::Clear),
        1 => at().prop_map(Step::ClearView),
        3 => Just(Step::OpenReader),
        15 => at().prop_map(Step::Read),
        2 => at().prop_map(Step::CloseReader),
        25 => (at(), any::<bool>(), prop::bool::weighted(0.7)).prop_map(|(at, thread, change)| {
            Step::Wait(at, thread, change)
        }),
        5 => at().prop_map(Step::GiveUp),
        3 => at().prop_map(Step::Poke),
        12 => Just(Step::Answer),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..100)
}
