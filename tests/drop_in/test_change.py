"""`DictionaryChange` is an ordinary Python object that holds a dict and a set of its own."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from types import MappingProxyType

import pytest

from change_buffers import DictionaryChange
from helpers import BoomError, PlainMapping, RaisingMapping, Thing, raising_iterator


class Subclass(DictionaryChange):
    """A subclass without anything of its own."""


class Labelled(DictionaryChange):
    """A subclass whose constructor takes something else."""

    def __init__(self, label: str, *, size: int) -> None:
        super().__init__({label: size}, removals=[f"old {label}"])
        self.label = label


def parts(change: DictionaryChange) -> tuple[dict, set]:
    return change.updates, change.removals


# Construction


def test_a_change_is_empty_by_default():
    change = DictionaryChange()
    assert parts(change) == ({}, set())
    assert (type(change.updates), type(change.removals)) == (dict, set)


def test_the_arguments_may_be_none():
    assert parts(DictionaryChange(None, None)) == ({}, set())


def test_the_arguments_may_be_given_by_position_or_name():
    assert parts(DictionaryChange({"a": 1}, {"b"})) == ({"a": 1}, {"b"})
    assert parts(DictionaryChange(removals={"b"}, updates={"a": 1})) == ({"a": 1}, {"b"})
    assert parts(DictionaryChange(removals={"b"})) == ({}, {"b"})


def test_each_change_has_its_own_empty_parts():
    first, second = DictionaryChange(), DictionaryChange()
    first.updates["a"] = 1
    first.removals.add("b")
    assert parts(second) == ({}, set())


def test_the_arguments_are_copied():
    updates, removals = {"a": 1}, {"b"}
    change = DictionaryChange(updates, removals)
    updates["c"] = 2
    removals.add("d")
    assert parts(change) == ({"a": 1}, {"b"})
    change.updates["e"] = 3
    change.removals.add("f")
    assert (updates, removals) == ({"a": 1, "c": 2}, {"b", "d"})


def test_the_values_are_not_copied():
    value = [Thing()]
    assert DictionaryChange({"a": value}).updates["a"] is value


@pytest.mark.parametrize("mapping", [dict, OrderedDict, MappingProxyType, PlainMapping])
def test_updates_may_be_any_mapping(mapping):
    change = DictionaryChange(mapping({"a": 1, "b": 2}))
    assert change.updates == {"a": 1, "b": 2}
    assert type(change.updates) is dict


@pytest.mark.parametrize("iterable", [list, tuple, set, frozenset, iter, dict.fromkeys])
def test_removals_may_be_any_iterable_of_keys(iterable):
    change = DictionaryChange(removals=iterable(["a", "b", "a"]))
    assert change.removals == {"a", "b"}
    assert type(change.removals) is set


def test_a_change_keeps_the_order_of_its_updates():
    keys = [f"key {i}" for i in range(100, 0, -1)]
    assert list(DictionaryChange(dict.fromkeys(keys)).updates) == keys


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [(({}, (), ()), {}), ((), {"other": 1}), (({},), {"updates": {}})],
)
def test_other_arguments_are_refused(arguments, keywords):
    with pytest.raises(TypeError):
        DictionaryChange(*arguments, **keywords)


@pytest.mark.parametrize("updates", [5, "abc", b"abc", ["a"], [("a", 1)], {"a"}, iter([])])
def test_updates_that_are_no_mapping_are_refused(updates):
    with pytest.raises(TypeError, match="updates"):
        DictionaryChange(updates)
    with pytest.raises(TypeError, match="updates"):
        DictionaryChange.from_dict({"updates": updates})


@pytest.mark.parametrize("removals", ["abc", "", b"abc"])
def test_removals_that_are_one_string_are_refused(removals):
    with pytest.raises(TypeError, match="removals"):
        DictionaryChange(removals=removals)
    with pytest.raises(TypeError, match="removals"):
        DictionaryChange.from_dict({"removals": removals})


def test_removals_that_are_not_iterable_are_refused():
    with pytest.raises(TypeError):
        DictionaryChange(removals=5)


@pytest.mark.parametrize("key", [1, None, b"a", ("a",), 1.5])
def test_keys_that_are_not_strings_are_refused(key):
    for arguments in [({"a": 1, key: 2},), (None, ["a", key])]:
        with pytest.raises(TypeError, match=type(key).__name__):
            DictionaryChange(*arguments)
    with pytest.raises(TypeError, match=type(key).__name__):
        DictionaryChange.from_dict({"updates": {key: 1}})


def test_an_error_in_an_argument_comes_through():
    with pytest.raises(BoomError):
        DictionaryChange(RaisingMapping({"a": 1, "b": 2}))
    with pytest.raises(BoomError):
        DictionaryChange(removals=raising_iterator("a"))


# Attributes


def test_the_parts_can_be_changed_in_place():
    change = DictionaryChange({"a": 1}, ["b"])
    change.updates["c"] = 2
    del change.updates["a"]
    change.removals.discard("b")
    assert parts(change) == ({"c": 2}, set())


def test_the_parts_can_be_assigned():
    updates, removals = {"x": 1}, {"y"}
    change = DictionaryChange({"a": 1}, ["b"])
    change.updates, change.removals = updates, removals
    assert change.updates is updates
    assert change.removals is removals


def test_a_change_unpacks_into_its_parts():
    change = DictionaryChange({"a": 1}, ["b"])
    for _ in range(2):
        updates, removals = change
        assert updates is change.updates
        assert removals is change.removals
    assert len(list(change)) == 2


def test_unpacking_gives_assigned_parts():
    change = DictionaryChange()
    change.updates = replacement = {"x": 1}
    updates, _ = change
    assert updates is replacement


def test_extra_attributes_are_allowed():
    change = DictionaryChange()
    change.note = "hello"
    assert change.note == "hello"
    del change.note
    assert not hasattr(change, "note")


# The wire form


@pytest.mark.parametrize(
    ("dictionary", "expected"),
    [
        ({}, ({}, set())),
        ({"updates": None, "removals": None}, ({}, set())),
        ({"updates": {"a": 1}}, ({"a": 1}, set())),
        ({"removals": ["a", "b", "a"]}, ({}, {"a", "b"})),
        ({"updates": {"a": 1}, "removals": ("a",)}, ({"a": 1}, {"a"})),
        pytest.param(
            {"removals": iter(["a"])},
            ({}, {"a"}),
            marks=pytest.mark.thread_unsafe(reason="an iterator can be used once"),
        ),
    ],
)
def test_from_dict_reads_the_wire_form(dictionary, expected):
    change = DictionaryChange.from_dict(dictionary)
    assert type(change) is DictionaryChange
    assert parts(change) == expected


def test_from_dict_copies():
    wire = {"updates": {"a": 1}, "removals": {"b"}}
    change = DictionaryChange.from_dict(wire)
    change.updates["c"] = 2
    change.removals.add("d")
    assert wire == {"updates": {"a": 1}, "removals": {"b"}}


def test_from_dict_of_a_subclass_makes_the_subclass():
    change = Subclass.from_dict({"updates": {"a": 1}})
    assert type(change) is Subclass
    assert change.updates == {"a": 1}


def test_to_dict_gives_the_wire_form():
    change = DictionaryChange({"a": 1}, ["b", "c"])
    wire = change.to_dict()
    assert set(wire) == {"updates", "removals"}
    assert wire["updates"] is change.updates
    assert type(wire["removals"]) is list
    assert sorted(wire["removals"]) == ["b", "c"]


def test_the_wire_form_survives_a_round_trip():
    change = DictionaryChange({"a": 1}, ["b", "c"])
    assert parts(DictionaryChange.from_dict(change.to_dict())) == parts(change)


# Merging


def test_update_merges_another_change_which_wins():
    change = DictionaryChange({"a": 1, "b": 1}, ["x"])
    change.update(DictionaryChange({"b": 2, "c": 2}, ["y"]))
    assert parts(change) == ({"a": 1, "b": 2, "c": 2}, {"x", "y"})


def test_update_cancels_nothing():
    change = DictionaryChange({"a": 1}, ["b"])
    change.update(DictionaryChange({"b": 2}, ["a"]))
    assert parts(change) == ({"a": 1, "b": 2}, {"a", "b"})


def test_update_makes_new_parts():
    change, other = DictionaryChange({"a": 1}, ["x"]), DictionaryChange({"b": 2}, ["y"])
    before, others = parts(change), parts(other)
    assert change.update(other) is None
    assert before == ({"a": 1}, {"x"})
    assert others == parts(other) == ({"b": 2}, {"y"})
    for part in parts(change):
        assert all(part is not old for old in (*before, *others))


def test_update_with_an_empty_change_still_makes_new_parts():
    change = DictionaryChange({"a": 1}, ["x"])
    updates, removals = change
    change.update(DictionaryChange())
    assert parts(change) == (updates, removals)
    assert change.updates is not updates
    assert change.removals is not removals


def test_update_with_itself_changes_nothing():
    change = DictionaryChange({"a": 1}, ["b"])
    change.update(change)
    assert parts(change) == ({"a": 1}, {"b"})


def test_update_accepts_a_subclass():
    change = DictionaryChange()
    change.update(Labelled("a", size=1))
    assert parts(change) == ({"a": 1}, {"old a"})


def test_update_with_something_else_fails():
    change = DictionaryChange({"a": 1})
    with pytest.raises((TypeError, AttributeError)):
        change.update(None)
    assert change.updates == {"a": 1}


# An ordinary object


def test_a_subclass_may_have_its_own_constructor():
    change = Labelled("a", size=3)
    assert isinstance(change, DictionaryChange)
    assert parts(change) == ({"a": 3}, {"old a"})
    assert change.label == "a"


def test_a_subclass_may_override_a_method():
    class Loud(DictionaryChange):
        def to_dict(self):
            return {**super().to_dict(), "loud": True}

    assert Loud({"a": 1}).to_dict() == {"updates": {"a": 1}, "removals": [], "loud": True}


def test_initialising_again_replaces_the_parts():
    change = DictionaryChange({"a": 1}, ["b"])
    change.__init__({"c": 2})
    assert parts(change) == ({"c": 2}, set())


def test_changes_are_equal_only_to_themselves():
    change, same = DictionaryChange({"a": 1}), DictionaryChange({"a": 1})
    assert change == change
    assert change != same
    assert len({change, same, change}) == 2
    with pytest.raises(TypeError):
        change < same  # noqa: B015


def test_a_change_is_always_true():
    assert DictionaryChange()


def test_weak_references_work():
    change = DictionaryChange()
    reference = weakref.ref(change)
    assert reference() is change
    del change
    assert reference() is None


def test_the_repr_shows_the_class_and_both_parts():
    text = repr(DictionaryChange({"key": 12345}, ["gone"]))
    assert "DictionaryChange" in text
    assert repr({"key": 12345}) in text
    assert repr({"gone"}) in text


def test_the_repr_of_a_change_within_itself_ends():
    change = DictionaryChange({"key": 12345})
    change.updates["self"] = change
    text = repr(change)
    assert "12345" in text
    assert "..." in text


def test_the_repr_passes_on_the_error_of_a_value():
    class Shy:
        def __repr__(self):
            raise BoomError

    with pytest.raises(BoomError):
        repr(DictionaryChange({"a": Shy()}))
