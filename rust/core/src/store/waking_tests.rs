//! A change wakes those whom it concerns, always, and nobody else, however many wait.

use std::collections::hash_map::RandomState;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

type Subject = Store<u32, i32, (), RandomState>;

/// How many of these have been woken.
fn woken(sleepers: &[Arc<Sleeper>]) -> usize {
    sleepers.iter().filter(|sleeper| sleeper.sleep(Some(Instant::now()))).count()
}

#[test]
fn each_single_update_wakes_the_thread_that_waits_for_it() {
    const CHANGES: u32 = 30_000;
    let store = Subject::default();
    let view = store.open_view(None);
    let taken = AtomicU32::new(0);
    thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            while taken.load(Ordering::Relaxed) < CHANGES {
                match store.flush(view, &mut Harvest::default()) {
                    Flush::Change => drop(taken.fetch_add(1, Ordering::Release)),
                    Flush::Drained => break,
                    Flush::Nothing => {
                        if let Some(sleeper) = store.wait(view, WakeFor::Change) {
                            let deadline = Instant::now() + Duration::from_secs(20);
                            assert!(sleeper.sleep(Some(deadline)), "a wake-up was lost");
                        }
                    }
                }
            }
        });
        for change in 0..CHANGES {
            // The last one has been taken, so nothing but this one can wake the other thread, which
            // is anywhere between taking, looking, registering and sleeping.
            store.update(&mut Batch::new([(0, 1)], [])).expect("not frozen");
            while taken.load(Ordering::Acquire) == change && !consumer.is_finished() {
                if change % 2 == 0 { std::hint::spin_loop() } else { thread::yield_now() }
            }
        }
    });
}

/// Counts how often it is rung; it may be out of order.
#[derive(Default)]
struct Bell {
    rung: AtomicU32,
    is_broken: AtomicBool,
}

impl Ring for Bell {
    fn ring(&self, _: HubId) -> bool {
        self.rung.fetch_add(1, Ordering::Relaxed);
        !self.is_broken.load(Ordering::Relaxed)
    }
}

impl Bell {
    fn rung(&self) -> u32 {
        self.rung.swap(0, Ordering::Relaxed)
    }
}

type Texts = Store<&'static str, i32, (), RandomState>;

fn update(store: &Texts, key: &'static str) {
    store.update(&mut Batch::new([(key, 1)], [])).expect("not frozen");
}

