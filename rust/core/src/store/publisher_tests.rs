//! Keys that go with their publisher, or are for it alone; and updates on a condition.

use std::collections::hash_map::RandomState;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::batch::Fate;
use crate::testing::soon;

type Subject<V = i32> = Store<&'static str, V, (), RandomState>;

fn by(publisher: PublisherId) -> Terms {
    Terms { by: Some(publisher), ..Terms::default() }
}

fn since(version: u64) -> Terms {
    Terms { unchanged_since: Some(version), ..Terms::default() }
}

fn set(key: &'static str) -> Batch<&'static str, i32> {
    Batch::new([(key, 1)], [])
}

fn flushed(store: &Subject, view: ViewId) -> Option<Vec<(&'static str, Fate<i32>)>> {
    let mut harvest = Harvest::default();
    let flush = store.flush(view, &mut harvest);
    let mut marks: Vec<_> = harvest.marks.into_iter().map(|mark| (mark.key, mark.fate)).collect();
    marks.sort_by_key(|(key, _)| *key);
    (flush == Flush::Change).then_some(marks)
}

#[test]
fn the_keys_that_are_still_its_own_go_with_a_publisher() {
    let store = Subject::default();
    let (publisher, view) = (store.open_publisher(false), store.open_view(None));
    let mut batch = Batch::new([("a", 1), ("b", 1), ("c", 1), ("d", 1)], ["d"]);
    store.update_on(by(publisher), &mut batch).expect("free");
    store.update(&mut set("b")).expect("free");
    store.update(&mut Batch::new([], ["c"])).expect("free");
    assert_eq!(store.stats().owned_keys, 1);
    flushed(&store, view);
    store.close_publisher(publisher);
    assert_eq!(flushed(&store, view), Some(vec![("a", Fate::Removed)]));
    assert_eq!((store.get(&"a"), store.get(&"b")), (None, Some(1)));
    store.close_publisher(publisher);
    assert_eq!(flushed(&store, view), None, "it has gone already");
    assert_eq!(store.update_on(by(publisher), &mut set("a")), Err(Refused::Closed));
    let stats = store.stats();
    assert_eq!((stats.publishers, stats.owned_keys, stats.version), (0, 0, 4));
}

#[test]
fn leaving_is_one_change() {
    let store = Store::<u32, (), (), RandomState>::default();
    let (publisher, view) = (store.open_publisher(false), store.open_view(None));
    for key in 0..100 {
        store.update_on(by(publisher), &mut Batch::new([(key, ())], [])).expect("free");
    }
    store.flush(view, &mut Harvest::default());
    let version = store.version();
    store.leave_publisher(publisher);
    assert_eq!(store.version(), version + 1);
    let mut harvest = Harvest::default();
    store.flush(view, &mut harvest);
    assert_eq!(harvest.marks.len(), 100);
}

#[test]
fn an_exclusive_publisher_has_its_keys_for_itself() {
    let store = Subject::default();
    let [first, second] = [(); 2].map(|()| store.open_publisher(true));
    store.update_on(by(first), &mut Batch::new([("a", 1), ("b", 1)], [])).expect("free");
    let owned = Err(Refused::Owned(vec!["a", "b"]));
    assert_eq!(store.update(&mut Batch::new([("c", 2), ("a", 2), ("b", 2)], [])), owned);
    assert_eq!(store.update_on(by(second), &mut Batch::new([("a", 2)], ["b"])), owned);
    assert_eq!(store.update(&mut set("a")), Err(Refused::Owned(vec!["a"])));
    assert_eq!((store.get(&"a"), store.get(&"c"), store.version()), (Some(1), None, 1));
    store.update_on(by(first), &mut Batch::new([("a", 3)], ["b"])).expect("its own");
    store.update(&mut set("b")).expect("it has let go of it");
    store.close_publisher(first);
    store.update(&mut set("a")).expect("it has gone");
}

#[test]
fn a_frozen_store_keeps_the_keys_of_those_who_leave() {
    let store = Subject::default();
    let publisher = store.open_publisher(true);
    store.update_on(by(publisher), &mut set("a")).expect("free");
    store.freeze();
    assert_eq!(store.update_on(by(publisher), &mut set("a")), Err(Refused::Frozen));
    store.close_publisher(publisher);
    assert_eq!((store.get(&"a"), store.version()), (Some(1), 1));
    let view = store.follow(Following { without: Some(publisher), ..Following::default() });
    store.leave_publisher(publisher);
    assert_eq!(
        (flushed(&store, view), store.get(&"a"), store.stats().owned_keys),
        (None, Some(1), 0)
    );
}

#[test]
fn a_conflict_names_the_keys_and_changes_nothing() {
    let store = Subject::default();
    store.update(&mut Batch::new([("a", 1), ("b", 1)], [])).expect("free");
    store.update(&mut set("b")).expect("free");
    let batch = || Batch::new([("a", 2), ("b", 2), ("new", 2)], []);
    assert_eq!(store.update_on(since(1), &mut batch()), Err(Refused::Conflict(vec!["b"])));
    assert_eq!((store.get(&"a"), store.version()), (Some(1), 2));
    store.update_on(since(2), &mut batch()).expect("nothing has changed since");
    assert_eq!(store.update_on(since(4), &mut batch()), Err(Refused::Future));
    assert_eq!(
        store.update_on(since(4), &mut Batch::<&str, _, _>::default()),
        Err(Refused::Future)
    );
}

#[test]
fn what_is_forgotten_is_a_conflict() {
    let store = Subject::default();
    store.update(&mut set("a")).expect("free");
    store.update(&mut Batch::new([], ["a"])).expect("free");
    assert_eq!(store.update_on(since(1), &mut set("b")), Err(Refused::Conflict(vec!["b"])));
    store.update_on(since(2), &mut set("b")).expect("nothing was removed since");
    store.set_history(1);
    store.update(&mut Batch::new([], ["b"])).expect("free");
    store.update_on(since(3), &mut set("c")).expect("it is known which key was removed");
    assert_eq!(store.update_on(since(3), &mut set("b")), Err(Refused::Conflict(vec!["b"])));
}

#[test]
fn a_view_without_a_publisher_does_not_hear_of_it() {
    let store = Subject::default();
    let publisher = store.open_publisher(false);
    let without = Following { without: Some(publisher), ..Following::default() };
    store.update_on(by(publisher), &mut set("before")).expect("free");
    let view = store.follow(without.clone());
    assert_eq!(flushed(&store, view), None);
    store.update_on(by(publisher), &mut set("a")).expect("free");
    let sleeper = store.wait(view, WakeFor::Change).expect("nothing is pending");
    store.update_on(by(publisher), &mut Batch::new([("b", 1)], ["a"])).expect("free");
    assert!(!sleeper.sleep(Some(Instant::now())), "it is not woken");
    store.update(&mut Batch::new([("c", 1)], ["b"])).expect("free");
    assert!(sleeper.sleep(Some(Instant::now())));
    store.update_on(by(publisher), &mut set("c")).expect("free");
    assert_eq!(flushed(&store, view), Some(vec![("b", Fate::Removed)]));
    store.leave_publisher(publisher);
    assert_eq!(flushed(&store, view), None);
    // Others are not taken for it, whatever they are given its place for.
    let other = store.open_publisher(false);
    store.update_on(by(other), &mut set("d")).expect("free");
    assert_eq!(flushed(&store, view), Some(vec![("d", Fate::Set(1))]));
}

#[test]
fn what_a_view_holds_itself_is_no_news_either_once_the_publisher_has_changed_it() {
    let store = Subject::default();
    let publisher = store.open_publisher(false);
    let view = store.follow(Following { without: Some(publisher), ..Following::default() });
    for key in ["a", "b", "c"] {
        store.update_view(view, &mut set(key)).expect("not frozen");
    }
    store.update_on(by(publisher), &mut Batch::new([("a", 2)], ["b"])).expect("free");
    assert_eq!(flushed(&store, view), Some(vec![("c", Fate::Set(1))]));
    store.update_view(view, &mut set("a")).expect("not frozen");
    store.update_on(by(publisher), &mut set("a")).expect("free");
    assert!(!store.status(view).pending);
    store.update_view(view, &mut set("a")).expect("not frozen");
    assert_eq!(flushed(&store, view), Some(vec![("a", Fate::Set(1))]));
}

#[test]
fn publishers_and_their_keys_leave_nothing_behind() {
    let store = Store::<u32, (), (), RandomState>::default();
    store.set_history(10);
    let view = store.open_view(None);
    for round in 0..1000 {
        let publisher = store.open_publisher(round % 2 == 0);
        let keys = (0..10).map(|key| (10 * round + key, ()));
        store.update_on(by(publisher), &mut Batch::new(keys, [])).expect("free");
        if round % 3 == 0 {
            store.close_publisher(publisher);
        }
        store.flush(view, &mut Harvest::default());
        store.leave_publisher(publisher);
    }
    store.flush(view, &mut Harvest::default());
    let stats = store.stats();
    assert_eq!((stats.keys, stats.tombstones, stats.history), (0, 0, 10));
    store.set_history(0);
    assert!(!store.data.lock().journal.has_publishers());
}

#[test]
fn a_publisher_that_goes_while_the_mutex_is_taken_is_noticed_at_once() {
    let store = Arc::new(Subject::default());
    let (publisher, view) = (store.open_publisher(false), store.open_view(None));
    store.update_on(by(publisher), &mut set("a")).expect("free");
    flushed(&store, view);
    let sleeper = store.wait(view, WakeFor::Change).expect("nothing is pending");
    let guard = store.lock();
    let leaver = Arc::clone(&store);
    soon(move || thread::spawn(move || leaver.leave_publisher(publisher)).join().is_ok());
    assert_eq!(guard.journal.len(), 1);
    drop(guard);
    assert!(sleeper.sleep(Some(Instant::now() + Duration::from_secs(20))));
    assert_eq!(flushed(&store, view), Some(vec![("a", Fate::Removed)]));
}

#[test]
fn one_that_has_gone_goes_once() {
    let store = Subject::default();
    let (stalled, other) = (store.open_view(None), store.open_view(None));
    let publishers = [(); 2].map(|()| store.open_publisher(false));
    store.update_on(by(publishers[0]), &mut set("a")).expect("free");
    for leave in [
        &(|store: &Subject| drop(store.leave_publisher(publishers[0]))) as &dyn Fn(&Subject),
        &|store| drop(store.leave(other)),
        &|store| drop(store.leave_publisher(publishers[1])),
    ] {
        let guard = store.lock();
        leave(&store);
        drop(guard);
        assert_eq!(store.get(&"a"), None);
    }
    assert_eq!((store.version(), store.stats().tombstones), (2, 1));
    flushed(&store, stalled);
    assert!(!store.data.lock().journal.has_publishers());
}

#[test]
fn those_who_leave_while_others_work_are_all_noticed() {
    const ROUNDS: u32 = if cfg!(miri) { 5 } else { 2000 };
    let store = Store::<u32, (), (), RandomState>::default();
    let view = store.open_view(None);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut gone = 0;
            let deadline = Instant::now() + Duration::from_secs(60);
            while gone < 2 * ROUNDS {
                if let Some(sleeper) = store.wait(view, WakeFor::Change) {
                    assert!(sleeper.sleep(Some(deadline)), "somebody's going was not noticed");
                }
                let mut harvest = Harvest::default();
                store.flush(view, &mut harvest);
                gone +=
                    u32::try_from(harvest.marks.iter().filter(|mark| !mark.fate.is_live()).count())
                        .expect("few");
            }
        });
        for thread in 0..2 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let publisher = store.open_publisher(false);
                    let mut batch = Batch::new([(2 * round + thread, ())], []);
                    store.update_on(by(publisher), &mut batch).expect("free");
                    store.leave_publisher(publisher);
                }
            });
        }
        busy.join().expect("it has noticed all");
    });
}
