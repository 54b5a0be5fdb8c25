"""Calling `DictionaryChange`, which has a shorter way than other classes, and does the same."""

from __future__ import annotations

import pytest

from change_buffers import DictionaryChange


class Subclass(DictionaryChange):
    """A subclass without anything of its own."""


def parts(change: DictionaryChange) -> tuple[dict, set]:
    return change.updates, change.removals


@pytest.mark.thread_unsafe(reason="the class is changed for everybody")
def test_a_class_that_is_changed_is_made_as_it_says(monkeypatch):
    given = []
    initialise = DictionaryChange.__init__

    def initialise_and_tell(change, *arguments, **keywords):
        given.append((arguments, keywords))
        initialise(change, *arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(DictionaryChange, "__init__", initialise_and_tell)
        change = DictionaryChange({"a": 1}, removals=["b"])
        assert parts(change) == ({"a": 1}, {"b"})
        assert given.pop() == (({"a": 1},), {"removals": ["b"]})
        assert parts(DictionaryChange.from_dict({"removals": ["b"]})) == ({}, {"b"})
        assert given.pop() == ((None, ["b"]), {})
        with pytest.raises(TypeError, match="updates"):
            DictionaryChange(5)
    given.clear()
    assert parts(DictionaryChange.from_dict({"removals": ["b"]})) == ({}, {"b"})
    assert parts(DictionaryChange({"a": 1}, ["b"])) == ({"a": 1}, {"b"})
    assert given == []


@pytest.mark.parametrize("cls", [DictionaryChange, Subclass])
@pytest.mark.parametrize(
    ("arguments", "keywords", "complaint"),
    [
        (({}, [], 3), {}, "takes from 0 to 2 positional arguments but 3 were given"),
        (({}, [], 3), {"removals": []}, "takes from 0 to 2 positional arguments but 3 were given"),
        ((), {"update": {}}, "got an unexpected keyword argument 'update'"),
        (({}, []), {"more": 1}, "got an unexpected keyword argument 'more'"),
        (({},), {"updates": {}}, "got multiple values for argument 'updates'"),
        (({}, []), {"removals": []}, "got multiple values for argument 'removals'"),
    ],
)
def test_arguments_that_do_not_fit_are_complained_about_as_those_of_init(
    cls, arguments, keywords, complaint
):
    with pytest.raises(TypeError) as raised:
        cls(*arguments, **keywords)
    assert str(raised.value) == f"DictionaryChange.__init__() {complaint}"


@pytest.mark.parametrize("keywords", [{}, {"updates": {"a": 1}}, {"removals": ["b"]}])
def test_arguments_may_be_named(keywords):
    expected = keywords.get("updates", {}), set(keywords.get("removals", ()))
    assert parts(DictionaryChange(**keywords)) == expected
    both = DictionaryChange(removals=["b"], updates={"a": 1})
    assert parts(both) == ({"a": 1}, {"b"})
    assert parts(DictionaryChange({"a": 1}, removals=["b"])) == ({"a": 1}, {"b"})
