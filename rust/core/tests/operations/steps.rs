//! The operations of a sequence and how often each is tried.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::model::Change;

/// An operation. Whatever it is done to is picked from those that are there.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// With its finished form, if it can have one; on certain terms, perhaps.
    Update(Change, bool, Option<Index>, Option<Index>),
    UpdateView(Index, Change, bool),
    /// Of some keys, without a publisher, since a version, as a snapshot, perhaps.
    OpenView(Option<u8>, Option<Index>, Option<Index>, bool),
    CloneView(Index),
    /// Exclusive, perhaps.
    OpenPublisher(bool),
    /// Its owner stays, perhaps.
    ClosePublisher(Index, bool),
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
        60 => (change(), any::<bool>(), prop::option::of(at()), prop::option::weighted(0.2, at()))
            .prop_map(|(change, whole, by, since)| Step::Update(change, whole, by, since)),
        25 => (at(), change(), any::<bool>()).prop_map(|(at, change, whole)| {
            Step::UpdateView(at, change, whole)
        }),
        12 => (prop::option::of(0..3_u8), prop::option::of(at()), prop::option::of(at()), any::<bool>())
            .prop_map(|(topic, without, since, is_snapshot)| {
                Step::OpenView(topic, without, since, is_snapshot)
            }),
        4 => at().prop_map(Step::CloneView),
        5 => any::<bool>().prop_map(Step::OpenPublisher),
        3 => (at(), any::<bool>()).prop_map(|(at, stays)| Step::ClosePublisher(at, stays)),
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

/// What is done to a store whose keys are changed one by one, and whose views follow all of it, each
/// at its own pace: finished forms outlast updates.
fn steady_step() -> impl Strategy<Value = Step> {
    let at = any::<Index>;
    let change = |most: u8, number| {
        prop::collection::btree_map(0..most, any::<i32>(), number)
            .prop_map(|updates| Change { updates, removals: BTreeSet::new() })
    };
    prop_oneof![
        60 => change(40, 1..3).prop_map(|change| Step::Update(change, false, None, None)),
        6 => (change(40, 20..41), any::<bool>())
            .prop_map(|(change, whole)| Step::Update(change, whole, None, None)),
        2 => self::change().prop_map(|change| Step::Update(change, false, None, None)),
        6 => any::<bool>().prop_map(|is_snapshot| Step::OpenView(None, None, None, is_snapshot)),
        1 => at().prop_map(|since| Step::OpenView(None, None, Some(since), false)),
        2 => at().prop_map(Step::CloneView),
        2 => at().prop_map(Step::Leave),
        40 => at().prop_map(|at| Step::Flush(at, true)),
        1 => (at(), self::change()).prop_map(|(at, change)| Step::UpdateView(at, change, false)),
        1 => Just(Step::OpenReader),
        3 => at().prop_map(Step::Read),
    ]
}

/// What is done to a store that nobody follows: what goes is forgotten at once.
fn lonely_step() -> impl Strategy<Value = Step> {
    let at = any::<Index>;
    prop_oneof![
        60 => (change(), any::<bool>(), prop::option::of(at()), prop::option::weighted(0.2, at()))
            .prop_map(|(change, whole, by, since)| Step::Update(change, whole, by, since)),
        5 => any::<bool>().prop_map(Step::OpenPublisher),
        3 => (at(), any::<bool>()).prop_map(|(at, stays)| Step::ClosePublisher(at, stays)),
        1 => Just(Step::Clear),
    ]
}

/// How much history is kept, and what is done.
pub(crate) fn steps() -> impl Strategy<Value = (usize, Vec<Step>)> {
    prop_oneof![
        5 => (prop_oneof![Just(0), 1..10_usize], prop::collection::vec(step(), 1..100)),
        1 => (Just(0), prop::collection::vec(lonely_step(), 1..100)),
        2 => (0..3_usize, prop::collection::vec(steady_step(), 1..150)),
    ]
}
