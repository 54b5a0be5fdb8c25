"""`stats()`: what each count says, and that the counts of one moment belong together."""

from __future__ import annotations

import copy
import pickle
import time
import weakref

import pytest

from change_buffers import DictionaryChangeMultiView, Stats
from event_loops import run, start
from helpers import Worker, assert_collected, flush

FIELDS = [
    "keys",
    "tombstones",
    "history",
    "horizon",
    "publishers",
    "owned_keys",
    "views",
    "waiting_threads",
    "waiting_tasks",
    "version",
    "lag_versions",
    "lag_keys",
    "updates",
    "flushes",
]

LONG = 1000.0


def counts(multi_view, *fields):
    stats = multi_view.stats()
    return tuple(getattr(stats, field) for field in fields)


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.001)


# The object


def test_every_count_is_an_integer_and_nought_at_first(multi_view):
    stats = multi_view.stats()
    assert type(stats) is Stats
    with pytest.raises(TypeError):
        Stats()  # there is no other way to make one
    for field in FIELDS:
        assert type(getattr(stats, field)) is int
        assert getattr(stats, field) == 0
    public = [name for name in dir(stats) if not name.startswith("_")]
    assert public == sorted([*FIELDS, "as_dict"])


def test_a_representation_shows_every_count(multi_view):
    multi_view.update({"a": 1, "b": 1})
    multi_view.update({"a": 2})
    stats = multi_view.stats()
    shown = ", ".join(f"{field}={getattr(stats, field)}" for field in FIELDS)
    assert repr(stats) == f"Stats({shown})"


def busy_stats():
    """Counts of which hardly two are the same, and which a small integer does not hold."""
    counts = {field: 2**32 + number for number, field in enumerate(FIELDS)}
    stats = Stats._from_dict(counts)
    assert stats.as_dict() == counts
    return stats


def test_counts_can_be_had_as_a_dictionary(multi_view, view):
    multi_view.update({"a": 1, "b": 1}, ["c"])
    stats = multi_view.stats()
    expected = {field: getattr(stats, field) for field in FIELDS}
    assert list(stats.as_dict().items()) == list(expected.items())
    assert stats.as_dict() is not stats.as_dict()
    assert {type(count) for count in stats.as_dict().values()} == {int}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_counts_can_be_pickled(protocol):
    stats = busy_stats()
    restored = pickle.loads(pickle.dumps(stats, protocol))
    assert type(restored) is Stats
    assert restored == stats
    assert restored.as_dict() == stats.as_dict()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_counts_can_be_copied(duplicate):
    stats = busy_stats()
    assert duplicate(stats) == stats


def test_counts_of_another_version_can_be_read():
    assert Stats._from_dict({"keys": 5, "of the future": 7}).as_dict() == {
        **dict.fromkeys(FIELDS, 0),
        "keys": 5,
    }
    with pytest.raises(TypeError):
        Stats._from_dict({"keys": "5"})
    with pytest.raises(OverflowError):
        Stats._from_dict({"keys": -5})


def test_counts_are_equal_when_all_are(multi_view):
    other = DictionaryChangeMultiView()
    assert multi_view.stats() == other.stats()
    multi_view.update({"a": 1})
    assert multi_view.stats() != other.stats()
    other.update({"b": 1})
    assert multi_view.stats() == other.stats()
    assert multi_view.stats() != repr(multi_view.stats())
    assert (multi_view.stats() == None) is False  # noqa: E711


def test_counts_do_not_change_afterwards(multi_view):
    before = multi_view.stats()
    multi_view.update({"a": 1})
    assert before.keys == before.updates == 0
    for field in FIELDS:
        with pytest.raises(AttributeError):
            setattr(before, field, 5)


# Content


def test_keys_are_those_of_the_content(multi_view, view):
    for update, count in [
        (({"a": 1, "b": 1},), 2),
        (({"a": 2},), 2),
        (({"c": 1}, ["a"]), 2),
        (({"d": 1}, ["d"]), 2),
        ((None, ["b", "c", "never"]), 0),
    ]:
        multi_view.update(*update)
        assert multi_view.stats().keys == count == len(multi_view.copy_content())


