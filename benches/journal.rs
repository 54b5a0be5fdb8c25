//! What the journal costs without Python around it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use change_buffers_core::batch::Batch;
use change_buffers_core::journal::{CursorId, Journal, Terms};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hashbrown::DefaultHashBuilder;

type Numbers = Journal<u64, u64, DefaultHashBuilder>;

/// How many cursors read in one measurement, to make the clock's own cost disappear.
const READERS: usize = 1000;

/// A journal with so many keys, and so many cursors that have seen them all.
fn journal(keys: u64, cursors: usize) -> (Numbers, Vec<CursorId>) {
    let mut journal = Numbers::default();
    let cursors = (0..cursors).map(|_| journal.open_cursor()).collect();
    let applied = journal.apply(&mut updates(keys), Terms::default(), &mut Vec::new());
    assert!(applied.is_ok(), "nobody refuses");
    (journal, cursors)
}

fn updates(keys: u64) -> Batch<u64, u64> {
    Batch::new((0..keys).map(|key| (key, key)), [])
}

fn read(journal: &mut Numbers, cursor: CursorId) {
    for seen in journal.unseen(cursor) {
        black_box(seen);
    }
    journal.advance(cursor, &mut Vec::new());
}

/// The same keys over and over: what an update displaces is what the next one brings.
fn update(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("update");
    for keys in [1, 10, 1000] {
        for cursors in [0, 1, 1000] {
            let (mut journal, _cursors) = journal(keys, cursors);
            let (mut batch, mut freed) = (updates(keys), Vec::new());
            let id = BenchmarkId::new(format!("keys: {keys}"), format!("cursors: {cursors}"));
            group.throughput(Throughput::Elements(keys));
            group.bench_function(id, |bencher| {
                bencher.iter(|| journal.apply(black_box(&mut batch), Terms::default(), &mut freed));
            });
        }
    }
}

/// One cursor after the other reads the same update.
fn read_update(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for keys in [1, 100] {
        let (mut journal, cursors) = journal(keys, READERS);
        let mut batch = updates(keys);
        group.throughput(Throughput::Elements(READERS as u64));
        group.bench_function(format!("keys: {keys}/cursors: {READERS}"), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut reading = Duration::ZERO;
                for _ in 0..iterations {
                    drop(journal.apply(&mut batch, Terms::default(), &mut Vec::new()));
                    let start = Instant::now();
                    for &cursor in &cursors {
                        read(&mut journal, cursor);
                    }
                    reading += start.elapsed();
                }
                reading
            });
        });
    }
}

fn open_cursor(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open and close a cursor");
    for keys in [10, 10_000] {
        let (mut journal, _) = journal(keys, 0);
        group.bench_function(format!("keys: {keys}"), |bencher| {
            bencher.iter(|| {
                let cursor = journal.open_cursor();
                journal.close_cursor(black_box(cursor), &mut Vec::new());
            });
        });
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = update, read_update, open_cursor
}
criterion_main!(benches);
