use std::collections::hash_map::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::batch::{Fate, Mark};
use crate::testing::{Fragile, panic_at, soon};

type Subject<V = i32> = Store<&'static str, V, (), RandomState>;

fn set<V>(key: &'static str, value: V) -> Batch<&'static str, V> {
    Batch::new([(key, value)], [])
}

fn remove<V>(key: &'static str) -> Batch<&'static str, V> {
    Batch::new([], [key])
}

fn flushed<V: Clone>(store: &Subject<V>, view: ViewId) -> Vec<(&'static str, Fate<V>)> {
    let mut harvest = Harvest::default();
    assert_eq!(store.flush(view, &mut harvest), Flush::Change);
    harvest.marks.into_iter().map(|mark| (mark.key, mark.fate)).collect()
}

#[test]
fn a_view_gets_its_own_updates_in_order_with_the_shared_ones() {
    let store = Subject::default();
    let view = store.open_view(None);
    store.update(&mut set("a", 1)).expect("not frozen");
    store.update_view(view, &mut set("a", 2)).expect("not frozen");
    store.update_view(view, &mut set("b", 2)).expect("not frozen");
    store.update(&mut set("b", 3)).expect("not frozen");
    store.update(&mut set("c", 4)).expect("not frozen");
    let mut change = flushed(&store, view);
    change.sort_by_key(|(key, _)| *key);
    assert_eq!(change, [("a", Fate::Set(2)), ("b", Fate::Set(3)), ("c", Fate::Set(4))]);
    assert_eq!(store.flush(view, &mut Harvest::default()), Flush::Nothing);
}

#[test]
fn a_change_is_handed_out_oldest_first() {
    let store = Subject::default();
    let view = store.open_view(None);
    for key in ["a", "b", "c", "a"] {
        store.update(&mut set(key, 0)).expect("not frozen");
    }
    let keys: String = flushed(&store, view).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, "bca");
}

#[test]
fn a_frozen_view_keeps_what_it_had_and_gets_no_more() {
    let store = Subject::default();
    let (frozen, other) = (store.open_view(None), store.open_view(None));
    store.update(&mut set("a", 1)).expect("not frozen");
    store.freeze_view(frozen);
    store.update(&mut set("a", 2)).expect("not frozen");
    assert_eq!(store.update_view(frozen, &mut set("b", 1)), Err(Frozen));
    assert_eq!(flushed(&store, frozen), [("a", Fate::Set(1))]);
    assert_eq!(store.flush(frozen, &mut Harvest::default()), Flush::Drained);
    assert_eq!(flushed(&store, other), [("a", Fate::Set(2))]);
}

#[test]
fn a_frozen_store_gives_its_content_once_to_a_new_view() {
    let store = Subject::default();
    store.update(&mut set("a", 1)).expect("not frozen");
    store.freeze();
    assert_eq!(store.update(&mut set("a", 2)), Err(Refused::Frozen));
    let view = store.open_view(None);
    assert_eq!(flushed(&store, view), [("a", Fate::Set(1))]);
    assert_eq!(store.flush(view, &mut Harvest::default()), Flush::Drained);
}

#[test]
fn peeking_leaves_everything_pending() {
    let store = Subject::default();
    let view = store.open_view(None);
    store.update(&mut set("a", 1)).expect("not frozen");
    assert_eq!(store.peek(view).len(), 1);
    store.update(&mut set("a", 2)).expect("not frozen");
    assert_eq!(store.peek(view)[0].fate, Fate::Set(2));
    assert_eq!(flushed(&store, view), [("a", Fate::Set(2))]);
}

#[test]
fn a_cursor_reads_what_became_of_the_content() {
    let store = Subject::default();
    let cursor = store.open_cursor();
    store.update(&mut Batch::new([("a", 1), ("b", 1)], ["b"])).expect("not frozen");
    let keys: Vec<_> =
        store.read(cursor).keys.into_iter().map(|read| (read.key, read.value)).collect();
    assert_eq!(keys, [("a", Some(1)), ("b", None)]);
    assert!(!store.is_behind(cursor));
    store.close_cursor(cursor);
}

/// A value that looks at the store it is in while it is dropped.
#[derive(Clone)]
struct Nosy(#[expect(dead_code, reason = "it is there to be dropped")] Arc<NosyCore>);

struct NosyCore(Weak<Subject<Nosy>>, ViewId);

impl Drop for NosyCore {
    fn drop(&mut self) {
        let Some(store) = self.0.upgrade() else { return };
        assert!(store.data.try_lock().is_some(), "dropped under the lock");
        let _ = store.status(self.1);
    }
}

#[test]
fn no_operation_drops_a_value_under_the_lock() {
    let store = Arc::new(Subject::<Nosy>::default());
    let view = store.open_view(None);
    let nosy = || Nosy(Arc::new(NosyCore(Arc::downgrade(&store), view)));
    store.update(&mut set("replaced", nosy())).expect("not frozen");
    store.update(&mut set("replaced", nosy())).expect("not frozen");
    store.update_view(view, &mut set("replaced", nosy())).expect("not frozen");
    store.update_view(view, &mut set("own", nosy())).expect("not frozen");
    store.update_view(view, &mut set("own", nosy())).expect("not frozen");
    store.update(&mut Batch::new([("own", nosy())], ["own"])).expect("not frozen");
    store.update(&mut remove("replaced")).expect("not frozen");
    store.flush(view, &mut Harvest::default());
    store.update(&mut set("kept", nosy())).expect("not frozen");
    let dropped = store.open_view(None);
    store.update_view(dropped, &mut set("own", nosy())).expect("not frozen");
    store.leave(dropped);
    store.update_view(view, &mut set("outdated", nosy())).expect("not frozen");
    store.update(&mut set("outdated", nosy())).expect("not frozen");
    store.update_view(view, &mut set("alone", nosy())).expect("not frozen");
    store.freeze_view(view);
    let _ = store.update_view(view, &mut set("refused", nosy()));
    store.clear_view(view);
    store.clear();
    store.freeze();
    let _ = store.update(&mut set("refused", nosy()));
    assert_eq!(Arc::weak_count(&store), 0, "every value is gone");
}

#[test]
fn a_panic_in_comparing_keys_changes_nothing_and_drops_nothing_under_the_lock() {
    let store = Store::<Fragile, i32, (), RandomState>::default();
    let (view, buffer) = (store.open_view(None), store.open_buffer());
    let keys = |value| Batch::new((0..3).map(|key| (Fragile(key), value)), []);
    let known = |view| store.peek(view).iter().map(|mark| mark.fate.clone()).collect::<Vec<_>>();
    store.update(&mut keys(1)).expect("not frozen");
    store.update_view(view, &mut keys(2)).expect("not frozen");
    store.update_view(buffer, &mut keys(2)).expect("not frozen");
    store.update(&mut keys(3)).expect("not frozen");
    let mut survived = 0;
    loop {
        let steps: [&dyn Fn(); 4] = [
            &|| store.update(&mut keys(4)).expect("not frozen"),
            &|| store.update_view(buffer, &mut keys(4)).expect("not frozen"),
            &|| _ = store.flush(view, &mut Harvest::default()),
            &|| store.freeze_view(view),
        ];
        let all_ran = steps
            .iter()
            .all(|step| !panic_at(survived, || catch_unwind(AssertUnwindSafe(step)).is_err()).0);
        if all_ran {
            break;
        }
        survived += 1;
    }
    assert!(survived >= 3, "only {survived} comparisons were seen");
    assert_eq!(known(buffer), [Fate::Set(4), Fate::Set(4), Fate::Set(4)]);
    assert!(store.data.try_lock().is_some(), "the mutex is free");
}

#[test]
fn a_view_that_leaves_while_the_mutex_is_taken_is_buried_by_the_next_operation() {
    soon(|| {
        let store = Subject::default();
        let view = store.open_view(None);
        store.update(&mut remove("owed")).expect("not frozen");
        {
            let data = store.data.lock();
            store.leave(view);
            assert_eq!(data.journal.tombstones(), 1);
        }
        store.update(&mut set("a", 1)).expect("not frozen");
        let data = store.data.lock();
        assert_eq!(
            (data.views.len(), data.journal.cursors(), data.journal.tombstones()),
            (0, 0, 0)
        );
    });
}

#[test]
fn what_a_view_held_that_left_while_the_mutex_was_taken_is_shown_until_it_is_buried() {
    let store = Subject::default();
    let view = store.open_view(None);
    store.update(&mut set("shared", 1)).expect("not frozen");
    store.update_view(view, &mut set("own", 2)).expect("not frozen");
    let shown = || {
        let mut values = Vec::new();
        let show = |value: &i32| {
            values.push(*value);
            Ok::<_, ()>(())
        };
        store.try_each_value(show, |()| Ok(()), |_| Ok(())).expect("nothing fails");
        values
    };
    assert_eq!(shown(), [1]);
    {
        let _taken = store.data.lock();
        store.leave(view);
    }
    // Twice, as a collector asks.
    assert_eq!((shown(), shown()), (vec![1, 2], vec![1, 2]));
    store.update(&mut Batch::<&str, _, _>::new([], [])).expect("not frozen");
    assert_eq!(shown(), [1]);
    assert_eq!(store.data.lock().views.len(), 0);
}

#[test]
fn a_cursor_that_was_ended_is_behind_nothing() {
    let store = Subject::default();
    let cursor = store.open_cursor();
    store.update(&mut set("a", 1)).expect("not frozen");
    assert!(store.is_behind(cursor));
    store.close_cursor(cursor);
    assert!(!store.is_behind(cursor));
}

#[test]
fn a_sleeper_is_woken_by_what_it_waits_for_and_nothing_else() {
    let store = Subject::default();
    let (view, other) = (store.open_view(None), store.open_view(None));
    let is_woken = |sleeper: &Sleeper| sleeper.sleep(Some(Instant::now()));
    let for_change = store.wait(view, WakeFor::Change).expect("nothing is pending");
    let for_end = store.wait(view, WakeFor::End).expect("not frozen");
    store.update(&mut Batch::<&str, _, _>::new([], [])).expect("not frozen");
    store.update_view(other, &mut set("a", 1)).expect("not frozen");
    assert!(!is_woken(&for_change) && !is_woken(&for_end));
    store.update(&mut set("a", 1)).expect("not frozen");
    assert!(is_woken(&for_change) && !is_woken(&for_end));
    assert!(store.wait(view, WakeFor::Change).is_none(), "something is pending");
    store.freeze();
    assert!(is_woken(&for_end));
    let for_end = store.wait(view, WakeFor::End).expect("not drained");
    store.flush(view, &mut Harvest::default());
    assert!(is_woken(&for_end), "another thread took what was left");
    assert!(store.wait(view, WakeFor::End).is_none(), "drained");
}

#[test]
fn a_sleeper_that_gave_up_is_forgotten() {
    let store = Subject::<i32>::default();
    let view = store.open_view(None);
    let sleeper = store.wait(view, WakeFor::Change).expect("nothing is pending");
    store.forget(&sleeper);
    assert_eq!(Arc::strong_count(&sleeper), 1);
}

#[test]
fn no_wake_up_is_lost_between_threads() {
    const CHANGES: usize = if cfg!(miri) { 100 } else { 100_000 };
    let store = Store::<usize, usize, (), RandomState>::default();
    let view = store.open_view(None);
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in 0..CHANGES {
                store.update(&mut Batch::new([(value % 7, value)], [])).expect("not frozen");
            }
            store.freeze();
        });
        let mut last = [0; 7];
        loop {
            let mut harvest = Harvest::default();
            match store.flush(view, &mut harvest) {
                Flush::Change => {
                    for Mark { key, fate } in harvest.marks {
                        let value = *fate.value().expect("nothing was removed");
                        assert!(value >= last[key], "an older value came later");
                        last[key] = value;
                    }
                }
                Flush::Drained => break,
                Flush::Nothing => {
                    if let Some(sleeper) = store.wait(view, WakeFor::Change) {
                        let deadline = Instant::now() + Duration::from_secs(60);
                        assert!(sleeper.sleep(Some(deadline)), "a wake-up was lost");
                    }
                }
            }
        }
        assert_eq!(last.iter().max(), Some(&(CHANGES - 1)));
    });
}