def test_tombstones_are_kept_until_every_view_has_seen_them(multi_view):
    multi_view.update({f"key {i}": i for i in range(10)})
    with multi_view.create_view() as one, multi_view.create_view() as two:
        flush(one), flush(two)
        multi_view.update(None, [f"key {i}" for i in range(10)])
        assert counts(multi_view, "keys", "tombstones") == (0, 10)
        flush(one)
        assert multi_view.stats().tombstones == 10
        multi_view.update({"key 0": 1})
        assert counts(multi_view, "keys", "tombstones") == (1, 9)
        flush(two)
        assert multi_view.stats().tombstones == 0
        multi_view.update(None, ["key 0"])
        flush(two)
        assert multi_view.stats().tombstones == 1
    assert multi_view.stats().tombstones == 0


def test_without_views_nothing_is_kept(multi_view):
    multi_view.update({"a": 1})
    multi_view.update(None, ["a", "never"])
    assert counts(multi_view, "keys", "tombstones") == (0, 0)


# Views


def test_views_are_counted_from_entry_to_exit(multi_view):
    context = multi_view.create_view()
    assert multi_view.stats().views == 0
    with context, multi_view.create_view("a") as other:
        assert multi_view.stats().views == 2
        multi_view.remove_view(other)
        assert multi_view.stats().views == 1
    assert multi_view.stats().views == 0


def test_a_frozen_view_is_not_fed(multi_view, view):
    view.freeze()
    assert multi_view.stats().views == 0


def test_a_dropped_view_is_not_fed(multi_view):
    context = multi_view.create_view()
    view = context.__enter__()
    assert multi_view.stats().views == 1
    del context, view
    assert multi_view.stats().views == 0


def test_a_view_that_is_collected_is_not_fed(multi_view):
    context = multi_view.create_view()
    view = context.__enter__()
    view.itself = view
    reference = weakref.ref(view)
    del context, view
    assert_collected(reference)
    assert multi_view.stats().views == 0


def test_a_subscription_counts_from_its_first_wait_to_its_end(multi_view):
    multi_view.update({"a": 1})
    subscriptions = [multi_view.subscribe_changes() for _ in range(4)]
    assert multi_view.stats().views == 0
    for subscription in subscriptions:
        next(subscription)
    assert multi_view.stats().views == 4
    subscriptions.pop().close()
    assert multi_view.stats().views == 3
    with subscriptions.pop():
        pass
    assert multi_view.stats().views == 2
    del subscription, subscriptions[0]
    assert multi_view.stats().views == 1
    multi_view.freeze()
    assert list(subscriptions[0]) == []
    assert multi_view.stats().views == 0


# Waiting


def test_waiting_threads_are_counted(multi_view, view):
    workers = [Worker(view.flush_changed_blocking) for _ in range(2)]
    subscription = multi_view.subscribe_changes(LONG)
    workers.append(Worker(list, subscription))
    wait_until(lambda: multi_view.stats().waiting_threads == 3)
    assert multi_view.stats().waiting_tasks == 0
    multi_view.update({"a": 1})
    # One has taken the change, one waits on, one sleeps until the next is due.
    wait_until(lambda: counts(multi_view, "waiting_threads", "flushes") == (2, 2))
    subscription.close()
    workers[-1].result()
    assert multi_view.stats().waiting_threads == 1
    multi_view.freeze()
    wait_until(lambda: multi_view.stats().waiting_threads == 0)


def test_waiting_tasks_are_counted(multi_view, view):
    async def main():
        subscription = multi_view.subscribe_changes(LONG, "a")
        tasks = await start(view.flush_changed(), view.flush_changed(), subscription.__anext__())
        assert counts(multi_view, "waiting_tasks", "waiting_threads") == (3, 0)
        multi_view.update({"a": 1})
        await tasks[2]
        assert multi_view.stats().waiting_tasks == 1
        pausing = await start(subscription.__anext__())
        assert multi_view.stats().waiting_tasks == 2
        subscription.close()
        with pytest.raises(StopAsyncIteration):
            await pausing
        assert multi_view.stats().waiting_tasks == 1

    run(main())
    assert multi_view.stats().waiting_tasks == 0


# Progress


def test_updates_that_name_a_key_are_counted(multi_view, view):
    multi_view.update({"a": 1})
    multi_view.update(None, ["never"])
    multi_view.update({}, [])
    multi_view.update()
    view.update({"b": 1, "c": 1})
    view.update({})
    with pytest.raises(TypeError):
        multi_view.update({1: 1})
    assert multi_view.stats().updates == 3
    multi_view.freeze()
    with pytest.raises(Exception, match="frozen"):
        multi_view.update({"a": 2})
    assert multi_view.stats().updates == 3


