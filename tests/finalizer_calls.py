"""A script for a child process: every operation that releases a value meets every call.

For each of the `MUTATORS` and each of the `CALLS`, a value is released by the former, and its
finalizer makes the latter, on the same objects. It prints what it is at, so that a hang can be
told from the output of the process.
"""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress

import encoded_stores
from change_buffers import (
    ConflictError,
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    KeyOwnedError,
    ObjectFrozenError,
)


class World:
    """Everything there is to call, all of it with something pending."""

    def __init__(self, encodes=False):
        self.mv = DictionaryChangeMultiView()
        if encodes:
            encoded_stores.begin(self.mv)
        self.mv.update({"x": 0, "y": 0})
        self.context = self.mv.create_view()
        self.view = self.context.__enter__()
        self.lagging_context = self.mv.create_view()
        self.lagging = self.lagging_context.__enter__()
        self.buffer = DictionaryChangeBuffer()
        if encodes:
            encoded_stores.begin_alone(self.buffer)
        self.buffer.update({"x": 0}, ["z"])
        self.subscription = self.mv.subscribe_changes()
        next(self.subscription)
        self.mv.update({"x": 1}, ["y"])
        spare = self.mv.subscribe_changes()
        next(spare)
        self.publisher = self.mv.create_publisher()
        self.publisher.update({"own": 1})
        going = self.mv.create_publisher()
        going.update({"going": 1})
        self.deaf = self.mv.create_view(without=self.publisher).__enter__()
        self.spare = [
            self.mv.create_view().__enter__(),
            spare,
            DictionaryChangeMultiView(),
            going,
        ]
        self.targets = (self.mv, self.view, self.buffer)


class Thing:
    """A value that can be weakly referenced."""


class Guarded:
    """A value that makes a call when it is finalized."""

    def __init__(self, world, call, finalized):
        self.state = (world, call, finalized)

    def __del__(self):
        world, call, finalized = self.state
        with suppress(ObjectFrozenError):
            call(world)
        finalized.append(call)


def flush(buffer):
    with suppress(TimeoutError, ObjectFrozenError):
        buffer.flush_changed_blocking(0)


def view_of(multi_view):
    with multi_view.create_view() as view:
        flush(view)


def iterate(source):
    source.update({"x": 3})
    with source.subscribe_changes() as subscription:
        for _ in subscription:
            break


CALLS = {
    "update": lambda w: [target.update({"x": 2}, ["y"]) for target in w.targets],
    "replace": lambda w: [target.update({"guarded": 3}) for target in w.targets],
    "remove": lambda w: [target.update(None, ["guarded"]) for target in w.targets],
    "snapshot": lambda w: [(b._pending_changes, b._pending_removals) for b in (w.view, w.buffer)],
    "flush": lambda w: [flush(buffer) for buffer in (w.view, w.lagging, w.buffer)],
    "freeze": lambda w: [target.freeze() for target in w.targets],
    "copy": lambda w: w.mv.copy_content(),
    "make a view": lambda w: view_of(w.mv),
    "remove a view": lambda w: w.mv.remove_view(w.view),
    "leave a view": lambda w: w.context.__exit__(None, None, None),
    "publish": lambda w: w.publisher.closed or w.publisher.update({"own": 2, "guarded": 2}),
    "close the publisher": lambda w: w.publisher.close(),
    "update on a condition": lambda w: w.mv.update({"x": 5}, unchanged_since=w.mv.version),
    "look up": lambda w: (w.mv.get("guarded"), "x" in w.mv),
    "come back": lambda w: flush(w.mv.create_view(since=0).__enter__()),
    "clone": lambda w: [flush(view.clone()) for view in (w.view, w.deaf, w.buffer)],
    "iterate": lambda w: [iterate(w.mv), iterate(w.buffer)],
    "close": lambda w: w.subscription.close(),
    "drop": lambda w: w.spare.clear(),
    "collect": lambda w: gc.collect(),
    "make a change": lambda w: repr(DictionaryChange({"x": w.mv}, ["y"])),
}


# Mutators take the value out of a list, so that only the object in question refers to it.


def put(target, values):
    target.update({"guarded": values.pop()})


def replace(target):
    target.update({"guarded": None})


def remove(target):
    target.update(None, ["guarded"])


def set_and_remove(target):
    target.update({"guarded": None}, ["guarded"])


class Raising:
    """A mapping of which nobody gets to see the last item."""

    def __init__(self, values):
        self._value = values.pop()

    def keys(self):
        return ["guarded", "raising"]

    def __getitem__(self, key):
        if key == "raising":
            raise LookupError
        return self._value


def let_fail(target, values):
    try:
        target.update(Raising(values))
    except LookupError:
        return
    raise AssertionError("no error")


def let_fail_late(target, values):
    try:
        target.update({"guarded": values.pop()}, iter([1]))
    except TypeError:
        return
    raise AssertionError("no error")


def let_be_refused(target, values):
    target.freeze()
    try:
        target.update({"guarded": values.pop()})
    except ObjectFrozenError:
        return
    raise AssertionError("no error")


def settle_then(act):
    """Have the view hold a value of its own, and find out that the content has a newer one."""

    def mutate(w, values):
        put(w.view, values)
        w.mv.update({"guarded": None})
        act(w)
        flush(w.view)

    return mutate


def after_a_copy(act):
    def mutate(w, values):
        w.mv.copy_content()
        put(w.mv, values)
        w.mv.copy_content()
        act(w.mv)

    return mutate


