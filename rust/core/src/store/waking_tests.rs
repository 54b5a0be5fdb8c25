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

#[test]
fn the_threads_woken_are_those_whom_the_change_concerns() {
    for count in [1, 10, 1000] {
        let store = Subject::default();
        let open = |key| {
            let filter: Filter<u32> = Arc::new(move |other| *other == key);
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

/// An event loop that hears the bell, or does not.
#[derive(Default)]
struct Bell {
    rings: AtomicU32,
    is_deaf: AtomicBool,
}

impl Ring for Bell {
    fn ring(&self, _: HubId) -> bool {
        self.rings.fetch_add(1, Ordering::Relaxed);
        !self.is_deaf.load(Ordering::Relaxed)
    }
}

#[test]
fn a_loop_that_forgot_to_answer_is_rung_again() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
    let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
    let update = |value| store.update(&mut Batch::new([(0, value)], [])).expect("not frozen");
    (0..64).for_each(update);
    assert_eq!(bell.rings.load(Ordering::Relaxed), 1);
    (64..128).for_each(update);
    assert_eq!(bell.rings.load(Ordering::Relaxed), 2);
    // And whenever somebody finds out.
    assert!(store.ring(hub));
    assert_eq!(bell.rings.load(Ordering::Relaxed), 3);
    assert_eq!(store.answer(hub), [ticket]);
}

#[test]
fn a_loop_that_cannot_be_rung_again_is_rung_for_the_next_change() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
    store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
    bell.is_deaf.store(true, Ordering::Relaxed);
    assert!(!store.ring(hub));
    store.update(&mut Batch::new([(0, 1)], [])).expect("not frozen");
    assert_eq!(bell.rings.load(Ordering::Relaxed), 2);
    store.close_hub(hub);
    assert!(store.ring(hub), "nobody waits there");
    assert!(!store.has_hub(hub));
    let other = store.open_view(None);
    assert!(store.wait_in(hub, other, WakeFor::Change).is_none());
    assert_eq!(bell.rings.load(Ordering::Relaxed), 2);
}
