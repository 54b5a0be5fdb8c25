//! An event loop that is rung answers, and misses nothing that comes while it does.

use std::sync::Arc;

use change_buffers_core::store::{Filter, HubId, Ring, Ticket, ViewId, WakeFor};
use loom::sync::{Condvar, Mutex};

use crate::{Change, Empty, Subject, endings, join, set, spawn, take};

/// What an event loop is of all this: a place to sleep until it is rung.
struct Bell {
    rings: Mutex<usize>,
    signal: Condvar,
    refusals: Mutex<usize>,
}

impl Bell {
    fn refusing(refusals: usize) -> Arc<Self> {
        let (rings, refusals) = (Mutex::new(0), Mutex::new(refusals));
        Arc::new(Self { rings, signal: Condvar::new(), refusals })
    }

    fn new() -> Arc<Self> {
        Self::refusing(0)
    }

    fn sleep(&self) {
        let mut rings = self.rings.lock().expect("not poisoned");
        while *rings == 0 {
            rings = self.signal.wait(rings).expect("not poisoned");
        }
        *rings -= 1;
    }
}

impl Ring for Bell {
    fn ring(&self, _: HubId) -> bool {
        let mut refusals = self.refusals.lock().expect("not poisoned");
        if *refusals > 0 {
            *refusals -= 1;
            return false;
        }
        let mut rings = self.rings.lock().expect("not poisoned");
        *rings += 1;
        assert_eq!(*rings, 1, "one ring at a time");
        self.signal.notify_one();
        true
    }
}

/// Runs the event loop until each of these tasks has been told to look again.
fn run(store: &Subject, hub: HubId, bell: &Bell, mut tasks: Vec<Ticket>) {
    while !tasks.is_empty() {
        bell.sleep();
        let answer = store.answer(hub);
        tasks.retain(|task| !answer.contains(task));
    }
}

/// The next change for a task that is alone in its event loop.
fn next_change(store: &Subject, hub: HubId, bell: &Bell, view: ViewId) -> Option<Change> {
    loop {
        match take(store, view) {
            Ok(change) => return Some(change),
            Err(Empty::Drained) => return None,
            Err(Empty::Nothing) => {}
        }
        if let Some(ticket) = store.wait_in(hub, view, WakeFor::Change) {
            run(store, hub, bell, vec![ticket]);
        }
    }
}

#[test]
fn a_loop_misses_no_update_that_races_with_its_answer() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::new());
        let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
        let updater = spawn(&store, |store| {
            for value in 1..=2 {
                store.update(&mut set("a", value)).expect("not frozen");
            }
        });
        let mut last = None;
        while last != Some(2) {
            let change = next_change(&store, hub, &bell, view).expect("not frozen");
            let [("a", value)] = change[..] else { panic!("{change:?}") };
            assert!(value > last, "it comes once");
            last = value;
        }
        join([updater]);
        assert_eq!(store.stats().waiting_tasks, 0);
    });
}

#[test]
fn two_threads_that_update_ring_once_until_the_loop_answers() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::new());
        let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
        let updaters = ["a", "b"].map(|key| {
            spawn(&store, move |store| store.update(&mut set(key, 1)).expect("not frozen"))
        });
        let mut keys = 0;
        while keys < 2 {
            keys += next_change(&store, hub, &bell, view).expect("not frozen").len();
        }
        join(updaters);
    });
}

#[test]
fn all_tasks_that_an_update_concerns_are_in_the_answer_to_one_ring() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::new());
        let hub = store.open_hub(bell.clone());
        let views = [(); 2].map(|()| store.open_view(None));
        let updater = spawn(&store, |store| store.update(&mut set("a", 1)).expect("not frozen"));
        let tasks = views.iter().filter_map(|&view| store.wait_in(hub, view, WakeFor::Change));
        let tasks = tasks.collect();
        run(&store, hub, &bell, tasks);
        join([updater]);
        for view in views {
            assert_eq!(take(&store, view), Ok(vec![("a", Some(1))]));
        }
    });
}

#[test]
fn freezing_reaches_a_task_on_its_way_to_wait_whatever_it_waits_for() {
    for wake_for in [WakeFor::Change, WakeFor::End] {
        let endings = endings(move || {
            let (store, bell) = (Arc::new(Subject::default()), Bell::new());
            let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
            let freezer = spawn(&store, Subject::freeze);
            let task = store.wait_in(hub, view, wake_for);
            let ending = if task.is_some() { "rung" } else { "saw it" };
            run(&store, hub, &bell, task.into_iter().collect());
            join([freezer]);
            assert_eq!(take(&store, view), Err(Empty::Drained));
            ending
        });
        assert_eq!(endings, ["rung", "saw it"]);
    }
}

