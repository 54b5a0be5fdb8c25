"""The names that the module offers, which are those of NanoVer's module and a few more."""

from __future__ import annotations

import pickle

import pytest

import change_buffers

NAMES = [
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "KeyRemovals",
    "KeyUpdates",
    "ObjectFrozenError",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_exported(name):
    assert name in change_buffers.__all__
    assert hasattr(change_buffers, name)


def test_everything_that_is_exported_exists():
    for name in change_buffers.__all__:
        assert hasattr(change_buffers, name)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("Key")])
def test_classes_are_known_by_where_they_are_imported_from(name):
    kind = getattr(change_buffers, name)
    assert (kind.__module__, kind.__qualname__) == ("change_buffers", name)
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert kind.__doc__


def test_the_error_is_a_plain_exception():
    error = change_buffers.ObjectFrozenError
    assert error.__bases__ == (Exception,)
    duplicate = pickle.loads(pickle.dumps(error("frozen")))
    assert type(duplicate) is error
    assert duplicate.args == ("frozen",)
