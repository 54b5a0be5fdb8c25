"""Changes can be copied and pickled as any Python object can, with whatever was added to them."""

from __future__ import annotations

import copy
import pickle

import pytest

from change_buffers import DictionaryChange

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Subclass(DictionaryChange):
    """A subclass without anything of its own."""


class Labelled(DictionaryChange):
    """A subclass whose constructor takes something else."""

    def __init__(self, label: str, *, size: int) -> None:
        super().__init__({label: size}, removals=[f"old {label}"])
        self.label = label


class Slotted(DictionaryChange):
    """A subclass that keeps its own attribute in a slot."""

    __slots__ = ("label",)


def parts(change: DictionaryChange) -> tuple[dict, set]:
    return change.updates, change.removals


def assert_is_copy_of(duplicate, original):
    assert type(duplicate) is type(original)
    assert duplicate is not original
    assert parts(duplicate) == parts(original)
    assert vars(duplicate) == vars(original)


def examples():
    annotated = DictionaryChange({"a": [1]}, ["b"])
    annotated.note = "hello"
    odd = DictionaryChange({"": 0, "\0": 1, "\ud800": 2, "\U0001d11e": 3}, ["\udfff"])
    return [DictionaryChange(), annotated, odd, Subclass({"a": 1}), Labelled("a", size=1)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("change", examples(), ids=lambda change: type(change).__name__)
def test_changes_can_be_pickled(change, protocol):
    assert_is_copy_of(pickle.loads(pickle.dumps(change, protocol)), change)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("change", examples(), ids=lambda change: type(change).__name__)
def test_changes_can_be_copied(change, duplicate):
    assert_is_copy_of(duplicate(change), change)


def test_a_slot_of_a_subclass_is_copied():
    change = Slotted({"a": 1})
    change.label = "hello"
    for duplicate in (copy.copy(change), pickle.loads(pickle.dumps(change))):
        assert duplicate.label == "hello"
        assert duplicate.updates == {"a": 1}


def test_assigned_parts_are_copied_and_pickled():
    change = DictionaryChange()
    change.updates, change.removals = {"x": 1}, {"y"}
    for duplicate in (copy.copy(change), pickle.loads(pickle.dumps(change))):
        assert parts(duplicate) == ({"x": 1}, {"y"})


def test_a_copy_shares_the_values_and_a_deep_copy_does_not():
    value = [1]
    change = DictionaryChange({"a": value})
    assert copy.copy(change).updates["a"] is value
    deep = copy.deepcopy(change)
    assert deep.updates["a"] == value
    assert deep.updates["a"] is not value
    deep.updates["b"] = 2
    assert change.updates == {"a": [1]}


def test_a_change_within_itself_can_be_copied_deeply_and_pickled():
    change = DictionaryChange()
    change.updates["self"] = change
    for duplicate in (copy.deepcopy(change), pickle.loads(pickle.dumps(change))):
        assert duplicate.updates["self"] is duplicate


class Demanding(DictionaryChange):
    """A subclass that cannot be made without an argument, and says which it was."""

    def __new__(cls, label: str) -> Demanding:
        change = super().__new__(cls)
        change.label = label
        return change

    def __init__(self, label: str) -> None:
        super().__init__({label: 1})

    def __getnewargs__(self) -> tuple[str]:
        return (self.label,)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_subclass_can_name_the_arguments_to_make_it_anew(protocol):
    change = Demanding("a")
    assert_is_copy_of(pickle.loads(pickle.dumps(change, protocol)), change)
    assert_is_copy_of(copy.copy(change), change)


class Reduced(DictionaryChange):
    """A subclass that says itself how it is made anew."""

    def __reduce__(self):
        return Reduced, ({"reduced": 1},)


@pytest.mark.parametrize("protocol", [-1, *PROTOCOLS])
def test_a_subclass_can_say_how_it_is_made_anew(protocol):
    kind, arguments = Reduced().__reduce_ex__(protocol)
    assert (kind, arguments) == (Reduced, ({"reduced": 1},))
    assert pickle.loads(pickle.dumps(Reduced(), protocol)).updates == {"reduced": 1}


class Plain:
    """An object that has it from `object`."""


@pytest.mark.parametrize(
    "protocol", [-1, -(2**31), True, 2**31 - 1, 2**31, -(2**31) - 1, 2**70, 1.0, None, "1"]
)
def test_any_protocol_is_taken_or_refused_as_by_any_object(protocol):
    def outcome(subject):
        try:
            function, (kind, *_), *_ = subject.__reduce_ex__(protocol)
        except Exception as error:
            return type(error)
        assert kind is type(subject)
        return callable(function)

    assert outcome(DictionaryChange({"a": 1})) == outcome(Plain())
    with pytest.raises(TypeError):
        DictionaryChange().__reduce_ex__(protocol=2)


@pytest.mark.parametrize("protocol", [-1, -5])
def test_a_negative_protocol_makes_a_copy_too(protocol):
    function, arguments, state = DictionaryChange({"a": 1}, ["b"]).__reduce_ex__(protocol)
    duplicate = function(*arguments)
    for attributes in state:
        for name, value in attributes.items():
            setattr(duplicate, name, value)
    assert parts(duplicate) == ({"a": 1}, {"b"})
