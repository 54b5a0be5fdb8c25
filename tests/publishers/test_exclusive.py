"""Publishers that have their keys for themselves."""

from __future__ import annotations

import pickle

import pytest

from change_buffers import KeyOwnedError
from helpers import flush


def test_nobody_else_changes_a_key_of_an_exclusive_one(multi_view, view):
    first = multi_view.create_publisher(exclusive=True)
    second = multi_view.create_publisher(exclusive=True)
    assert first.exclusive
    assert not multi_view.create_publisher().exclusive
    first.update({"a": 1, "b": 1})
    flush(view)
    version = multi_view.version
    for other in (multi_view, second):
        for arguments in [({"c": 2, "a": 2, "b": 2},), ({"a": 2}, ["b"]), (None, ["a", "b"])]:
            with pytest.raises(KeyOwnedError, match="'a', 'b'") as caught:
                other.update(*arguments)
            assert caught.value.keys == ("a", "b")
    assert multi_view.version == version
    assert view.flush_changed_nowait() is None
    assert multi_view.copy_content() == {"a": 1, "b": 1}
    view.update({"a": 3})  # it is this view's own affair
    assert flush(view) == ({"a": 3}, set())
    first.update({"a": 4}, ["b"])
    second.update({"b": 2})
    first.close()
    second.update({"a": 2})
    assert multi_view.copy_content() == {"b": 2, "a": 2}


def test_an_exclusive_one_may_take_a_key_over(multi_view):
    with multi_view.create_publisher() as free, multi_view.create_publisher(exclusive=True) as one:
        free.update({"a": 1})
        multi_view.update({"b": 1})
        one.update({"a": 2, "b": 2})
        with pytest.raises(KeyOwnedError):
            free.update({"a": 3})
    assert multi_view.copy_content() == {}


def test_the_error_names_the_first_few_keys_and_has_all(multi_view):
    publisher = multi_view.create_publisher(exclusive=True)
    names = [f"key {i}" for i in range(1000)]
    publisher.update(dict.fromkeys(names))
    with pytest.raises(KeyOwnedError) as caught:
        multi_view.update(dict.fromkeys(names))
    assert caught.value.keys == tuple(names)
    assert str(caught.value).endswith("'key 0', 'key 1', 'key 2' and 997 more")
    assert pickle.loads(pickle.dumps(caught.value)).keys == tuple(names)
    assert KeyOwnedError("by hand").keys == ()
    assert KeyOwnedError.__bases__ == (Exception,)
