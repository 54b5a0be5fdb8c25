"""An update may name a key as often as it likes: it is as if each removal were there once."""

from __future__ import annotations

import pytest

from helpers import flush

LONG = "x" * 129
MANY = [f"key {i}" for i in range(3000)]


def lag(multi_view) -> tuple[int, int]:
    stats = multi_view.stats()
    return stats.lag_versions, stats.lag_keys


@pytest.mark.parametrize("length", [1, 1000])
@pytest.mark.parametrize("iterable", [list, tuple, iter])
def test_removals_may_repeat_themselves_and_the_updates(multi_view, iterable, length):
    a, b, c, d = (letter * length for letter in "abcd")
    with multi_view.create_view() as view:
        for known in (False, True):
            updates = dict.fromkeys([a, b, c], known)
            multi_view.update(updates, iterable([b, d, b, d, a, a]))
            assert multi_view.copy_content() == {c: known}
            change = view.flush_changed_blocking()
            assert change.updates == updates
            assert change.removals == {a, b, d}
    multi_view.update({a: 1, d: 1}, iterable([a, a, c]))
    assert multi_view.copy_content() == {d: 1}
    multi_view.update(None, iterable([d, d]))
    assert multi_view.copy_content() == {}


@pytest.mark.parametrize("is_viewed", [False, True])
@pytest.mark.parametrize(
    "calls",
    [
        [({LONG: 1, "a": 1}, None), ({"a": 2, "b": 2}, [LONG, LONG])],
        [({LONG: 1, "a": 2}, [LONG, LONG])],
        [(dict.fromkeys(MANY, 1), None), (None, MANY[:1100] + MANY[:1])],
        [(dict.fromkeys(MANY, 1), None), (None, MANY[:1000]), (None, MANY[1000:1100] + MANY[:1])],
        [(dict.fromkeys(MANY, 1), MANY[::-1] + MANY)],
    ],
)
def test_what_an_update_removes_it_may_name_again(multi_view, calls, is_viewed):
    views = [multi_view.create_view().__enter__() for _ in range(is_viewed)]
    content = {}
    for updates, removals in calls:
        multi_view.update(updates, removals)
        content.update(updates or {})
        for key in removals or ():
            content.pop(key, None)
        assert list(multi_view.copy_content().items()) == list(content.items())
    # It is as good as ever.
    multi_view.update({"after": 1, LONG: 3})
    assert multi_view.copy_content() == {**content, "after": 1, LONG: 3}
    assert multi_view.stats().updates == len(calls) + 1
    for view in views:
        multi_view.remove_view(view)


def test_a_key_that_is_removed_again_and_again_at_once_counts_once(multi_view, view):
    multi_view.update({f"key {i}": i for i in range(100)})
    flush(view)
    for removals in (["unknown"] * 50, ["key 1"] * 50):
        multi_view.update(None, removals)
        assert lag(multi_view) == (1, 1)
        flush(view)
    multi_view.update({"a": 1, "b": 1}, ["a", "b", "a"])
    assert lag(multi_view) == (1, 2)
