//! What the rules of the lock are for: nobody waits who must not, and a panic changes nothing.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::journal::CursorId;
use crate::testing::{Brittle, Fragile, panic_at, soon};

type Subject = Store<Fragile, Brittle, (), RandomState>;

/// A store of which everything has something pending.
struct World {
    store: Subject,
    /// With the content to come, with something of its own too, and of the even keys only.
    view: ViewId,
    mixed: ViewId,
    picky: ViewId,
    /// Without a publisher, which has changed what it holds.
    deaf: ViewId,
    publisher: PublisherId,
    buffer: ViewId,
    cursor: CursorId,
}

fn batch(keys: std::ops::Range<u32>, value: u32) -> Batch<Fragile, Brittle> {
    Batch::new(keys.map(|key| (Fragile(key), Brittle(value))), [])
}

impl World {
    fn new() -> Self {
        let store = Subject::default();
        let even: Filter<Fragile> = Filter::new(|key: &Fragile| key.0.is_multiple_of(2));
        let (view, mixed, buffer) =
            (store.open_view(None), store.open_view(None), store.open_buffer());
        let (picky, cursor) = (store.open_view(Some(even)), store.open_cursor());
        store.update(&mut batch(0..3, 1)).expect("not frozen");
        for each in [mixed, buffer] {
            store.update_view(each, &mut batch(1..3, 2)).expect("not frozen");
            store.update_view(each, &mut batch(2..4, 3)).expect("not frozen");
        }
        store.update(&mut Batch::new([], [Fragile(2)])).expect("not frozen");
        let publisher = store.open_publisher(true);
        let terms = Terms { by: Some(publisher), ..Terms::default() };
        let deaf = store.follow(Following { without: Some(publisher), ..Following::default() });
        store.update_view(deaf, &mut batch(15..17, 2)).expect("not frozen");
        store.update_on(terms, &mut batch(16..18, 3)).expect("nobody else's");
        Self { store, view, mixed, picky, deaf, publisher, buffer, cursor }
    }

    /// All that anybody could learn of it, short of reading with the cursor.
    fn state(&self) -> String {
        let data = self.store.data.lock();
        let views = [self.view, self.mixed, self.picky, self.deaf, self.buffer].map(|view| {
            let state = &data.views[view.0];
            let unseen = state.cursor.map(|cursor| {
                let seen = data.journal.unseen(cursor);
                seen.map(|seen| format!("{:?}@{}", seen.mark, seen.version)).collect::<Vec<_>>()
            });
            let mut held: Vec<_> = state
                .pending
                .marks()
                .map(|mark| (mark.key.0, format!("{:?}", mark.fate)))
                .collect();
            held.sort();
            (unseen, held, state.frozen)
        });
        let read = data.journal.unseen(self.cursor).count();
        let counts = (data.views.len(), data.journal.owned(), data.waiters.threads());
        format!("{views:?} {read} {} {counts:?}", data.frozen)
    }
}

fn flush(world: &World, view: ViewId) {
    world.store.flush(view, &mut Harvest::default());
}