/// Counts how often it is rung.
#[derive(Default)]
struct Bell(std::sync::atomic::AtomicUsize);

impl Ring for Bell {
    fn ring(&self, _: HubId) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn a_hub_is_rung_once_until_it_answers() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let hub = store.open_hub(bell.clone());
    let views = [store.open_view(None), store.open_view(None)];
    let tickets = views.map(|view| store.wait_in(hub, view, WakeFor::Change).expect("waits"));
    for value in 0..3 {
        store.update(&mut set("a", value)).expect("not frozen");
    }
    assert_eq!(bell.rung(), 1);
    assert_eq!(store.answer(hub), tickets);
    store.update(&mut set("a", 3)).expect("not frozen");
    assert_eq!(bell.rung(), 0, "nobody waits");
    assert!(store.wait_in(hub, views[0], WakeFor::Change).is_none(), "something is pending");
}

#[test]
fn a_task_that_waits_for_the_end_is_not_told_of_changes() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let (hub, view) = (store.open_hub(bell.clone()), store.open_view(None));
    let ticket = store.wait_in(hub, view, WakeFor::End).expect("not frozen");
    store.update(&mut set("a", 1)).expect("not frozen");
    assert_eq!(bell.rung(), 0);
    store.poke(hub, ticket);
    assert_eq!((bell.rung(), store.answer(hub)), (1, vec![ticket]));
}

