"""Views that look one after the other, with updates in between, share the work all the same."""

from __future__ import annotations

import gc
import random
import weakref
from contextlib import ExitStack

import pytest

import reference
from helpers import Thing, flush, pending

COUNT = 5
KEYS = [f"key {i}" for i in range(40)]


@pytest.fixture
def views(multi_view):
    with ExitStack() as stack:
        yield [stack.enter_context(multi_view.create_view()) for _ in range(COUNT)]


def tick(multi_view, views):
    """Change all keys, then let each view look, with a change of one key before each."""
    multi_view.update({key: Thing() for key in KEYS})
    for view in views:
        multi_view.update({KEYS[0]: Thing()})
        flush(view)


def as_known(view, known):
    updates, removals = flush(view)
    for key in removals:
        known.pop(key, None)
    known.update(updates)


@pytest.mark.parametrize("seed", range(8))
def test_each_view_gets_what_a_private_copy_would_hold(multi_view, views, seed):
    choose = random.Random(seed)
    model = reference.DictionaryChangeMultiView()
    with ExitStack() as stack:
        models = [stack.enter_context(model.create_view()) for _ in range(COUNT)]
        for number in range(1500):
            kind = choose.random()
            updates, removals = {choose.choice(KEYS): number}, []
            if kind < 0.02:
                updates = dict.fromkeys(choose.sample(KEYS, choose.randint(8, 40)), number)
            elif kind < 0.1:
                updates = dict.fromkeys(choose.sample(KEYS, 3), number)
            elif kind < 0.12:
                updates, removals = {}, [choose.choice(KEYS)]
            for it in (multi_view, model):
                it.update(updates, removals)
            if choose.random() < 0.5:
                at = choose.choice([0, 0, 0, 1, 1, 2, 3]) if number % 300 else COUNT - 1
                assert pending(views[at]) == pending(models[at])
                if any(pending(views[at])):
                    assert flush(views[at]) == flush(models[at])
    assert multi_view.copy_content() == model.copy_content()


def test_each_view_gets_a_dictionary_of_its_own(multi_view, views):
    tick(multi_view, views)
    content = multi_view.copy_content()
    multi_view.update(content)
    changes = []
    for number, view in enumerate(views):
        multi_view.update({KEYS[number]: number})
        changes.append(flush(view)[0])
    for number, updates in enumerate(changes):
        assert updates == content | {KEYS[i]: i for i in range(number + 1)}
        updates.clear()


def test_a_replaced_value_is_released_at_once(multi_view, views):
    tick(multi_view, views)
    multi_view.update({key: Thing() for key in KEYS})
    flush(views[0])
    for _ in range(3):
        value = Thing()
        released = weakref.ref(value)
        multi_view.update({KEYS[0]: value})
        flush(views[1])
        value = None
        multi_view.update({KEYS[0]: Thing()})
        gc.collect()
        assert released() is None
        flush(views[2])


def test_a_removed_value_is_released_as_soon_as_all_have_seen_that(multi_view, views):
    tick(multi_view, views)
    value = Thing()
    released = weakref.ref(value)
    multi_view.update({KEYS[0]: value})
    for view in views[:2]:
        multi_view.update({KEYS[1]: Thing()})
        flush(view)
    value = None
    multi_view.update(removals=[KEYS[0]])
    gc.collect()
    assert released() is None
    assert all(flush(view)[1] == {KEYS[0]} for view in views)


@pytest.mark.parametrize("what", ["small", "large", "removal", "flush", "all flush", "leave"])
def test_whatever_a_replaced_value_does_in_the_end_nothing_is_lost(multi_view, what):
    class Last:
        def __del__(self):
            calls.append(what)
            if what == "small":
                multi_view.update({KEYS[5]: "from the end"})
            elif what == "large":
                multi_view.update(dict.fromkeys(KEYS, "from the end"))
            elif what == "removal":
                multi_view.update(removals=[KEYS[5]])
            elif what == "flush":
                as_known(views[3], known[3])
            elif what == "all flush":
                for view, of_it in zip(views, known, strict=True):
                    if any(pending(view)):
                        as_known(view, of_it)
            else:
                contexts[4].__exit__(None, None, None)

    calls = []
    contexts = [multi_view.create_view() for _ in range(COUNT)]
    views = [context.__enter__() for context in contexts]
    known = [{} for _ in views]
    for _ in range(3):
        multi_view.update({key: Thing() for key in KEYS})
        for view, of_it in zip(views[:4], known[:4], strict=True):
            multi_view.update({KEYS[0]: Last()})
            multi_view.update({KEYS[1]: Thing()})
            multi_view.update({KEYS[0]: Thing()})
            if any(pending(view)):
                as_known(view, of_it)
    assert len(calls) == 12
    multi_view.freeze()
    for view, of_it in zip(views[:4], known[:4], strict=True):
        if any(pending(view)):
            as_known(view, of_it)
        assert of_it == multi_view.copy_content()