def test_the_version_counts_up_with_every_update(multi_view):
    last = multi_view.stats().version
    for i in range(5):
        multi_view.update({"a": i})
        assert multi_view.stats().version > last
        last = multi_view.stats().version
    multi_view.update({})
    multi_view.copy_content()
    assert multi_view.stats().version == last


def test_flushes_that_give_a_change_are_counted(multi_view, view):
    assert view.flush_changed_nowait() is None
    with pytest.raises(TimeoutError):
        view.flush_changed_blocking(0)
    assert view._pending_changes == {}
    assert multi_view.stats().flushes == 0

    async def main():
        multi_view.update({"a": 1})
        await view.flush_changed()
        multi_view.update({"a": 2})
        async for _ in view.subscribe_changes():
            break

    run(main())
    multi_view.update({"a": 3})
    view.flush_changed_nowait()
    next(multi_view.subscribe_changes())
    assert multi_view.stats().flushes == 4


def test_the_lag_is_that_of_the_slowest_view(multi_view):
    with multi_view.create_view() as stalled, multi_view.create_view() as quick:
        for i in range(10):
            multi_view.update({"a": i, f"key {i}": i})
            flush(quick)
            assert counts(multi_view, "lag_versions") == (i + 1,)
            # At most so many: `a` counts each time, up to all keys there are.
            assert i + 2 <= multi_view.stats().lag_keys <= 2 * (i + 1)
        assert len(flush(stalled)[0]) == 11
        assert counts(multi_view, "lag_versions", "lag_keys") == (0, 0)
        multi_view.update(None, ["a", "key 1"])
        assert counts(multi_view, "lag_versions", "lag_keys") == (1, 2)
        flush(quick)
        assert counts(multi_view, "lag_versions", "lag_keys") == (1, 2)
    assert counts(multi_view, "lag_versions", "lag_keys") == (0, 0)


def test_a_new_view_lags_by_the_content(multi_view):
    multi_view.update({f"key {i}": i for i in range(10)})
    multi_view.update(None, ["key 0"])
    with multi_view.create_view() as view:
        assert multi_view.stats().lag_keys == 9
        flush(view)
        assert multi_view.stats().lag_keys == 0


def test_the_lag_is_never_more_than_all_keys_there_are(multi_view, view):
    for i in range(100):
        multi_view.update({"a": i, "b": i})
    assert counts(multi_view, "lag_versions", "lag_keys") == (100, 2)


# Many threads


def test_counts_belong_to_one_moment(multi_view):
    # Keys come and go in pairs, so an odd number of them was never there.
    def produce(name):
        for i in range(1500):
            pair = [f"{name} {i % 10} left", f"{name} {i % 10} right"]
            if i % 3:
                multi_view.update(dict.fromkeys(pair, i))
            else:
                multi_view.update(None, pair)

    def come_and_go():
        for _ in range(300):
            with multi_view.create_view() as view:
                view.flush_changed_nowait()

    def look(stop):
        last = multi_view.stats()
        while not stop:
            stats = multi_view.stats()
            assert stats.keys % 2 == 0
            assert stats.tombstones % 2 == 0
            assert 0 <= stats.keys + stats.tombstones <= 40
            assert stats.lag_versions <= stats.version
            assert stats.lag_keys <= stats.keys + stats.tombstones
            assert stats.views <= 3
            assert stats.version == stats.updates
            for field in ("version", "updates", "flushes"):
                assert getattr(stats, field) >= getattr(last, field)
            last = stats

    stop = []
    looking = [Worker(look, stop) for _ in range(2)]
    follower = Worker(list, multi_view.subscribe_changes())
    working = [Worker(produce, name) for name in range(2)]
    working += [Worker(come_and_go) for _ in range(2)]
    for worker in working:
        worker.result()
    stop.append(True)
    for worker in looking:
        worker.result()
    multi_view.freeze()
    follower.result()
    stats = multi_view.stats()
    assert (stats.views, stats.waiting_threads, stats.waiting_tasks) == (0, 0, 0)
    assert stats.keys == len(multi_view.copy_content())
    assert stats.updates == 3000
