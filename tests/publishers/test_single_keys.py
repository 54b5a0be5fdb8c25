"""One key of a multi-view: looking it up, and changing it if nobody else has."""

from __future__ import annotations

import pickle
import weakref

import pytest

from change_buffers import ConflictError, DictionaryChangeMultiView, ObjectFrozenError
from helpers import Thing, Worker, assert_collected, flush


class Name(str):
    """A string that lies about everything that can be asked of it in Python."""

    __slots__ = ()

    def __eq__(self, other):
        raise AssertionError("it is not to be asked")

    __hash__ = None


# Looking up


def test_a_key_is_looked_up(multi_view):
    thing = Thing()
    multi_view.update({"a": thing, "": None, "\ud800": 2})
    assert multi_view.get("a") is multi_view.get(Name("a")) is thing
    assert multi_view.get("\ud800") == 2
    assert multi_view.get("") is multi_view.get("b") is multi_view.get("b", None) is None
    assert multi_view.get("b", thing) is multi_view.get("b", default=thing) is thing
    assert multi_view.get("", 5) is None
    assert "a" in multi_view
    assert Name("a") in multi_view
    assert "" in multi_view
    assert "b" not in multi_view


def test_a_key_that_was_removed_is_not_there():
    room = DictionaryChangeMultiView(history=10)
    with room.create_view() as view:
        room.update({"a": 1, "b": 1}, ["b"])
        room.update(None, ["a"])
        for is_read in (False, True):
            if is_read:
                flush(view)
            assert (room.get("a"), room.get("b", 5)) == (None, 5)
            assert "a" not in room
            assert "b" not in room


def test_it_is_the_content_that_is_looked_at(multi_view, view):
    view.update({"a": 1})
    assert "a" not in multi_view
    multi_view.update({"b": 1})
    multi_view.freeze()
    assert multi_view.get("b") == 1


def test_an_empty_room_is_true(multi_view):
    assert multi_view
    assert not hasattr(multi_view, "__len__")
    assert not hasattr(multi_view, "__getitem__")
    assert not hasattr(multi_view, "__iter__")


@pytest.mark.parametrize("key", [1, None, b"a", ("a",), []])
def test_keys_are_strings(multi_view, key):
    for look in (multi_view.get, multi_view.__contains__):
        with pytest.raises(TypeError, match=f"key must be a str, not {type(key).__name__}"):
            look(key)


def test_looking_up_keeps_nothing(multi_view):
    thing = Thing()
    reference = weakref.ref(thing)
    multi_view.update({"a": thing})
    assert multi_view.get("a") is thing
    assert "a" in multi_view
    multi_view.update(None, ["a"])
    del thing
    assert_collected(reference)


# Comparing and setting


@pytest.fixture(params=["multi-view", "publisher"])
def update(request, multi_view):
    """Update in either way."""
    publisher = multi_view.create_publisher()
    return multi_view.update if request.param == "multi-view" else publisher.update


def test_what_has_changed_is_a_conflict(multi_view, view, update):
    multi_view.update({"a": 1, "b": 1, "c": 1})
    version = multi_view.version
    multi_view.update({"b": 2}, ["c"])
    flush(view)
    for updates, removals, conflicts in [
        ({"a": 3, "b": 3}, None, ("b",)),
        ({"a": 3}, ["c", "b"], ("c", "b")),
        (None, ["b"], ("b",)),
    ]:
        with pytest.raises(ConflictError, match=f"changed since version {version}: '") as caught:
            update(updates, removals, unchanged_since=version)
        assert caught.value.keys == conflicts
    assert multi_view.copy_content() == {"a": 1, "b": 2}
    assert multi_view.version == version + 1
    assert view.flush_changed_nowait() is None
    update({"a": 3}, unchanged_since=version)
    update({"b": 3}, ["a", "c"], unchanged_since=multi_view.version)
    assert multi_view.copy_content() == {"b": 3}


def test_nothing_named_is_no_conflict(multi_view, update):
    multi_view.update({"a": 1})
    update(unchanged_since=0)
    update({}, [], unchanged_since=0)
    assert multi_view.version == 1


def test_a_key_that_nobody_has_set_yet(multi_view, update):
    multi_view.update({"a": 1})
    update({"b": 1}, unchanged_since=0)
    with pytest.raises(ConflictError):
        update({"b": 2}, unchanged_since=1)


def test_what_is_not_known_is_a_conflict(multi_view, update):
    multi_view.update({"a": 1})
    multi_view.update(None, ["a"])
    with pytest.raises(ConflictError) as caught:
        update({"never": 1}, unchanged_since=1)
    assert caught.value.keys == ("never",)
    room = DictionaryChangeMultiView(history=1)
    room.update({"a": 1})
    room.update(None, ["a"])
    room.update({"never": 1}, unchanged_since=1)
    with pytest.raises(ConflictError):
        room.update({"a": 1}, unchanged_since=1)


def test_bad_versions_change_nothing(multi_view, update):
    multi_view.update({"a": 1})
    for version in (2, 10**30):
        with pytest.raises(ValueError, match="unchanged_since must be a version that there has"):
            update({"a": 2}, unchanged_since=version)
    with pytest.raises(ValueError, match="unchanged_since must be 0 or more, not -5"):
        update({"a": 2}, unchanged_since=-5)
    with pytest.raises(TypeError, match="unchanged_since must be a version, an int, not str"):
        update({"a": 2}, unchanged_since="1")
    with pytest.raises(TypeError):
        update({"a": 2}, None, 1)
    assert multi_view.get("a") == 1
    multi_view.freeze()
    with pytest.raises(ObjectFrozenError):
        update({"a": 2}, unchanged_since="1")


def test_the_error_has_all_keys(multi_view):
    names = [f"key {i}" for i in range(10)]
    multi_view.update(dict.fromkeys(names))
    with pytest.raises(ConflictError) as caught:
        multi_view.update(dict.fromkeys(names), unchanged_since=0)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.keys == tuple(names)
    assert str(error) == "changed since version 0: 'key 0', 'key 1', 'key 2' and 7 more"
    assert ConflictError.__bases__ == (Exception,)
    assert ConflictError().keys == ()


def test_counting_together(multi_view):
    """Every increment counts, whoever comes first."""
    multi_view.update({"count": 0})

    def count():
        for _ in range(300):
            while True:
                version = multi_view.version
                value = multi_view.get("count")
                try:
                    multi_view.update({"count": value + 1}, unchanged_since=version)
                    break
                except ConflictError:
                    pass

    for worker in [Worker(count) for _ in range(4)]:
        worker.result()
    assert multi_view.get("count") == 1200
