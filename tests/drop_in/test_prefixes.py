"""Views of the keys that start with one of some prefixes."""

from __future__ import annotations

import weakref

import pytest

from change_buffers import DictionaryChangeMultiView, ObjectFrozenError
from helpers import BoomError, Thing, assert_collected, flush, pending, raising_iterator, soon


class Prefix(str):
    """A string that lies about everything that can be asked of it in Python."""

    __slots__ = ()

    def __eq__(self, other):
        raise BoomError

    __hash__ = None

    def __str__(self):
        return "lie"

    def startswith(self, *_):
        raise BoomError


KEYS = [
    "",
    "a",
    "a.b",
    "ab",
    "b",
    "b.a",
    "\0",
    "\ud800",
    "\ud800x",
    "\U0001f600",
    "\U0001f600!",
    "é",
]


@pytest.fixture(params=["view", "subscription"])
def follow(request, multi_view):
    """Follow the keys with some prefixes, in a way that gives all flushes alike."""
    contexts = []

    def follow(prefixes):
        if request.param == "subscription":
            subscription = multi_view.subscribe_changes(prefixes=prefixes)

            def receive():
                updates, removals = soon(next, subscription)
                return updates, removals

            return receive
        context = multi_view.create_view(prefixes=prefixes)
        contexts.append(context)
        view = context.__enter__()
        return lambda: flush(view)

    yield follow
    for context in contexts:
        context.__exit__(None, None, None)


def matching(*prefixes):
    return {key: 1 for key in KEYS if key.startswith(prefixes)}


# What matches


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ("a", matching("a")),
        ("a.", matching("a.")),
        ("", matching("")),
        (None, matching("")),
        (["a"], matching("a")),
        (("a.", "b"), matching("a.", "b")),
        ({"a", "ab", "b."}, matching("a", "b.")),
        (frozenset(["", "a"]), matching("")),
        (dict.fromkeys("a"), matching("a")),
        (["a", "a"], matching("a")),
        ("\0", matching("\0")),
        ("\ud800", matching("\ud800")),
        (["\ud83d", "\U0001f600"], matching("\U0001f600")),
        ("é", matching("é")),
        (Prefix("a."), matching("a.")),
        ([Prefix("b")], matching("b")),
    ],
)
def test_keys_that_start_with_a_prefix_are_followed(multi_view, follow, prefixes, expected):
    multi_view.update(dict.fromkeys(KEYS, 1))
    receive = follow(prefixes)
    assert receive() == (expected, set())
    multi_view.update(dict.fromkeys(KEYS, 2), KEYS[::2])
    assert receive() == (dict.fromkeys(expected, 2), expected.keys() & KEYS[::2])


def test_prefixes_may_come_from_an_iterator(multi_view, follow):
    multi_view.update(dict.fromkeys(KEYS, 1))
    assert follow(prefix for prefix in ("a.", "b"))() == (matching("a.", "b"), set())


def test_a_prefix_may_be_longer_than_the_keys(multi_view, follow):
    multi_view.update({"x" * 1_000_000 + end: 1 for end in ("", "y", "z")})
    multi_view.update({"x": 1})
    receive = follow("x" * 1_000_000 + "y")
    assert list(receive()[0]) == ["x" * 1_000_000 + "y"]


def test_the_keys_are_compared_by_character_not_by_width(multi_view, follow):
    # Strings are kept in one, two or four bytes per character.
    keys = ["a", "aé", "a\u20ac", "a\U0001f600", "é", "éa\U0001f600", "\u20aca", "\U0001f600a"]
    multi_view.update(dict.fromkeys(keys, 1))
    for prefix in ("a", "é", "\u20ac", "\U0001f600", "éa", "a\U0001f600"):
        expected = {key for key in keys if key.startswith(prefix)}
        assert follow(prefix)()[0].keys() == expected


def test_keys_of_a_subclass_count_by_their_text(multi_view, follow):
    class Key(str):
        __slots__ = ()

        def startswith(self, *_):
            raise BoomError

    multi_view.update({Key("a.b"): 1, Key("b"): 1})
    assert follow("a")() == ({"a.b": 1}, set())


def test_no_prefix_at_all_matches_nothing(multi_view):
    multi_view.update(dict.fromkeys(KEYS, 1))
    for nothing in ([], (), set(), iter([])):
        with multi_view.create_view(nothing) as view:
            multi_view.update({"a": 2}, ["b"])
            view.update({"a": 3}, ["b"])
            assert pending(view) == ({}, set())
            assert view.flush_changed_nowait() is None
    multi_view.freeze()
    assert list(multi_view.subscribe_changes(0, [])) == []


# What is refused


@pytest.mark.parametrize(
    "prefixes", [5, 1.5, True, object(), [1], ["a", None], [b"a"], b"a", bytearray(b"a"), [["a"]]]
)
def test_prefixes_of_another_type_are_refused_at_the_call(multi_view, prefixes):
    for call in (
        lambda: multi_view.create_view(prefixes),
        lambda: multi_view.create_view(prefixes=prefixes),
        lambda: multi_view.subscribe_changes(0, prefixes),
        lambda: multi_view.subscribe_changes(prefixes=prefixes),
    ):
        with pytest.raises(TypeError, match="prefixes"):
            call()


@pytest.mark.parametrize("prefixes", [b"", bytearray()])
def test_bytes_are_refused_even_without_content(multi_view, prefixes):
    with pytest.raises(TypeError, match="prefixes"):
        multi_view.create_view(prefixes)


