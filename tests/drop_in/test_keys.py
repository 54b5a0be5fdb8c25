"""Keys are strings, all strings, and compared as strings whatever a subclass thinks of itself."""

from __future__ import annotations

import unicodedata

import pytest

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from helpers import flush, pending, run_child

ODD_KEYS = [
    "",
    "\0",
    "\0\0",
    "a\0b",
    "\ud800",
    "\udfff",
    "\ud83d\ude00",  # two surrogates ...
    "\U0001f600",  # ... are not the character that they would stand for in UTF-16
    "\U0010ffff",
    "\xe9",
    unicodedata.normalize("NFD", "\xe9"),
    "K",
    "\u212a",  # the sign for kelvin, which normalisation would make a K
    " ",
    "m" * 2**20,
    "m" * (2**20 - 1) + "\u0394",
]


@pytest.fixture(params=["buffer", "multi-view"])
def target_and_view(request, buffer):
    if request.param == "buffer":
        yield buffer, buffer
    else:
        multi_view = DictionaryChangeMultiView()
        with multi_view.create_view() as view:
            yield multi_view, view


def rebuilt(key):
    """The same string as another object."""
    return "".join([key[:1], key[1:]])


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key[-5:]))
def test_any_string_is_a_key(target_and_view, key):
    target, view = target_and_view
    target.update({key: 1})
    assert flush(view) == ({key: 1}, set())
    target.update({rebuilt(key): 2})
    target.update(None, [rebuilt(key)])
    assert flush(view) == ({}, {key})
    target.update({key: 3})
    assert flush(view) == ({rebuilt(key): 3}, set())


def test_odd_keys_do_not_get_in_each_other_s_way(target_and_view):
    target, view = target_and_view
    updates = {key: i for i, key in enumerate(ODD_KEYS)}
    target.update(updates)
    assert flush(view) == (updates, set())
    for key in ODD_KEYS[::2]:
        target.update(None, [rebuilt(key)])
    for key in ODD_KEYS[1::2]:
        target.update({rebuilt(key): "new"})
    assert flush(view) == (dict.fromkeys(ODD_KEYS[1::2], "new"), set(ODD_KEYS[::2]))
    if target is not view:
        assert list(target.copy_content()) == ODD_KEYS[1::2]


def test_a_change_has_odd_keys(target_and_view):
    change = DictionaryChange(dict.fromkeys(ODD_KEYS), ODD_KEYS)
    assert change.updates == dict.fromkeys(ODD_KEYS)
    assert change.removals == set(ODD_KEYS)


# Subclasses


class Stranger(str):
    """A string that is equal to nothing but itself, and pretends to be another text."""

    __slots__ = ()

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    def __hash__(self):
        return id(self)

    def __str__(self):
        return "another text"

    __repr__ = __format__ = __str__


class Twin(str):
    """A string that is equal to everything."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0


@pytest.mark.parametrize("kind", [Stranger, Twin])
def test_of_a_subclass_only_the_text_counts(target_and_view, kind):
    target, view = target_and_view
    target.update({"a": 1, "b": 1, "c": 1})
    target.update({kind("a"): 2}, [kind("b"), kind("d")])
    updates, removals = flush(view)
    assert (updates, removals) == ({"a": 2, "c": 1}, {"b", "d"})
    assert {type(key) for key in (*updates, *removals)} == {str}


def test_the_last_of_several_keys_with_the_same_text_counts(target_and_view):
    target, view = target_and_view
    target.update({Stranger("a"): 1, "b": 1, "a": 2, Stranger("b"): 2, Stranger("a"): 3})
    assert flush(view) == ({"a": 3, "b": 2}, set())
    if target is not view:
        assert list(target.copy_content()) == ["a", "b"]


def test_of_a_key_in_a_change_only_the_text_counts():
    change = DictionaryChange({Stranger("a"): 1}, [Stranger("b"), Stranger("b")])
    assert list(change.updates) == ["a"]
    assert change.removals == {"b"}


def test_the_key_that_comes_out_is_equal_to_the_key_that_went_in(target_and_view):
    target, view = target_and_view
    target.update({"a": 1})
    assert [*flush(view)[0]] == ["a"]
    assert pending(view) == ({}, set())


def test_the_methods_of_a_key_may_call_back():
    # In a child, as a hang would hold the GIL.
    run_child(
        """
        from change_buffers import *

        class Key(str):
            def __eq__(self, other):
                act()
                return str.__eq__(self, other)
            def __hash__(self):
                act()
                return str.__hash__(self)

        class Pairs:
            def __init__(self, keys):
                self._keys = keys
            def keys(self):
                return self._keys
            def __getitem__(self, key):
                return 1

        def act():
            if busy:
                target.update({"inner": 2}, ["a"])
                view._pending_changes, view._pending_removals
                if target is not view:
                    target.copy_content()

        for which in ("buffer", "view", "multi-view"):
            for make in (list, set, dict.fromkeys, Pairs):
                busy = False
                mv = DictionaryChangeMultiView()
                view = mv.create_view().__enter__()
                target = {"buffer": DictionaryChangeBuffer(), "view": view, "multi-view": mv}[which]
                view = view if target is mv else target
                target.update({"a": 0})
                keys = make([Key("a"), Key("b")])
                busy = True
                if make in (list, set):
                    target.update(None, keys)
                else:
                    target.update(keys)
                busy = False
                updates, removals = view.flush_changed_blocking()
                updates.pop("inner", None)
                if make in (list, set):
                    assert (updates, removals) == ({}, {"a", "b"})
                else:
                    assert updates == {"a": keys["a"], "b": keys["b"]}, updates
                    assert not removals
        """
    )


def test_a_key_that_cannot_be_hashed_changes_nothing(target_and_view):
    class Moody(str):
        __slots__ = ()
        angry = False

        def __hash__(self):
            if self.angry:
                raise ArithmeticError
            return str.__hash__(self)

    target, view = target_and_view
    updates = {"a": 1, Moody("b"): 1}
    Moody.angry = True
    # It need not be hashed at all; if it is, its error must come through and nothing happen.
    for arguments in [(updates,), (None, ["a", Moody("b")])]:
        try:
            target.update(*arguments)
        except ArithmeticError:
            assert pending(view) == ({}, set())
        else:
            got, removals = flush(view)
            assert set(got) | removals == {"a", "b"}