def put_and(name, act):
    def mutate(w, values):
        put(getattr(w, name), values)
        act(getattr(w, name))

    return mutate


def on(name, act):
    return lambda w, values: act(getattr(w, name), values)


def set_and_remove_at_once(w, values):
    w.mv.update({"guarded": values.pop()}, ["guarded"])
    flush(w.view)
    flush(w.lagging)
    flush(w.deaf)
    next(w.subscription)
    w.spare.clear()


def flush_and_drop(w, values):
    put(w.buffer, values)
    flush(w.buffer)


def drop_buffer(w, values):
    DictionaryChangeBuffer().update({"guarded": values.pop(), "b": 1, "c": 1, "d": 1})


def drop_multi_view(w, values):
    mv = DictionaryChangeMultiView()
    put(mv, values)
    mv.copy_content()
    context = mv.create_view()
    context.__enter__()


def drop_view(w, values):
    put(w.mv.create_view().__enter__(), values)


def drop_frozen_view(w, values):
    put(w.mv, values)
    with w.mv.create_view() as view:
        view.freeze()
        for other in (w.view, w.lagging, w.deaf):
            flush(other)
        remove(w.mv)


def drop_a_part_of_a_change(w, values):
    DictionaryChange({"guarded": values.pop()}).updates = {}


def publish_and(act):
    """Have a publisher go with its keys."""

    def mutate(w, values):
        publishers = [w.mv.create_publisher()]
        publishers[0].update({"guarded": values.pop()})
        for view in (w.view, w.lagging):
            flush(view)
        act(publishers)

    return mutate


def publish_over(w, values):
    put(w.mv, values)
    if not w.publisher.closed:
        w.publisher.update({"guarded": None}, ["guarded"])


def be_in_conflict(w, values):
    try:
        w.mv.update({"guarded": values.pop(), "x": 1}, unchanged_since=0)
    except ConflictError:
        return
    raise AssertionError("no error")


def be_owned(w, values):
    w.owner = w.mv.create_publisher(exclusive=True)
    w.owner.update({"owned": 1})
    try:
        w.mv.update({"guarded": values.pop(), "owned": 1})
    except KeyOwnedError:
        return
    raise AssertionError("no error")


def hold_and_be_told_nothing(w, values):
    put(w.deaf, values)
    w.publisher.update({"guarded": None})
    w.deaf._pending_changes  # noqa: B018


def clone_and_drop(w, values):
    put(w.view, values)
    clone = w.view.clone()
    flush(w.view)
    del clone


ENDS_OF_A_VIEW = {
    "snapshot": lambda w: w.view._pending_changes,
    "other snapshot": lambda w: w.view._pending_removals,
    "flush": lambda w: flush(w.view),
    "freeze": lambda w: w.view.freeze(),
    "remove": lambda w: w.mv.remove_view(w.view),
    "leave": lambda w: w.context.__exit__(None, None, None),
    "update": lambda w: w.view.update({"z": 1}),
    "iterate": lambda w: next(w.view.subscribe_changes()),
}
RELEASES = (replace, remove, set_and_remove)
FAILURES = (let_fail, let_fail_late, let_be_refused)

MUTATORS = {
    "set and remove at once": set_and_remove_at_once,
    "flush and drop": flush_and_drop,
    "drop buffer": drop_buffer,
    "drop multi-view": drop_multi_view,
    "drop view": drop_view,
    "drop frozen view": drop_frozen_view,
    "drop a part of a change": drop_a_part_of_a_change,
    "close a publisher": publish_and(lambda publishers: publishers.pop().close()),
    "drop a publisher": publish_and(lambda publishers: publishers.clear()),
    "publish over it": publish_over,
    "be in conflict": be_in_conflict,
    "be owned": be_owned,
    "hold it and be told nothing": hold_and_be_told_nothing,
    "clone and drop": clone_and_drop,
}
for name in ("mv", "view", "buffer"):
    for act in RELEASES:
        MUTATORS[f"{act.__name__} in {name}"] = put_and(name, act)
    for act in FAILURES:
        MUTATORS[f"{act.__name__} in {name}"] = on(name, act)
for name, act in ENDS_OF_A_VIEW.items():
    MUTATORS[f"settle, then {name}"] = settle_then(act)
for act in RELEASES:
    MUTATORS[f"copy, then {act.__name__}"] = after_a_copy(act)


def assert_sound(world):
    """Assert that everything still works, or is frozen."""
    for target in world.targets:
        try:
            target.update({"x": 4}, ["guarded"])
        except ObjectFrozenError:
            continue
        changes = target.copy_content() if target is world.mv else target._pending_changes
        assert changes["x"] == 4, changes
        assert "guarded" not in changes, changes


def run(by_reference=False, encodes=False):
    """Let finalizers, or else the call-backs of weak references, make the calls."""
    for mutator_name, mutate in MUTATORS.items():
        for call_name, call in CALLS.items():
            print(mutator_name, "/", call_name, flush=True)
            world, finalized = World(encodes), []
            values = [Guarded(world, call, finalized)]
            if by_reference:
                guards, values = values, [Thing()]
                reference = weakref.ref(values[0], lambda _, guards=guards: guards.clear())
            with suppress(ObjectFrozenError):  # the call may freeze what is still to be updated
                mutate(world, values)
            assert not values
            assert finalized == [call], finalized
            assert not by_reference or reference() is None
            assert_sound(world)
