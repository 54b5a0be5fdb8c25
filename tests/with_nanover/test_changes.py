"""A `DictionaryChange` does here and in the model what NanoVer's own does."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import change_buffers
import reference
from helpers import PlainMapping
from own import OWN
from test_state_machine import TEXTS, same

KINDS = [OWN, reference, change_buffers]
keys = st.sampled_from(TEXTS)
updates = st.none() | st.dictionaries(keys, st.builds(object), max_size=4)
iterables = st.sampled_from([list, tuple, set, frozenset, dict.fromkeys, iter])
removals = st.none() | st.tuples(iterables, st.lists(keys, max_size=4))


def parts(change: Any) -> tuple[dict[str, Any], set[str]]:
    updates, removals = change
    assert updates is change.updates
    assert removals is change.removals
    assert (type(updates), type(removals)) == (dict, set)
    return updates, removals


def made(given: Any) -> Any:
    """Removals as an argument: one-time iterators are made for each side."""
    return given and given[0](given[1])


def assert_same(changes: list[Any]) -> None:
    first, *others = map(parts, changes)
    for other in others:
        assert same(other[0], first[0])
        assert list(other[0]) == list(first[0])
        assert other[1] == first[1]
    wires = [change.to_dict() for change in changes]
    for change, wire in zip(changes, wires, strict=True):
        assert list(wire) == ["updates", "removals"]
        assert wire["updates"] is change.updates
        assert type(wire["removals"]) is list
        assert sorted(wire["removals"]) == sorted(change.removals)


@given(updates, removals)
def test_a_change_of_parts(updates: Any, removals: Any) -> None:
    changes = [kind.DictionaryChange(updates, made(removals)) for kind in KINDS]
    assert_same(changes)
    assert all(change.updates is not updates for change in changes)


@given(updates, removals, st.sets(st.sampled_from(["updates", "removals"])))
def test_a_change_of_a_dictionary(updates: Any, removals: Any, missing: set[str]) -> None:
    def wire() -> dict[str, Any]:
        whole = {"updates": updates, "removals": made(removals), "and": "something else"}
        return {name: value for name, value in whole.items() if name not in missing}

    assert_same([kind.DictionaryChange.from_dict(wire()) for kind in KINDS])
    assert_same([kind.DictionaryChange.from_dict(dict_=PlainMapping(wire())) for kind in KINDS])


@given(updates, removals, updates, removals)
def test_a_change_that_takes_over_another(
    updates: Any, removals: Any, more: Any, fewer: Any
) -> None:
    changes = [kind.DictionaryChange(updates, made(removals)) for kind in KINDS]
    before = [(change.updates, change.removals) for change in changes]
    for kind, change in zip(KINDS, changes, strict=True):
        assert change.update(kind.DictionaryChange(more, made(fewer))) is None
    assert_same(changes)
    for change, (old_updates, old_removals) in zip(changes, before, strict=True):
        assert change.updates is not old_updates
        assert change.removals is not old_removals


@pytest.mark.parametrize(
    "kind", ["DictionaryChange", "DictionaryChangeBuffer", "DictionaryChangeMultiView"]
)
def test_every_argument_has_the_name_that_it_has_in_nanover(kind: str) -> None:
    own, ours = getattr(OWN, kind), getattr(change_buffers, kind)
    names = [name for name in vars(own) if callable(getattr(own, name))]
    public = [name for name in names if not name.startswith("_")]
    assert public
    for name in public:
        theirs = list(inspect.signature(getattr(own, name)).parameters)
        assert list(inspect.signature(getattr(ours, name)).parameters)[: len(theirs)] == theirs


def test_everything_public_is_there() -> None:
    public = {
        name
        for name, value in vars(OWN).items()
        if not name.startswith("_")
        and (getattr(value, "__module__", None) == OWN.__name__ or name.startswith("Key"))
    }
    assert public == set(change_buffers.__all__) & vars(OWN).keys()
    for name in public:
        assert hasattr(change_buffers, name)
        own, ours = getattr(OWN, name), getattr(change_buffers, name)
        if isinstance(own, type) and issubclass(own, Exception):
            assert own.__bases__ == ours.__bases__
        elif isinstance(own, type):
            attributes = {key for key in vars(own) if not key.startswith("_")}
            assert attributes <= set(dir(ours))
        else:
            assert own == ours  # a type's other name, which can be called to make one


def test_annotations_of_a_change_are_those_of_nanover() -> None:
    hints = get_type_hints(OWN.DictionaryChange)
    assert hints == {"updates": change_buffers.KeyUpdates, "removals": change_buffers.KeyRemovals}
