"""Arguments of updates for random sequences of calls, the good and the bad."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType

from hypothesis import strategies as st

from helpers import PlainMapping, RaisingMapping, raising_iterator


class Name(str):
    """A key of a subclass that behaves as a string should."""

    __slots__ = ()


class Stranger(str):
    """A key of a subclass that is equal to itself alone."""

    __slots__ = ()

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    def __hash__(self):
        return hash(str(self)) ^ 1


class Value:
    """A value to be told from others, in a report as well."""

    count = 0

    def __init__(self):
        Value.count += 1
        self.number = Value.count

    def __repr__(self):
        return f"value {self.number}"


TEXTS = ["a", "b", "c", "d", "", "\0", "\ud800", "\U0001f600", "long" * 1000]
keys = st.sampled_from(TEXTS) | st.builds(
    lambda kind, text: kind(text), st.sampled_from([Name, Stranger]), st.sampled_from("ab")
)
mappings = st.sampled_from([dict, OrderedDict, MappingProxyType, PlainMapping])
iterables = st.sampled_from([list, tuple, set, frozenset, dict.fromkeys, iter])
prefixes = st.none() | st.lists(
    st.sampled_from(["", "a", "b", "lo", "\0", "\ud800", "\U0001f600", "no key"]), max_size=3
)
contents = st.lists(keys, max_size=5).map(lambda names: {name: Value() for name in names})

# Arguments come as functions that make them, for both sides must get an iterator of their own.
good_updates = st.none().map(lambda none: lambda: none) | st.builds(
    lambda kind, content: lambda: kind(content), mappings, contents
)
good_removals = st.none().map(lambda none: lambda: none) | st.builds(
    lambda kind, names: lambda: kind(names), iterables, st.lists(keys, max_size=4)
)
bad_updates = st.sampled_from(
    [
        lambda: 5,
        lambda: "abc",
        lambda: [("a", 1)],
        lambda: {1: 1},
        lambda: {"a": 1, None: 1},
        lambda: PlainMapping({"a": 1, b"b": 1}),
        lambda: RaisingMapping({"a": 1, "b": 1}),
    ]
)
bad_removals = st.sampled_from(
    [
        lambda: 5,
        lambda: "abc",
        lambda: b"abc",
        lambda: Name("a"),
        lambda: ["a", 1],
        lambda: ["a", []],
        lambda: (key for key in ("a", None)),
        lambda: raising_iterator("a", "b"),
    ]
)
arguments = st.tuples(good_updates, good_removals)
bad_arguments = st.tuples(bad_updates, good_removals) | st.tuples(good_updates, bad_removals)