#[test]
fn a_task_that_is_called_off_amid_an_update_is_told_so() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::new());
        let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
        let ticket = store.wait_in(hub, view, WakeFor::End).expect("not frozen");
        let other = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
        let updater = spawn(&store, |store| store.update(&mut set("a", 1)).expect("not frozen"));
        let caller = spawn(&store, move |store| store.poke(hub, ticket));
        run(&store, hub, &bell, vec![ticket, other]);
        join([updater, caller]);
    });
}

#[test]
fn a_task_that_gives_up_leaves_the_ring_to_the_others() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::new());
        let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
        let [patient, impatient] =
            [(); 2].map(|()| store.wait_in(hub, view, WakeFor::Change).expect("nothing pending"));
        let updater = spawn(&store, |store| store.update(&mut set("a", 1)).expect("not frozen"));
        store.forget_in(hub, impatient);
        run(&store, hub, &bell, vec![patient]);
        join([updater]);
        assert_eq!(store.stats().waiting_tasks, 0);
    });
}

#[test]
fn a_loop_that_could_not_be_reached_is_rung_by_the_next_update() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::refusing(1));
        let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
        let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
        let updater = spawn(&store, |store| {
            for value in 1..=2 {
                store.update(&mut set("a", value)).expect("not frozen");
            }
        });
        run(&store, hub, &bell, vec![ticket]);
        join([updater]);
        assert_eq!(take(&store, view), Ok(vec![("a", Some(2))]));
    });
}

#[test]
fn a_loop_may_close_amid_an_update() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::refusing(1));
        let (hub, view) = (store.open_hub(bell), store.open_view(None));
        store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
        let updater = spawn(&store, |store| store.update(&mut set("a", 1)).expect("not frozen"));
        store.close_hub(hub);
        join([updater]);
        assert_eq!((store.stats().waiting_tasks, store.answer(hub)), (0, vec![]));
        assert_eq!(take(&store, view), Ok(vec![("a", Some(1))]));
    });
}

#[test]
fn a_task_whose_change_another_has_taken_hears_of_the_next() {
    for of_the_view_alone in [false, true] {
        let endings = endings(move || {
            let (store, bell) = (Arc::new(Subject::default()), Bell::new());
            let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
            let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
            let thief = spawn(&store, move |store| {
                if of_the_view_alone {
                    store.update_view(view, &mut set("a", 1)).expect("not frozen");
                } else {
                    store.update(&mut set("a", 1)).expect("not frozen");
                }
                let _ = take(store, view);
                store.update(&mut set("a", 2)).expect("not frozen");
            });
            run(&store, hub, &bell, vec![ticket]);
            let ending = match take(&store, view).as_deref() {
                Ok([("a", Some(1))]) => "the first",
                Ok([("a", Some(2))]) => "the next",
                Ok(change) => panic!("{change:?}"),
                Err(_) => "too late",
            };
            join([thief]);
            ending
        });
        assert_eq!(endings, ["the first", "the next", "too late"]);
    }
}

#[test]
fn a_task_that_waits_for_some_keys_hears_of_them_after_others() {
    loom::model(|| {
        let (store, bell) = (Arc::new(Subject::default()), Bell::new());
        let filter = |prefix| Some(Filter::of_prefixes(vec![prefix]));
        let hub = store.open_hub(bell.clone());
        let views = ["mine", "my"].map(|prefix| store.open_view(filter(prefix)));
        let tasks = views.map(|view| store.wait_in(hub, view, WakeFor::Change).expect("nothing"));
        let updater = spawn(&store, |store| {
            for key in ["other", "mine", "my own"] {
                store.update(&mut set(key, 1)).expect("not frozen");
            }
        });
        run(&store, hub, &bell, tasks.to_vec());
        join([updater]);
        assert_eq!(take(&store, views[0]), Ok(vec![("mine", Some(1))]));
        assert_eq!(take(&store, views[1]), Ok(vec![("my own", Some(1))]));
        assert_eq!(store.stats().waiting_tasks, 0);
    });
}
