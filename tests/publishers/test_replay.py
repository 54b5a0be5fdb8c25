"""Replicas: changes that were made elsewhere, with the versions that they have there."""

from __future__ import annotations

import pytest

from change_buffers import DictionaryChangeMultiView, KeyOwnedError, ObjectFrozenError
from helpers import Worker, flush


def test_a_replica_has_the_versions_of_what_it_follows(multi_view, view):
    multi_view.replay({"a": 1, "b": 1}, version=7)
    assert multi_view.version == 7
    assert flush(view) == ({"a": 1, "b": 1}, set())
    multi_view.replay({"a": 2}, ["b"], version=8)
    multi_view.replay(version=12)
    change = view.flush_changed_nowait()
    assert (change.updates, change.removals, change.version) == ({"a": 2}, {"b"}, 12)
    multi_view.update({"own": 1})
    assert multi_view.version == 13
    assert multi_view.copy_content() == {"a": 2, "own": 1}
    assert multi_view.stats().updates == 3


def test_nobody_goes_on_from_a_version_before_a_gap():
    room = DictionaryChangeMultiView(history=100)
    room.replay({"a": 1, "b": 1}, version=1)
    room.replay(removals=["b"], version=2)
    with room.create_view(since=1) as view:
        assert not view.flush_changed_nowait().is_complete
    room.replay({"c": 1}, version=10)
    for version in range(10):
        with room.create_view(since=version) as view:
            change = view.flush_changed_nowait()
            assert (change.updates, change.is_complete) == ({"a": 1, "c": 1}, True)
    room.replay(removals=["a"], version=11)
    with room.create_view(since=10) as view:
        change = view.flush_changed_nowait()
        assert (change.updates, change.removals, change.is_complete) == ({}, {"a"}, False)


def test_no_echo_of_what_publishers_had_changed_there(multi_view):
    with (
        multi_view.create_publisher() as ada,
        multi_view.create_publisher() as bob,
        multi_view.create_view(without=ada) as view,
    ):
        multi_view.replay({"ada": 1}, version=1, publishers={ada: ["ada"]})
        assert view.flush_changed_nowait() is None
        waiter = Worker(view.flush_changed_blocking)
        multi_view.replay(
            {"ada": 2, "bob": 2, "all": 2}, version=2, publishers={ada: ["ada"], bob: ["bob"]}
        )
        assert waiter.result().updates == {"bob": 2, "all": 2}
        assert (ada.owned_keys, bob.owned_keys) == (1, 1)
        multi_view.replay({}, ["ada", "bob"], version=3, publishers={ada: ["ada"]})
        assert flush(view) == ({}, {"bob"})
        assert (ada.owned_keys, bob.owned_keys) == (0, 0)


def test_an_exclusive_publisher_here_has_no_say_in_it(multi_view):
    with multi_view.create_publisher(exclusive=True) as ada:
        ada.update({"a": 1})
        multi_view.replay({"a": 2}, version=5)
        assert multi_view.get("a") == 2
        multi_view.update({"a": 3})
        multi_view.replay({"a": 4}, version=9, publishers={ada: ["a"]})
        with pytest.raises(KeyOwnedError):
            multi_view.update({"a": 5})


def test_bad_replays_change_nothing(multi_view):
    multi_view.replay({"a": 1}, version=5)
    publisher = multi_view.create_publisher()
    stranger = DictionaryChangeMultiView().create_publisher()
    for arguments, error, message in [
        ({"version": 5}, ValueError, "version must be later than that of the multi-view"),
        ({"version": -1}, ValueError, "version must be 0 or more"),
        ({"version": "6"}, TypeError, "version must be a version, an int, not str"),
        ({}, TypeError, "version"),
        ({"version": 6, "publishers": 1}, TypeError, "publishers must be a mapping"),
        ({"version": 6, "publishers": {1: []}}, TypeError, "publishers must have publishers"),
        ({"version": 6, "publishers": {publisher: 1}}, TypeError, "iterable"),
        ({"version": 6, "publishers": {stranger: ["a"]}}, ValueError, "those of this multi-view"),
    ]:
        with pytest.raises(error, match=message):
            multi_view.replay({"a": 2}, **arguments)
    for updates, removals in [([], None), ({1: 2}, None), ({}, "a")]:
        with pytest.raises(TypeError):
            multi_view.replay(updates, removals, version=6)
    assert (multi_view.copy_content(), multi_view.version) == ({"a": 1}, 5)
    multi_view.freeze()
    with pytest.raises(ObjectFrozenError):
        multi_view.replay({"a": 2}, version=6)
