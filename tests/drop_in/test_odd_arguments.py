"""Arguments of every odd kind: taken or refused as the model takes or refuses them."""

from __future__ import annotations

import array
import collections
import types
from collections.abc import Callable
from typing import Any

import pytest

import reference
from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from helpers import pending


class Text(str):
    __slots__ = ()


class KeysAndItems:
    """All that `dict()` needs of a mapping."""

    def keys(self) -> list[str]:
        return ["k"]

    def __getitem__(self, key: object) -> int:
        if key == "k":
            return 1
        raise IndexError(key)


class OldSequence:
    """Can be iterated over by index only."""

    def __getitem__(self, index: int) -> str:
        return "ab"[index]


class Empty:
    """Is false, and nothing else."""

    def __len__(self) -> int:
        return 0


# Made anew for each use, since some can be used only once.
ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "False": lambda: False,
    "0": lambda: 0,
    "1.5": lambda: 1.5,
    "an object": object,
    "a class": lambda: dict,
    "what is empty": Empty,
    "[]": list,
    "()": tuple,
    "set()": set,
    "a range": lambda: range(2),
    "an empty range": lambda: range(0),
    "''": str,
    "text": lambda: "abc",
    "text of a subclass": lambda: Text("abc"),
    "b''": bytes,
    "bytes": lambda: b"abc",
    "a bytearray": lambda: bytearray(b"abc"),
    "a memoryview": lambda: memoryview(b"abc"),
    "an array": lambda: array.array("b", [1]),
    "a UserString": lambda: collections.UserString("abc"),
    "items": lambda: {"a": 1}.items(),
    "no items": lambda: {}.items(),
    "keys": lambda: {"a": 1}.keys(),
    "values": lambda: {1: "a"}.values(),
    "pairs": lambda: [("a", 1)],
    "pairs of letters": lambda: ["ab", "cd"],
    "an iterator over pairs": lambda: zip("ab", [1, 2], strict=True),
    "a list": lambda: ["a", "b", "a"],
    "a list of subclasses": lambda: [Text("a")],
    "a list of numbers": lambda: [1],
    "a list of lists": lambda: [[]],
    "a mixed list": lambda: ["a", None],
    "a generator": lambda: (key for key in "ab"),
    "a deque": lambda: collections.deque(["a"]),
    "a frozenset": lambda: frozenset(["a"]),
    "an old sequence": OldSequence,
    "a dict": lambda: {"a": 1},
    "a dict of subclasses": lambda: {Text("a"): 1},
    "a dict of numbers": lambda: {1: "a"},
    "a mixed dict": lambda: {"a": 1, None: 2},
    "an OrderedDict": lambda: collections.OrderedDict(a=1),
    "a defaultdict": lambda: collections.defaultdict(int, a=1),
    "a Counter": lambda: collections.Counter("ab"),
    "a ChainMap": lambda: collections.ChainMap({"a": 1}, {"b": 2}),
    "a UserDict": lambda: collections.UserDict(a=1),
    "a mappingproxy": lambda: types.MappingProxyType({"a": 1}),
    "keys and items": KeysAndItems,
    "a namespace": lambda: types.SimpleNamespace(keys=1),
    "a change": lambda: DictionaryChange({"a": 1}, ["b"]),
}

every_oddity = pytest.mark.parametrize("make", ODD.values(), ids=ODD.keys())
every_argument = pytest.mark.parametrize("argument", ["updates", "removals"])


def outcome(call: Callable[[], Any]) -> Any:
    """Give what a call returned or the kind of error that it raised."""
    try:
        return call()
    except Exception as error:
        return type(error)


def parts(change: Any) -> Any:
    return (change.updates, change.removals) if hasattr(change, "removals") else change


@every_oddity
@every_argument
def test_a_change_is_made_of_it_or_not(make: Callable[[], Any], argument: str) -> None:
    ours = outcome(lambda: DictionaryChange(**{argument: make()}))
    theirs = outcome(lambda: reference.strict_change(**{argument: make()}))
    assert parts(ours) == parts(theirs)
    wire = outcome(lambda: DictionaryChange.from_dict({argument: make()}))
    assert parts(wire) == parts(theirs)


@every_oddity
@every_argument
@pytest.mark.parametrize("kind", ["buffer", "multi-view"])
def test_an_update_takes_it_or_not(make: Callable[[], Any], argument: str, kind: str) -> None:
    arguments = {"updates": None, "removals": None}
    if kind == "buffer":
        buffer, model = DictionaryChangeBuffer(), reference.DictionaryChangeBuffer()
        for target in (buffer, model):
            target.update({"a": 0, "z": 0}, ["b", "y"])
        ours = outcome(lambda: buffer.update(**(arguments | {argument: make()})))
        theirs = outcome(lambda: reference.strict_update(model, **(arguments | {argument: make()})))
        assert pending(buffer) == pending(model)
    else:
        multi_view = DictionaryChangeMultiView()
        model_view = reference.DictionaryChangeMultiView()
        for target in (multi_view, model_view):
            target.update({"a": 0, "z": 0})
        with multi_view.create_view() as view, model_view.create_view() as model:
            ours = outcome(lambda: multi_view.update(**(arguments | {argument: make()})))
            theirs = outcome(
                lambda: reference.strict_update(model_view, **(arguments | {argument: make()}))
            )
            assert pending(view) == pending(model)
        assert multi_view.copy_content() == model_view.copy_content()
    assert ours == theirs
