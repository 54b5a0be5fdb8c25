//! Every change that was accepted is handed out once, whoever asks.

use std::sync::Arc;

use change_buffers_core::store::{Flush, Harvest, Whole};

use crate::{Empty, Subject, Value, endings, join, set, spawn, take};

#[test]
fn an_update_is_refused_or_delivered_when_the_store_is_frozen_under_it() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let updater = spawn(&store, |store| store.update(&mut set("a", 1)).is_ok());
        let freezer = spawn(&store, |store| {
            store.freeze();
            true
        });
        let early = take(&store, view);
        let [accepted, _] = join([updater, freezer]);
        let late = take(&store, view);
        assert_eq!(take(&store, view), Err(Empty::Drained));
        let change = Ok(vec![("a", Some(1))]);
        match (accepted, early == change, late == change) {
            (true, true, false) => "delivered early",
            (true, false, true) => "delivered late",
            (false, false, false) => "refused",
            _ => panic!("lost or twice: {early:?}, {late:?}"),
        }
    });
    assert_eq!(endings, ["delivered early", "delivered late", "refused"]);
}

#[test]
fn who_saw_the_end_gets_nothing_afterwards() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let updater = spawn(&store, |store| store.update(&mut set("a", 1)).is_ok());
        let freezer = spawn(&store, |store| {
            store.freeze();
            true
        });
        let early = take(&store, view);
        join([updater, freezer]);
        if early == Err(Empty::Drained) {
            assert_eq!(take(&store, view), Err(Empty::Drained));
        }
    });
}

#[test]
fn of_two_who_flush_one_view_one_gets_the_change() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let flushers = [(); 2].map(|()| spawn(&store, move |store| take(store, view).is_ok()));
        store.update(&mut set("a", 1)).expect("not frozen");
        let early = join(flushers);
        match (early, take(&store, view).is_ok()) {
            ([true, false], false) => "the one",
            ([false, true], false) => "the other",
            ([false, false], true) => "neither yet",
            got => panic!("lost or twice: {got:?}"),
        }
    });
    assert_eq!(endings, ["neither yet", "the one", "the other"]);
}

#[test]
fn a_view_that_flushes_between_two_updates_ends_at_the_last_value() {
    loom::model(|| {
        let store = Arc::new(Subject::default());
        let view = store.open_view(None);
        let updater = spawn(&store, |store| {
            for value in 1..=2 {
                store.update(&mut set("a", value)).expect("not frozen");
            }
        });
        let early = take(&store, view);
        join([updater]);
        let values: Vec<_> =
            [early, take(&store, view)].into_iter().flatten().flatten().map(|(_, v)| v).collect();
        assert!(values == [Some(2)] || values == [Some(1), Some(2)], "{values:?}");
    });
}

#[test]
fn a_view_that_is_frozen_amid_updates_keeps_what_came_before() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let [frozen, other] = [(); 2].map(|()| store.open_view(None));
        let updater = spawn(&store, move |store| {
            store.update(&mut set("a", 1)).expect("the store is not frozen");
            store.update_view(frozen, &mut set("b", 2)).is_ok()
        });
        store.freeze_view(frozen);
        let kept = take(&store, frozen);
        assert_eq!(take(&store, frozen), Err(Empty::Drained));
        let [accepted] = join([updater]);
        assert_eq!(take(&store, frozen), Err(Empty::Drained), "it came after the end");
        assert_eq!(take(&store, other), Ok(vec![("a", Some(1))]), "it is not frozen");
        let mut keys: Vec<_> = kept.into_iter().flatten().map(|(key, _)| key).collect();
        keys.sort_unstable();
        assert_eq!(keys.contains(&"b"), accepted);
        match keys[..] {
            [] => "nothing",
            ["a"] => "the first",
            ["a", "b"] => "both",
            _ => panic!("the second without the first: {keys:?}"),
        }
    });
    assert_eq!(endings, ["both", "nothing", "the first"]);
}

#[test]
fn a_finished_form_stands_for_nothing_that_came_later() {
    let endings = endings(|| {
        let store = Arc::new(Subject::default());
        let [first, second] = [(); 2].map(|()| store.open_view(None));
        store.update(&mut set("a", 1)).expect("not frozen");
        let updater =
            spawn(&store, |store| store.update(&mut set("a", 2)).expect("the store is not frozen"));
        let mut harvest = Harvest::default();
        assert_eq!(store.flush(first, &mut harvest), Flush::Change);
        let ticket = harvest.memo.expect("another view has the same to expect");
        let value = harvest.marks[0].fate.value().expect("it was set").clone();
        store.memoize(ticket, Value::new(*value), false);
        join([updater]);
        let mut harvest = Harvest::default();
        assert_eq!(store.flush(second, &mut harvest), Flush::Change);
        match harvest.whole {
            Some(Whole::Owned(whole) | Whole::Shared(whole)) => {
                assert_eq!((*value, *whole), (2, 2), "it is not what the view has to expect");
                "finished"
            }
            None => {
                assert_eq!(harvest.marks[0].fate.value().map(|value| **value), Some(2));
                "outdated"
            }
        }
    });
    assert_eq!(endings, ["finished", "outdated"]);
}