def test_what_an_iterable_raises_is_passed_on(multi_view):
    with pytest.raises(BoomError):
        multi_view.create_view(raising_iterator("a"))
    assert multi_view.stats().views == 0


# Flushes


def test_other_keys_are_in_no_flush(multi_view):
    multi_view.update({"a.1": 1, "b.1": 1})
    with multi_view.create_view(prefixes="a.") as view:
        assert pending(view) == ({"a.1": 1}, set())
        assert flush(view) == ({"a.1": 1}, set())
        multi_view.update({"b.2": 1}, ["b.1"])
        assert pending(view) == ({}, set())
        assert view.flush_changed_nowait() is None
        multi_view.update({"a.2": 1, "b.3": 1}, ["a.1", "b.2", "a.never", "b.never"])
        assert pending(view) == ({"a.2": 1}, {"a.1", "a.never"})
        assert flush(view) == ({"a.2": 1}, {"a.1", "a.never"})
        assert view.flush_changed_nowait() is None


def test_a_key_in_both_parts_is_in_both_parts(multi_view):
    with multi_view.create_view(prefixes="a") as view, multi_view.create_view() as other:
        multi_view.update({"a": 1, "b": 1}, ["a", "b"])
        assert flush(view) == ({"a": 1}, {"a"})
        assert flush(other) == ({"a": 1, "b": 1}, {"a", "b"})
        view.update({"a": 1, "b": 1}, ["a", "b"])
        assert flush(view) == ({"a": 1}, {"a"})


def test_a_views_own_update_keeps_what_matches(multi_view, follow):
    with multi_view.create_view(prefixes=["a", "c"]) as view:
        view.update({"b": 1, "d": 1}, ["x"])
        assert view.flush_changed_nowait() is None
        view.update({"a": 1, "b": 1, "c": 1, "d": 1})
        assert pending(view) == ({"a": 1, "c": 1}, set())
        view.update({"b": 2}, ["a", "d", "ab"])
        multi_view.update({"c": 2, "d": 2}, ["ab", "b"])
        view.update({"ab": 3, "z": 3})
        assert flush(view) == ({"c": 2, "ab": 3}, {"a"})
    assert multi_view.copy_content() == {"c": 2, "d": 2}


def test_a_frozen_view_gives_what_matched(multi_view):
    multi_view.update({"a": 1, "b": 1})
    with multi_view.create_view(prefixes="a") as view, multi_view.create_view("c") as other:
        pass
    multi_view.update({"a": 2, "c": 2})
    assert flush(view) == ({"a": 1}, set())
    for drained in (view, other):
        with pytest.raises(ObjectFrozenError):
            drained.flush_changed_nowait()
        with pytest.raises(ObjectFrozenError):
            drained.update({"z": 1})


def test_a_frozen_multi_view_gives_what_matches_once(multi_view):
    multi_view.update({"a": 1, "b": 1})
    with multi_view.create_view(prefixes="a") as view, multi_view.create_view("c") as other:
        multi_view.freeze()
        assert view.flush_changed_nowait().updates == {"a": 1}
        for drained in (view, other):
            with pytest.raises(ObjectFrozenError):
                drained.flush_changed_nowait()
    assert [change.updates for change in multi_view.subscribe_changes(1000, "b")] == [{"b": 1}]
    assert list(multi_view.subscribe_changes(1000, "c")) == []


# Beside other views


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_views_with_and_without_prefixes_get_each_their_own(first):
    # What several views have to expect is shared between them: no key may come along.
    multi_view = DictionaryChangeMultiView()
    prefixes = [None, "a", ["a", "b"], None]
    contexts = [multi_view.create_view(each) for each in prefixes]
    views = [context.__enter__() for context in contexts]
    order = [*range(first, 4), *range(first)]
    for round_ in range(4):
        if round_ == 3:
            multi_view.update(None, ["a1", "b1", "c1"])
            expected = [({}, {"a1", "b1", "c1"}), ({}, {"a1"}), ({}, {"a1", "b1"})]
        else:
            changed = {f"{letter}{i}": round_ for letter in "abc" for i in range(3)}
            multi_view.update(changed)
            if round_ == 2:
                multi_view.update({"a0": round_})
            expected = [
                ({key: round_ for key in changed if key[0] in letters}, set())
                for letters in ("abc", "a", "ab")
            ]
        expected.append(expected[0])
        for number in order:
            change = views[number].flush_changed_nowait()
            assert (change.updates, change.removals) == expected[number]
            change.updates.clear()


def test_a_late_view_gets_the_part_of_the_content_that_matches(multi_view):
    with multi_view.create_view() as first:
        for i in range(100):
            multi_view.update({f"a{i}": i, f"b{i}": i}, [f"a{i - 1}"])
        with multi_view.create_view("a") as view, multi_view.create_view() as other:
            assert flush(view) == ({"a99": 99}, set())
            assert len(flush(other)[0]) == 101
        assert len(flush(first)[0]) == 101


def test_values_of_other_keys_are_not_kept(multi_view):
    with multi_view.create_view("a") as view:
        thing = Thing()
        reference = weakref.ref(thing)
        multi_view.update({"b": thing})
        view.update({"c": thing})
        multi_view.update({"b": None})
        del thing
        assert_collected(reference)
        assert view.flush_changed_nowait() is None
