//! No value outlives what it was part of, whichever way that goes.

use std::collections::hash_map::RandomState;

use super::*;

type Subject = Store<u32, Arc<()>, (), RandomState>;

/// A store of several keys, all with this value, some of which were removed or set again.
fn store_of(value: &Arc<()>) -> Subject {
    let store = Subject::default();
    store.set_history(2);
    let set = |keys: std::ops::Range<u32>| Batch::new(keys.map(|key| (key, value.clone())), []);
    store.update(&mut set(0..20)).expect("not frozen");
    store.update(&mut Batch::new([], 5..15)).expect("not frozen");
    store.update(&mut set(8..10)).expect("not frozen");
    store
}

#[test]
fn values_go_with_the_store() {
    let value = Arc::new(());
    let store = store_of(&value);
    assert_eq!(Arc::strong_count(&value), 1 + 12);
    drop(store);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn values_are_handed_out_when_the_store_is_cleared() {
    let value = Arc::new(());
    let store = store_of(&value);
    let values = store.clear();
    assert_eq!((values.len(), Arc::strong_count(&value)), (12, 1 + 12));
    drop(values);
    assert_eq!(Arc::strong_count(&value), 1);
    store
        .update(&mut Batch::new([(1, value.clone()), (2, value.clone())], []))
        .expect("not frozen");
    assert_eq!(Arc::strong_count(&value), 1 + 2);
    drop(store);
    assert_eq!(Arc::strong_count(&value), 1);
}