#[test]
fn a_view_may_go_while_a_task_is_registered_for_it() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let hub = store.open_hub(bell.clone());
    let filter: Filter<&'static str> = Filter::of_prefixes(vec!["a"]);
    let views = [store.open_view(None), store.open_view(Some(filter))];
    let tickets = views.map(|view| store.wait_in(hub, view, WakeFor::Change).expect("waits"));
    for view in views {
        store.leave(view);
    }
    store.update(&mut set("b", 1)).expect("not frozen");
    assert_eq!((bell.rung(), store.answer(hub)), (1, tickets.to_vec()));
}

#[test]
fn a_view_of_some_keys_hears_of_no_others() {
    let (store, bell) = (Subject::default(), Arc::new(Bell::default()));
    let hub = store.open_hub(bell.clone());
    let filter: Filter<&'static str> = Filter::of_prefixes(vec!["a"]);
    let view = store.open_view(Some(filter));
    store.update(&mut set("b", 0)).expect("not frozen");
    assert_eq!(store.flush(view, &mut Harvest::default()), Flush::Nothing);
    let ticket = store.wait_in(hub, view, WakeFor::Change).expect("nothing is pending");
    store.update(&mut Batch::new([("b", 1)], ["c"])).expect("not frozen");
    assert_eq!(bell.rung(), 0);
    assert_eq!(store.flush(view, &mut Harvest::default()), Flush::Nothing);
    store.update(&mut Batch::new([("b", 2), ("a", 1)], ["ab"])).expect("not frozen");
    assert_eq!((bell.rung(), store.answer(hub)), (1, vec![ticket]));
    store.update_view(view, &mut set("own", 1)).expect("not frozen");
    store.update_view(view, &mut set("a own", 1)).expect("not frozen");
    let mut change = flushed(&store, view);
    change.sort_by_key(|(key, _)| *key);
    assert_eq!(change, [("a", Fate::Set(1)), ("a own", Fate::Set(1)), ("ab", Fate::Removed)]);
}

#[test]
fn statistics_count() {
    let store = Subject::default();
    let (slow, view) = (store.open_view(None), store.open_view(None));
    for value in 0..3 {
        store.update(&mut Batch::new([("a", value), ("b", value)], ["c"])).expect("not frozen");
        store.flush(view, &mut Harvest::default());
    }
    let stats = store.stats();
    assert_eq!((stats.keys, stats.tombstones, stats.views), (2, 1, 2));
    assert_eq!((stats.lag_versions, stats.lag_keys), (3, 3));
    assert_eq!((stats.updates, stats.flushes, stats.version), (3, 3, 3));
    store.flush(slow, &mut Harvest::default());
    assert_eq!((store.stats().lag_versions, store.stats().lag_keys), (0, 0));
}
