"""Mappings and iterables may use the object that is updated with them, while they are read.

What they do has been done before the update is. A hang would hold the GIL, hence the children.
"""

from __future__ import annotations

from helpers import run_child

CALL_BACKS = """
import gc
from change_buffers import *

def targets():
    '''What to update, the buffer in which this shows, and how to freeze the former.'''
    yield (buffer := DictionaryChangeBuffer()), buffer, buffer.freeze
    for target, freeze in [("view", "view"), ("view", "mv"), ("mv", "mv")]:
        mv = DictionaryChangeMultiView()
        objects = {"mv": mv, "view": mv.create_view().__enter__()}
        yield objects[target], objects["view"], objects[freeze].freeze

class CallsBack:
    '''A mapping, and an iterable of removals, that calls `act` at every second key.'''

    def __init__(self, act, *keys):
        self._act, self._keys = act, keys
    def keys(self):
        return list(self._keys)
    def __getitem__(self, key):
        if self._keys.index(key) % 2:
            self._act()
        return "outer"
    def __iter__(self):
        for key in self._keys:
            self[key]
            yield key

def pending(buffer):
    return buffer._pending_changes, buffer._pending_removals

def flush(buffer):
    assert any(pending(buffer))
    updates, removals = buffer.flush_changed_blocking()
    return updates, removals

def arguments(act):
    yield (CallsBack(act, "a", "b", "c", "d"),), ({"a", "b", "c", "d"}, set())
    yield (None, CallsBack(act, "a", "b", "c", "d")), (set(), {"a", "b", "c", "d"})
    yield (CallsBack(act, "a", "b"), CallsBack(act, "c", "d")), ({"a", "b"}, {"c", "d"})
"""


def test_arguments_may_look_at_what_they_are_given_to():
    run_child(
        CALL_BACKS
        + """
for i in range(3):
    for target, view, freeze in targets():
        seen = []
        def look():
            seen.append(pending(view))
            if target is not view:
                seen.append((target.copy_content(), set()))
            gc.collect()
        args, (updated, removed) = list(arguments(look))[i]
        target.update(*args)
        assert seen and all(state == ({}, set()) for state in seen), seen
        assert flush(view) == (dict.fromkeys(updated, "outer"), removed)
"""
    )


def test_arguments_may_update_what_they_are_given_to():
    run_child(
        CALL_BACKS
        + """
for i in range(3):
    for target, view, freeze in targets():
        counter = iter(range(100))
        def update():
            target.update({"a": "inner", "d": "inner", "inner": next(counter)}, ["b"])
        args, (updated, removed) = list(arguments(update))[i]
        target.update(*args)
        # All that came from within was merged before.
        updates = {"a": "inner", "d": "inner", "inner": next(counter) - 1}
        updates = {key: value for key, value in updates.items() if key not in removed}
        updates.update(dict.fromkeys(updated, "outer"))
        assert flush(view) == (updates, removed | ({"b"} - updated))
"""
    )


def test_arguments_may_flush_what_they_are_given_to():
    run_child(
        CALL_BACKS
        + """
for i in range(3):
    for target, view, freeze in targets():
        flushed = []
        def act():
            if not flushed:
                flushed.append(flush(view))
        target.update({"before": 1}, ["gone"])
        args, (updated, removed) = list(arguments(act))[i]
        target.update(*args)
        assert flushed == [({"before": 1}, {"gone"})]
        assert flush(view) == (dict.fromkeys(updated, "outer"), removed)
"""
    )


def test_arguments_may_freeze_what_they_are_given_to():
    run_child(
        CALL_BACKS
        + """
for i in range(3):
    for target, view, freeze in targets():
        target.update({"before": 1}, ["gone"])
        args, _ = list(arguments(freeze))[i]
        try:
            target.update(*args)
        except ObjectFrozenError:
            pass
        else:
            raise AssertionError("updated although it was frozen meanwhile")
        assert pending(view) == ({"before": 1}, {"gone"})
        if target is not view:
            assert target.copy_content() == {"before": 1}
"""
    )