fn about(store: &Texts, prefixes: &[&'static str]) -> ViewId {
    store.open_view(Some(Filter::of_prefixes(prefixes.to_vec())))
}

#[test]
fn the_tasks_told_are_those_whom_the_change_concerns() {
    let store = Texts::default();
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    let hubs = bells.each_ref().map(|bell| store.open_hub(bell.clone()));
    let views = [&["a"][..], &["ab", "b"], &["ab", "c"], &["a"], &[]].map(|it| about(&store, it));
    let wait = |hub: usize, view: usize| {
        store.wait_in(hubs[hub], views[view], WakeFor::Change).expect("nothing is pending")
    };
    let tickets = [wait(0, 0), wait(0, 1), wait(1, 2), wait(1, 3), wait(1, 4)];
    let rung = || bells.each_ref().map(|bell| bell.rung());
    let answers = || hubs.map(|hub| store.answer(hub));
    update(&store, "x");
    assert_eq!((rung(), answers()), ([0, 0], [vec![], vec![]]));
    update(&store, "b");
    assert_eq!((rung(), answers()), ([1, 0], [vec![tickets[1]], vec![]]));
    update(&store, "aa");
    update(&store, "abc");
    assert_eq!(rung(), [1, 1], "once");
    let [first, mut second] = answers();
    second.sort_by_key(|ticket| ticket.0);
    assert_eq!((first, second), (vec![tickets[0]], vec![tickets[2], tickets[3]]));
    update(&store, "a");
    assert_eq!(rung(), [0, 0], "they do not wait any more");
    assert_eq!(store.stats().waiting_tasks, 1);
}

#[test]
fn a_task_that_comes_too_late_waits_on() {
    for alone in [false, true] {
        let (store, bell) = (Texts::default(), Arc::new(Bell::default()));
        let (hub, view) = (store.open_hub(bell.clone()), about(&store, &["a"]));
        let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
        for _ in 0..2 {
            if alone {
                store.update_view(view, &mut Batch::new([("a", 1)], [])).expect("not frozen");
            } else {
                update(&store, "a");
            }
            assert_eq!(store.flush(view, &mut Harvest::default()), Flush::Change);
            assert_eq!((bell.rung(), store.answer(hub)), (1, vec![]));
        }
        update(&store, "b");
        assert_eq!(bell.rung(), 0);
        update(&store, "a");
        assert_eq!((bell.rung(), store.answer(hub)), (1, vec![ticket]));
    }
}

#[test]
fn a_loop_that_does_not_answer_is_rung_again_after_many_changes() {
    let (store, bell) = (Texts::default(), Arc::new(Bell::default()));
    let hub = store.open_hub(bell.clone());
    let view = about(&store, &["a"]);
    store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
    update(&store, "a");
    assert_eq!(bell.rung(), 1);
    for changes in 1..=2048 {
        // Whatever they are about.
        update(&store, if changes % 2 == 0 { "a" } else { "b" });
        assert_eq!(bell.rung(), u32::from(changes % 64 == 0), "after {changes}");
    }
    assert_eq!(store.answer(hub).len(), 1);
    for _ in 0..2048 {
        update(&store, "a");
    }
    assert_eq!(bell.rung(), 0);
}

#[test]
fn a_loop_that_could_not_be_reached_is_rung_by_whatever_comes_next() {
    let next: [fn(&Texts, ViewId, HubId, Ticket); 5] = [
        |store, _, _, _| update(store, "other"),
        |store, _, _, _| store.freeze(),
        |store, view, _, _| store.freeze_view(view),
        |store, _, hub, ticket| store.poke(hub, ticket),
        |store, view, _, _| {
            store.update_view(view, &mut Batch::new([("a", 1)], [])).expect("not frozen");
        },
    ];
    for act in next {
        let (store, bell) = (Texts::default(), Arc::new(Bell::default()));
        let (hub, view) = (store.open_hub(bell.clone()), about(&store, &["a"]));
        let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
        bell.is_broken.store(true, Ordering::Relaxed);
        update(&store, "a");
        bell.is_broken.store(false, Ordering::Relaxed);
        assert_eq!(bell.rung(), 1);
        act(&store, view, hub, ticket);
        assert_eq!((bell.rung(), store.answer(hub)), (1, vec![ticket]));
        assert_eq!((bell.rung(), store.answer(hub)), (0, vec![]));
    }
}

#[test]
fn nothing_is_left_of_those_who_have_waited() {
    let (store, bell) = (Texts::default(), Arc::new(Bell::default()));
    let hubs = [store.open_hub(bell.clone()), store.open_hub(bell.clone())];
    for round in 0..3 {
        let views = [about(&store, &["a", "b"]), about(&store, &["ab"]), store.open_view(None)];
        for view in views {
            store.flush(view, &mut Harvest::default());
            for wake_for in [WakeFor::Change, WakeFor::End] {
                let sleeper = store.wait(view, wake_for).expect("nothing is pending");
                for hub in hubs {
                    store.wait_in(hub, view, wake_for).expect("nothing is pending");
                }
                store.forget(&sleeper);
            }
        }
        if round > 0 {
            update(&store, "a");
        }
        if round > 1 {
            store.close_hub(hubs[0]);
        }
        for view in views {
            store.leave(view);
        }
        for hub in hubs {
            store.answer(hub);
        }
        let waiters = &store.data.lock().waiters;
        assert_eq!((waiters.threads(), waiters.tasks()), (0, 0));
        assert_eq!(waiters.left(), [0, 0, if round > 1 { 2 } else { 3 }, 0]);
    }
}

#[test]
fn a_view_that_waits_does_not_lag_behind_what_is_no_concern_of_it() {
    let store = Texts::default();
    let hub = store.open_hub(Arc::new(Bell::default()));
    let views = [about(&store, &["a"]), about(&store, &["ab"])];
    let lag = || (store.stats().lag_versions, store.stats().lag_keys);
    store.wait(views[0], WakeFor::Change).expect("nothing is pending");
    store.wait_in(hub, views[1], WakeFor::Change).expect("nothing is pending");
    for key in ["x", "y", "z"] {
        update(&store, key);
    }
    assert_eq!(lag(), (0, 0));
    update(&store, "a");
    assert_eq!(lag(), (1, 1), "it looks at nothing but this");
    store.flush(views[0], &mut Harvest::default());
    assert_eq!(lag(), (0, 0));
    store.leave(views[0]);
    update(&store, "ab");
    assert_eq!(lag(), (1, 1), "the task has not answered yet");
}

#[test]
fn a_thread_that_was_woken_is_not_taken_for_one_that_came_after_it() {
    let store = Texts::default();
    let view = store.open_view(None);
    let wait = || store.wait(view, WakeFor::Change).expect("nothing is pending");
    let gone = wait();
    update(&store, "a");
    store.flush(view, &mut Harvest::default());
    let waiting = wait();
    store.forget(&gone);
    assert_eq!(store.stats().waiting_threads, 1);
    update(&store, "a");
    assert_eq!(woken(&[gone, waiting]), 2);
}

#[test]
fn the_threads_woken_are_those_whom_the_change_concerns() {
    for count in [1, 10, 1000] {
        let store = Subject::default();
        let open = |key| {
            let filter: Filter<u32> = Filter::new(move |other: &u32| *other == key);
            store.open_view(Some(filter))
        };
        let views: Vec<_> = (0..count).map(open).collect();
        let wait = |view: &ViewId| store.wait(*view, WakeFor::Change).expect("nothing is pending");
        let sleepers: Vec<_> = views.iter().map(wait).collect();
        store.update(&mut Batch::new([(count, 1)], [count + 1])).expect("not frozen");
        assert_eq!((woken(&sleepers), store.stats().waiting_threads), (0, sleepers.len()));
        store.update(&mut Batch::new([(0, 1)], [])).expect("not frozen");
        assert_eq!((woken(&sleepers), store.stats().waiting_threads), (1, sleepers.len() - 1));
        store
            .update_view(views[views.len() - 1], &mut Batch::new([(0, 1)], []))
            .expect("not frozen");
        assert_eq!(woken(&sleepers), 1, "it is not about that key");
        store.freeze();
        assert_eq!((woken(&sleepers), store.stats().waiting_threads), (sleepers.len(), 0));
    }
}

#[test]
fn an_update_of_one_view_wakes_its_own_threads_however_many_wait_elsewhere() {
    for count in [1, 10, 1000] {
        let store = Subject::default();
        let views: Vec<_> = (0..=count).map(|_| store.open_view(None)).collect();
        let wait = |view: &ViewId| store.wait(*view, WakeFor::Change).expect("nothing is pending");
        let sleepers: Vec<_> = views.iter().chain([&views[0]]).map(wait).collect();
        store.update_view(views[0], &mut Batch::new([(0, 1)], [])).expect("not frozen");
        assert_eq!(woken(&sleepers), 2);
        assert_eq!(store.stats().waiting_threads, count);
        store.update(&mut Batch::new([(0, 1)], [])).expect("not frozen");
        assert_eq!(woken(&sleepers), sleepers.len());
    }
}

#[test]
fn a_loop_that_forgot_to_answer_is_rung_again() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
    let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
    let update = |value| store.update(&mut Batch::new([(0, value)], [])).expect("not frozen");
    (0..64).for_each(update);
    assert_eq!(bell.rung.load(Ordering::Relaxed), 1);
    (64..128).for_each(update);
    assert_eq!(bell.rung.load(Ordering::Relaxed), 2);
    // And whenever somebody finds out.
    assert!(store.ring(hub));
    assert_eq!(bell.rung.load(Ordering::Relaxed), 3);
    assert_eq!(store.answer(hub), [ticket]);
}

#[test]
fn a_loop_that_cannot_be_rung_again_is_rung_for_the_next_change() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
    store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
    bell.is_broken.store(true, Ordering::Relaxed);
    assert!(!store.ring(hub));
    store.update(&mut Batch::new([(0, 1)], [])).expect("not frozen");
    assert_eq!(bell.rung.load(Ordering::Relaxed), 2);
    store.close_hub(hub);
    assert!(store.ring(hub), "nobody waits there");
    assert!(!store.has_hub(hub));
    let other = store.open_view(None);
    assert!(store.wait_in(hub, other, WakeFor::Change).is_none());
    assert_eq!(bell.rung.load(Ordering::Relaxed), 2);
}
