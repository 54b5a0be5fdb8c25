//! Random operations on a store, against a model of it in the plainest words: every view has a
//! private copy of what is pending for it.

mod model;
mod names;
mod readers;
mod steps;
mod trial;
mod waiters;

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, TestRunner};

use crate::steps::{Step, steps};
use crate::trial::Trial;

/// How many sequences an ordinary run of the tests tries.
const CASES: u32 = if cfg!(miri) { 5 } else { 1000 };

fn check(history: usize, steps: Vec<Step>) {
    let mut trial = Trial::new(history);
    for step in steps {
        trial.run(step);
    }
    trial.end();
}

/// Tries so many sequences, none of which was tried before. Gives the number of operations.
fn run(cases: u32) -> usize {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let operations = Cell::new(0);
    let result = TestRunner::new(config).run(&steps(), |(history, steps)| {
        operations.set(operations.get() + steps.len());
        check(history, steps);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    operations.get()
}

#[test]
fn every_view_hands_out_what_a_private_copy_would_hold() {
    run(CASES);
}

#[test]
#[ignore = "takes as long as it is told: make fuzz"]
fn every_view_hands_out_what_a_private_copy_would_hold_for_as_long_as_it_is_told() {
    let seconds = std::env::var("FUZZ_SECONDS")
        .map_or(60, |seconds| seconds.parse().expect("FUZZ_SECONDS is a whole number of seconds"));
    let (start, mut cases, mut operations) = (Instant::now(), 0, 0);
    while start.elapsed() < Duration::from_secs(seconds) {
        operations += run(CASES);
        cases += CASES;
    }
    eprintln!("{operations} operations in {cases} sequences, {:.0?}", start.elapsed());
}
