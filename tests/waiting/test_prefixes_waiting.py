"""A change to keys that a view is not about wakes nobody and keeps nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from change_buffers import ObjectFrozenError
from event_loops import RUNNERS, passes, start, until
from helpers import SETTLE, Worker, flush


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.001)


def test_other_keys_do_not_wake_a_thread(multi_view):
    with multi_view.create_view(prefixes="a") as view:
        worker = Worker(view.flush_changed_blocking)
        wait_until(lambda: multi_view.stats().waiting_threads == 1)
        for i in range(100):
            multi_view.update({f"b{i}": 1}, ["c"])
            # A thread that had been woken would be off the list until it waits again.
            assert multi_view.stats().waiting_threads == 1
        view.update({"b": 1}, ["c"])
        assert multi_view.stats().waiting_threads == 1
        assert multi_view.stats().flushes == 0
        assert worker.is_alive()
        multi_view.update({"b": 1, "a": 1})
        assert multi_view.stats().waiting_threads == 0
        assert worker.result().updates == {"a": 1}
        assert multi_view.stats().flushes == 1


def test_a_change_wakes_those_threads_whose_keys_it_names(multi_view):
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view(each)) for each in ("a", "bc", None)]
        waiting_a, waiting_b, waiting = (Worker(view.flush_changed_blocking) for view in views)
        wait_until(lambda: multi_view.stats().waiting_threads == 3)
        multi_view.update({"bc": 1})
        assert waiting_b.result().updates == {"bc": 1}
        assert waiting.result().updates == {"bc": 1}
        assert multi_view.stats().waiting_threads == 1
        multi_view.update(None, ["a"])
        assert waiting_a.result().removals == {"a"}


@pytest.mark.parametrize("run", RUNNERS)
def test_other_keys_do_not_wake_a_task(multi_view, run):
    async def main():
        with multi_view.create_view(prefixes="a") as view, multi_view.create_view() as every:
            task, other = await start(view.flush_changed(), every.flush_changed())
            for i in range(20):
                # The loop is rung for the other one.
                multi_view.update({f"b{i}": 1})
                await until(other.done)
                await passes()
                assert not task.done()
                assert multi_view.stats().waiting_tasks == 1
                other = await start(every.flush_changed())
            assert multi_view.stats().flushes == 20
            multi_view.update({"b": 1, "a": 1})
            assert (await task).updates == {"a": 1}
            await other

    run(main())


@pytest.mark.parametrize("run", RUNNERS)
def test_an_async_for_loop_gets_the_keys_it_is_about(multi_view, run):
    async def follow(prefixes, received):
        async for change in multi_view.subscribe_changes(0, prefixes):
            received.append(change.updates)

    async def main():
        received = {prefixes: [] for prefixes in ("a", "b", "", None, "x")}
        tasks = await start(*(follow(*item) for item in received.items()))
        for key in ("a", "b", "c"):
            multi_view.update({key: 1})
            await passes(5)
        multi_view.freeze()
        for task in tasks:
            await task
        each = [{"a": 1}, {"b": 1}, {"c": 1}]
        assert received == {"a": each[:1], "b": each[1:2], "": each, None: each, "x": []}

    run(main())


def test_freezing_ends_the_waits_of_all(multi_view):
    with multi_view.create_view("a") as view:
        workers = [Worker(view.flush_changed_blocking) for _ in range(2)]
        workers.append(Worker(next, multi_view.subscribe_changes(0, ["b"])))
        wait_until(lambda: multi_view.stats().waiting_threads == 3)
        multi_view.update({"c": 1})
        multi_view.freeze()
        for worker in workers:
            with pytest.raises((ObjectFrozenError, StopIteration)):
                worker.result()


def test_freezing_ends_a_pause_when_only_other_keys_have_changed(multi_view):
    subscription = multi_view.subscribe_changes(1000, "a")
    multi_view.update({"a": 1})
    assert next(subscription).updates == {"a": 1}
    worker = Worker(list, subscription)
    time.sleep(SETTLE)
    multi_view.update({"b": 1})
    multi_view.freeze()
    assert worker.result() == []


def test_waits_that_come_and_go_lose_nothing(multi_view):
    letters, count = "abcd", 1000

    def follow(prefixes):
        seen = {}
        with multi_view.create_view(prefixes) as view:
            while True:
                try:
                    seen.update(view.flush_changed_blocking(0.001).updates)
                except TimeoutError:
                    continue
                except ObjectFrozenError:
                    return seen

    followers = {pair: Worker(follow, list(pair)) for pair in ("ab", "cd", "a", "d", "")}
    for i in range(count):
        multi_view.update({f"{letters[i % 4]}{i % 50}": i})
    multi_view.freeze()
    content = multi_view.copy_content()
    for pair, follower in followers.items():
        expected = {key: value for key, value in content.items() if key[0] in pair}
        assert follower.result() == expected


# Removed keys


def churn(multi_view, prefix, count=2000):
    """Add and remove many keys."""
    for i in range(count):
        multi_view.update({f"{prefix}{i}": i})
        multi_view.update(None, [f"{prefix}{i}"])


def test_removals_of_other_keys_are_forgotten_once_the_view_has_been_asked(multi_view):
    with multi_view.create_view("a") as view:
        churn(multi_view, "b")
        assert view.flush_changed_nowait() is None
        assert multi_view.stats().tombstones == 0
        multi_view.update({"a": 1, "b": 1})
        multi_view.update(None, ["a", "b"])
        assert flush(view) == ({}, {"a"})
        assert multi_view.stats().tombstones == 0


def test_removals_of_other_keys_are_not_kept_for_a_thread_that_waits(multi_view):
    with multi_view.create_view("a") as view:
        worker = Worker(view.flush_changed_blocking)
        wait_until(lambda: multi_view.stats().waiting_threads == 1)
        churn(multi_view, "b")
        assert multi_view.stats().tombstones < 200
        assert multi_view.stats().lag_keys < 200
        multi_view.update({"a": 1})
        assert worker.result().updates == {"a": 1}


@pytest.mark.parametrize("subscribed", [False, True], ids=["view", "subscription"])
@pytest.mark.parametrize("run", RUNNERS)
def test_removals_of_other_keys_are_not_kept_for_a_task_that_waits(multi_view, run, subscribed):
    async def main():
        with multi_view.create_view("a") as view:
            if subscribed:
                view.freeze()
                task = await start(multi_view.subscribe_changes(0, "a").__anext__())
            else:
                task = await start(view.flush_changed())
            churn(multi_view, "b")
            assert multi_view.stats().tombstones < 200
            Worker(churn, multi_view, "b").result()
            assert multi_view.stats().tombstones < 200
            multi_view.update({"a": 1})
            assert (await task).updates == {"a": 1}

    run(main())


def test_removals_of_other_keys_are_not_kept_for_a_view_that_nobody_looks_at(multi_view):
    with multi_view.create_view("a") as view:
        churn(multi_view, "b")
        assert multi_view.stats().tombstones < 200
        multi_view.update({"a": 1}, ["ab"])
        churn(multi_view, "b")
        assert multi_view.stats().tombstones < 200
        assert flush(view) == ({"a": 1}, {"ab"})


def test_removals_of_other_keys_are_not_kept_for_a_thread_that_is_not_due(multi_view):
    subscription = multi_view.subscribe_changes(1000, "a")
    multi_view.update({"a": 1})
    assert next(subscription).updates == {"a": 1}
    worker = Worker(list, subscription)
    wait_until(lambda: multi_view.stats().waiting_threads == 1)
    churn(multi_view, "b")
    assert multi_view.stats().tombstones < 200
    subscription.close()
    assert worker.result() == []


@pytest.mark.parametrize("beside_one_that_is_due", [False, True])
@pytest.mark.parametrize("run", RUNNERS)
def test_removals_of_other_keys_are_not_kept_for_a_task_that_is_not_due(
    multi_view, run, beside_one_that_is_due
):
    async def main():
        subscriptions = [multi_view.subscribe_changes(1000, "a")]
        if beside_one_that_is_due:
            subscriptions.append(multi_view.subscribe_changes(0, "a"))
        multi_view.update({"a": 1})
        for subscription in subscriptions:
            assert (await subscription.__anext__()).updates == {"a": 1}
        tasks = [await start(subscription.__anext__()) for subscription in subscriptions]
        churn(multi_view, "b")
        assert multi_view.stats().tombstones < 200
        multi_view.freeze()
        for task in tasks:
            with pytest.raises(StopAsyncIteration):
                await task

    run(main())


def test_removals_that_match_are_kept_for_the_view(multi_view):
    with multi_view.create_view("a") as view:
        churn(multi_view, "a", 50)
        assert multi_view.stats().tombstones == 50
        assert flush(view) == ({}, {f"a{i}" for i in range(50)})
        assert multi_view.stats().tombstones == 0
