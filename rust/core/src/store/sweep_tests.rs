//! Removed keys are kept for those whom they concern, and for nobody else.

use std::collections::hash_map::RandomState;

use super::*;

type Subject = Store<&'static str, i32, (), RandomState>;

fn set(key: &'static str, value: i32) -> Batch<&'static str, i32> {
    Batch::new([(key, value)], [])
}

fn remove(key: &'static str) -> Batch<&'static str, i32> {
    Batch::new([], [key])
}

fn flushed(store: &Subject, view: ViewId) -> Vec<(&'static str, Fate<i32>)> {
    let mut harvest = Harvest::default();
    assert_eq!(store.flush(view, &mut harvest), Flush::Change);
    harvest.marks.into_iter().map(|mark| (mark.key, mark.fate)).collect()
}

/// What is kept of many keys that came and went.
fn kept_of_many(store: &Subject, prefix: &str) -> usize {
    let most = (0..20_000).map(|number| {
        let key: &'static str = Box::leak(format!("{prefix}{number}").into_boxed_str());
        store.update(&mut set(key, 1)).expect("not frozen");
        store.update(&mut remove(key)).expect("not frozen");
        store.stats().tombstones
    });
    most.max().expect("there are some")
}

#[test]
fn keys_that_do_not_concern_a_view_of_some_are_not_kept_for_it() {
    let about_a = || -> Option<Filter<&'static str>> { Some(Filter::of_prefixes(vec!["a"])) };
    let store = Subject::default();
    let views = [store.open_view(about_a()), store.open_view(about_a())];
    assert!(kept_of_many(&store, "b") < 200, "they are not looked at");
    store.update(&mut Batch::new([("a", 1), ("b", 1)], ["a gone"])).expect("not frozen");
    assert!(kept_of_many(&store, "b") < 200, "something is pending for them");
    let sleeper = store.wait(views[0], WakeFor::End).expect("not frozen");
    assert!(kept_of_many(&store, "b") < 200, "a thread waits until it is due");
    store.forget(&sleeper);
    for view in views {
        let change = flushed(&store, view);
        assert_eq!(change, [("a gone", Fate::Removed), ("a", Fate::Set(1))]);
    }
}

#[test]
fn keys_that_concern_somebody_who_has_not_seen_them_are_kept() {
    let about_a: Filter<&'static str> = Filter::of_prefixes(vec!["a"]);
    let store = Subject::default();
    let (late, view) = (store.open_view(Some(about_a)), store.open_view(None));
    let expected = |count, of| (0..count).map(|number| format!("{of}{number}")).collect::<Vec<_>>();
    let removed = |view| {
        let change = flushed(&store, view);
        let removed = change.iter().filter(|(_, fate)| *fate == Fate::Removed);
        removed.map(|(key, _)| (*key).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kept_of_many(&store, "b"), 20_000, "one is about all of them");
    assert_eq!(removed(view), expected(20_000, "b"));
    let kept = kept_of_many(&store, "a");
    assert!((20_000..40_200).contains(&kept), "{kept}: up to twice of what is needed");
    assert_eq!(removed(late), expected(20_000, "a"));
    assert_eq!(removed(view), expected(20_000, "a"));
    assert_eq!(store.stats().tombstones, 0);
}
