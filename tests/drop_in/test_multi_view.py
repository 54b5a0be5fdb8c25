"""What the shared dictionary promises: its content, its views' coming and going, freezing."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType

import pytest

from change_buffers import (
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
)
from helpers import BoomError, PlainMapping, Thing, assert_drained, flush, pending


def test_a_multi_view_takes_no_arguments():
    with pytest.raises(TypeError):
        DictionaryChangeMultiView(1)
    with pytest.raises(TypeError):
        DictionaryChangeMultiView(content={})


def test_the_classes_can_be_extended():
    class Named(DictionaryChangeMultiView):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def copy_content(self):
            return {"name": self.name, **super().copy_content()}

    named = Named("a")
    named.update({"b": 1})
    assert named.copy_content() == {"name": "a", "b": 1}


# The content


def test_the_content_is_empty_at_first(multi_view):
    assert multi_view.copy_content() == {}


def test_updates_set_keys(multi_view):
    assert multi_view.update({"a": 1, "b": 1}) is None
    multi_view.update({"b": 2, "c": 2})
    assert multi_view.copy_content() == {"a": 1, "b": 2, "c": 2}


def test_removals_delete_keys(multi_view):
    multi_view.update({"a": 1, "b": 1})
    multi_view.update(None, ["a"])
    assert multi_view.copy_content() == {"b": 1}


def test_removals_of_unknown_keys_are_no_error(multi_view):
    multi_view.update(removals=["a"])
    multi_view.update({"b": 1}, ["a", "c", "a"])
    assert multi_view.copy_content() == {"b": 1}


def test_a_key_in_both_arguments_ends_removed(multi_view, view):
    multi_view.update({"a": 1})
    flush(view)
    multi_view.update({"a": 2, "b": 2}, ["a", "c"])
    assert multi_view.copy_content() == {"b": 2}
    assert flush(view) == ({"a": 2, "b": 2}, {"a", "c"})


def test_a_later_view_knows_nothing_of_a_key_in_both_arguments(multi_view):
    multi_view.update({"a": 1}, ["a"])
    with multi_view.create_view() as view:
        assert pending(view) == ({}, set())


@pytest.mark.parametrize("mapping", [dict, OrderedDict, MappingProxyType, PlainMapping])
@pytest.mark.parametrize("iterable", [list, tuple, set, frozenset, iter, dict.fromkeys])
def test_any_mapping_and_any_iterable_of_keys_will_do(multi_view, mapping, iterable):
    with multi_view.create_view() as first, multi_view.create_view() as second:
        multi_view.update(mapping({"a": 1, "b": 2}), iterable(["b", "c"]))
        assert flush(first) == flush(second) == ({"a": 1, "b": 2}, {"b", "c"})
    assert multi_view.copy_content() == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [(({}, (), ()), {}), ((), {"other": 1}), (({},), {"updates": {}})],
)
def test_other_arguments_are_refused(multi_view, arguments, keywords):
    with pytest.raises(TypeError):
        multi_view.update(*arguments, **keywords)


def test_an_empty_update_changes_nothing(multi_view, view):
    for arguments in [(), (None, None), ({}, None), (None, []), ({}, iter([]))]:
        multi_view.update(*arguments)
    assert multi_view.copy_content() == {}
    assert pending(view) == ({}, set())


def test_values_are_kept_by_reference(multi_view, view):
    value = [Thing()]
    multi_view.update({"a": value})
    assert multi_view.copy_content()["a"] is value
    assert flush(view)[0]["a"] is value


# Copies of the content


def test_each_copy_is_a_new_dict(multi_view):
    multi_view.update({"a": 1})
    first, second = multi_view.copy_content(), multi_view.copy_content()
    assert type(first) is dict
    assert first is not second
    first["b"] = 2
    del first["a"]
    assert second == multi_view.copy_content() == {"a": 1}


def test_a_copy_does_not_follow_the_content(multi_view):
    multi_view.update({"a": 1, "b": 1})
    before = multi_view.copy_content()
    multi_view.update({"a": 2}, ["b"])
    assert before == {"a": 1, "b": 1}


def test_copies_are_ordered_as_a_dict_would_be(multi_view):
    multi_view.update({"a": 1, "b": 1, "c": 1})
    multi_view.update({"c": 2, "a": 2, "d": 2})  # a known key keeps its place
    assert list(multi_view.copy_content().items()) == [("a", 2), ("b", 1), ("c", 2), ("d", 2)]
    multi_view.update(None, ["a"])
    multi_view.update({"a": 3})  # a key that was removed comes last
    assert list(multi_view.copy_content()) == ["b", "c", "d", "a"]
    multi_view.update({"b": 4, "e": 4}, ["b"])
    multi_view.update({"b": 5})
    assert list(multi_view.copy_content()) == ["c", "d", "a", "e", "b"]


def test_the_order_of_an_ordered_dict_is_its_own(multi_view):
    # The order of an OrderedDict is not the order in which its underlying dict stores its items.
    ordered = OrderedDict.fromkeys("abc")
    ordered.move_to_end("a")
    multi_view.update(ordered)
    assert list(multi_view.copy_content()) == ["b", "c", "a"]


@pytest.mark.parametrize("looks_every", [1, 7, 90, 333])
def test_the_order_does_not_depend_on_who_has_looked(multi_view, looks_every):
    # Between looks that are far apart, anything that was prepared for the next one is given up.
    plain = {}
    with multi_view.create_view() as view:
        for i in range(1000):
            key, gone = f"key {i * 7 % 31}", f"key {i * 5 % 37}"
            multi_view.update({key: i}, [gone])
            plain[key] = i
            plain.pop(gone, None)
            if i % 3 == 0:
                flush(view)
            if i % looks_every == 0:
                assert list(multi_view.copy_content().items()) == list(plain.items())
    assert list(multi_view.copy_content().items()) == list(plain.items())


# Views come


def test_a_view_is_a_buffer(view):
    assert isinstance(view, DictionaryChangeBuffer)


def test_the_first_flush_is_the_content(multi_view):
    multi_view.update({"a": 1, "b": 1})
    multi_view.update({"c": 1}, ["b"])
    with multi_view.create_view() as view:
        assert pending(view) == ({"a": 1, "c": 1}, set())
        assert flush(view) == ({"a": 1, "c": 1}, set())


def test_nothing_is_pending_in_a_view_of_nothing(multi_view):
    multi_view.update({"a": 1})
    multi_view.update(None, ["a"])
    with multi_view.create_view() as view:
        assert pending(view) == ({}, set())


def test_the_first_flush_includes_what_came_since(multi_view):
    multi_view.update({"a": 1, "b": 1, "c": 1})
    with multi_view.create_view() as view:
        multi_view.update({"b": 2, "d": 2}, ["c", "never seen"])
        assert flush(view) == ({"a": 1, "b": 2, "d": 2}, {"c", "never seen"})


def test_a_view_is_made_on_entry(multi_view):
    context = multi_view.create_view()
    multi_view.update({"a": 1, "b": 1})
    multi_view.update(None, ["b"])
    with context as view:
        assert flush(view) == ({"a": 1}, set())


def test_a_context_can_be_used_once(multi_view):
    context = multi_view.create_view()
    with context:
        pass
    with pytest.raises(RuntimeError), context:
        pass


def test_a_context_cannot_be_entered_within_itself(multi_view):
    context = multi_view.create_view()
    with context as view:
        with pytest.raises(RuntimeError):
            context.__enter__()
        multi_view.update({"a": 1})
        assert flush(view) == ({"a": 1}, set())
    with pytest.raises(ObjectFrozenError):
        view.update({})


def test_each_call_makes_another_view(multi_view):
    with multi_view.create_view() as first, multi_view.create_view() as second:
        assert first is not second


# Views go


def test_leaving_removes_the_view(multi_view):
    with multi_view.create_view() as view:
        multi_view.update({"a": 1})
    multi_view.update({"b": 1})
    with pytest.raises(ObjectFrozenError):
        view.update({})
    assert flush(view) == ({"a": 1}, set())
    assert_drained(view)


def test_leaving_does_not_hide_the_exception(multi_view):
    with pytest.raises(BoomError), multi_view.create_view():
        raise BoomError


def test_a_removed_view_can_be_flushed_once_more(multi_view, view):
    multi_view.update({"a": 1, "b": 1})
    assert multi_view.remove_view(view) is None
    multi_view.update({"a": 2}, ["b"])
    assert flush(view) == ({"a": 1, "b": 1}, set())
    assert_drained(view)
    with pytest.raises(ObjectFrozenError):
        view.update({"c": 1})


def test_removing_a_view_leaves_the_others(multi_view, view):
    with multi_view.create_view() as other:
        multi_view.remove_view(other)
        multi_view.update({"a": 1})
    assert flush(view) == ({"a": 1}, set())
    assert multi_view.copy_content() == {"a": 1}


def test_removing_a_view_again_is_no_error(multi_view):
    with multi_view.create_view() as view:
        multi_view.update({"a": 1})
        multi_view.remove_view(view)
        multi_view.remove_view(view)
    multi_view.remove_view(view)
    assert flush(view) == ({"a": 1}, set())


def test_removing_an_unknown_buffer_just_freezes_it(multi_view):
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": 1})
    multi_view.remove_view(buffer)
    with pytest.raises(ObjectFrozenError):
        buffer.update({})
    assert flush(buffer) == ({"a": 1}, set())


def test_removing_the_view_of_another_just_freezes_it(multi_view, view):
    with DictionaryChangeMultiView().create_view() as stranger:
        multi_view.remove_view(stranger)
        with pytest.raises(ObjectFrozenError):
            stranger.update({})
    multi_view.update({"a": 1})
    assert flush(view) == ({"a": 1}, set())


@pytest.mark.parametrize("thing", [None, 5, object(), DictionaryChangeMultiView()])
def test_only_buffers_can_be_removed(multi_view, thing):
    with pytest.raises(TypeError, match="view"):
        multi_view.remove_view(thing)


# Freezing


def test_a_frozen_multi_view_refuses_updates(multi_view):
    multi_view.update({"a": 1})
    assert multi_view.freeze() is None
    for arguments in [({"a": 2},), (None, ["a"]), (), (5,), ({1: 1},), (None, "abc")]:
        with pytest.raises(ObjectFrozenError):
            multi_view.update(*arguments)
    assert multi_view.copy_content() == {"a": 1}


def test_freezing_freezes_every_view(multi_view):
    with multi_view.create_view() as idle, multi_view.create_view() as busy:
        multi_view.update({"a": 1}, ["b"])
        flush(idle)
        multi_view.freeze()
        for view in (idle, busy):
            with pytest.raises(ObjectFrozenError):
                view.update({})
        assert_drained(idle)
        assert flush(busy) == ({"a": 1}, {"b"})
        assert_drained(busy)


def test_freezing_again_changes_nothing(multi_view, view):
    multi_view.update({"a": 1})
    multi_view.freeze()
    multi_view.freeze()
    assert flush(view) == ({"a": 1}, set())
    multi_view.freeze()
    assert_drained(view)
    assert multi_view.copy_content() == {"a": 1}


def test_a_view_made_after_freezing_gives_the_content_once(multi_view):
    multi_view.update({"a": 1, "b": 1})
    multi_view.update(None, ["b"])
    multi_view.freeze()
    for _ in range(2):
        with multi_view.create_view() as view:
            with pytest.raises(ObjectFrozenError):
                view.update({"c": 1})
            assert flush(view) == ({"a": 1}, set())
            assert_drained(view)


def test_a_view_made_after_freezing_can_be_flushed_after_it_was_removed(multi_view):
    multi_view.update({"a": 1})
    multi_view.freeze()
    with multi_view.create_view() as view:
        pass
    assert flush(view) == ({"a": 1}, set())
    assert_drained(view)


def test_a_view_of_nothing_made_after_freezing_is_drained(multi_view):
    multi_view.freeze()
    with multi_view.create_view() as view:
        assert_drained(view)


def test_a_key_that_comes_back_again_and_again_is_as_new(multi_view):
    keys = [f"key {i}" for i in range(50)]
    for value in range(5):
        multi_view.update(dict.fromkeys(keys, value))
        assert list(multi_view.copy_content()) == keys
        with multi_view.create_view() as view:
            assert view.flush_changed_blocking().updates == dict.fromkeys(keys, value)
        multi_view.update(None, keys[:])
        assert multi_view.copy_content() == {}
        keys = keys[7:] + keys[:7]


def test_arguments_that_change_while_the_others_are_read_are_checked_as_they_are_then(multi_view):
    removals, updates = ["a"], {"a": 1}

    class Meddling(PlainMapping):
        def __getitem__(self, key):
            removals.append(5)
            return super().__getitem__(key)

    def meddle():
        updates[6] = 1
        yield "a"

    with pytest.raises(TypeError, match="int"):
        multi_view.update(Meddling({"b": 1}), removals)
    with pytest.raises(TypeError, match="int"):
        multi_view.update(updates, meddle())
    assert multi_view.copy_content() == {}