#[test]
fn a_panic_at_any_step_of_any_operation_changes_nothing() {
    type Act = fn(&World);
    let acts: [(&str, Act); 18] = [
        ("update known keys", |w| w.store.update(&mut batch(0..3, 4)).expect("not frozen")),
        ("update one key", |w| w.store.update(&mut batch(1..2, 4)).expect("not frozen")),
        ("update new keys", |w| w.store.update(&mut batch(2..9, 4)).expect("not frozen")),
        ("remove", |w| {
            let gone = [Fragile(0), Fragile(1), Fragile(7)];
            w.store.update(&mut Batch::new([], gone)).expect("not frozen");
        }),
        ("update through a publisher", |w| {
            let terms = Terms { by: Some(w.publisher), unchanged_since: Some(3) };
            w.store.update_on(terms, &mut batch(16..19, 4)).expect("its own");
        }),
        ("refused update", |w| {
            let refused = w.store.update(&mut batch(17..19, 4));
            assert_eq!(refused.map_err(|_| ()), Err(()));
        }),
        ("flush of a deaf view", |w| flush(w, w.deaf)),
        ("status of a deaf view", |w| assert!(w.store.status(w.deaf).pending)),
        ("clone of a mixed view", |w| _ = w.store.clone_view(w.mixed)),
        ("update a mixed view", |w| {
            w.store.update_view(w.mixed, &mut batch(0..5, 4)).expect("not frozen");
        }),
        ("update a buffer", |w| {
            w.store.update_view(w.buffer, &mut batch(0..5, 4)).expect("not frozen");
        }),
        ("flush", |w| flush(w, w.view)),
        ("flush of a mixed view", |w| flush(w, w.mixed)),
        ("flush of a picky view", |w| flush(w, w.picky)),
        ("freeze of a view", |w| w.store.freeze_view(w.view)),
        ("freeze of a mixed view", |w| w.store.freeze_view(w.mixed)),
        ("freeze of a picky view", |w| w.store.freeze_view(w.picky)),
        ("read", |w| drop(w.store.read(w.cursor))),
    ];
    for (name, act) in acts {
        let expected = {
            let world = World::new();
            act(&world);
            world.state()
        };
        let mut injections = 0;
        loop {
            let world = World::new();
            let before = world.state();
            let (result, injected) =
                panic_at(injections, || catch_unwind(AssertUnwindSafe(|| act(&world))));
            assert_eq!(result.is_err(), injected, "{name}");
            assert!(world.store.data.try_lock().is_some(), "{name}: the mutex is free");
            if !injected {
                break;
            }
            // What is held may have been filed by key meanwhile, which nobody can tell.
            assert_eq!(world.state(), before, "{name}, panic {injections}");
            act(&world);
            assert_eq!(world.state(), expected, "{name}, repeated after panic {injections}");
            injections += 1;
        }
        assert!(injections > 0, "{name} has no step that could panic");
    }
}

#[test]
fn a_collector_passes_by_a_store_whose_mutex_is_taken() {
    soon(|| {
        let World { store, buffer, .. } = World::new();
        let mut shown = 0;
        let mut look = || {
            let mut show = |_: &_| -> Result<(), Infallible> {
                shown += 1;
                Ok(())
            };
            store.try_each_value(&mut show, |()| Ok(()), |_| Ok(())).expect("infallible");
            store.try_each_pending(buffer, show, |()| Ok(())).expect("infallible");
            std::mem::take(&mut shown)
        };
        assert!(look() > 0);
        let data = store.data.lock();
        assert_eq!(look(), 0);
        drop(data);
    });
}

#[test]
fn a_view_may_go_in_the_middle_of_anything() {
    soon(|| {
        let World { store, view, mixed, buffer, publisher, cursor, .. } = World::new();
        let data = store.data.lock();
        for each in [view, mixed, buffer] {
            store.leave(each);
        }
        store.leave_publisher(publisher);
        store.leave_cursor(cursor);
        assert_eq!(data.views.len(), 5, "they are still to be buried");
        drop(data);
        store.freeze();
        let data = store.data.lock();
        assert_eq!((data.views.len(), data.journal.cursors(), data.journal.owned()), (2, 2, 0));
    });
}

#[test]
fn what_has_gone_can_be_dropped_before_an_operation_begins() {
    let store: Store<u32, Arc<()>, (), RandomState> = Store::default();
    let (buffer, value) = (store.open_buffer(), Arc::new(()));
    store.update_view(buffer, &mut Batch::new([(1, value.clone())], [])).expect("not frozen");
    assert!(!store.see_to_departed());
    let data = store.data.lock();
    assert!(store.leave(buffer).is_empty());
    drop(data);
    assert_eq!(Arc::strong_count(&value), 2);
    assert!(store.see_to_departed());
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(!store.see_to_departed());
}
