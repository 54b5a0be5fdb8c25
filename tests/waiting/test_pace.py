"""The pace of a subscription, in threads and in tasks: never faster, and to be set at any time."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from fractions import Fraction

import pytest

from event_loops import RUNNERS, run, start, until
from helpers import HANG, SETTLE, Worker

LONG = 1000.0
"""An interval that no test can wait for."""

RESOLUTION = time.get_clock_info("monotonic").resolution


def next_in_loop(subscription):
    """Await the next change; also from another thread, in a loop of its own."""

    async def main():
        return await subscription.__anext__()

    return run(main())


@pytest.fixture(params=[next, next_in_loop], ids=["for", "async for"])
def receive(request):
    """Give the next change, by one form of iteration or the other."""
    return request.param


# The attribute


@pytest.mark.parametrize("interval", [0, 1, 0.5, True, Fraction(1, 4), 3600, 9e9])
def test_the_interval_can_be_read_and_set(source, interval):
    subscription = source.subscribe_changes(interval)
    assert subscription.interval == pytest.approx(float(interval))
    assert type(subscription.interval) is float
    other = source.subscribe_changes()
    assert other.interval == 0
    other.interval = interval
    assert other.interval == subscription.interval


@pytest.mark.parametrize(
    ("interval", "error"),
    [
        ("1", TypeError),
        (None, TypeError),
        ([1], TypeError),
        (-1, ValueError),
        (-math.inf, ValueError),
        (math.nan, ValueError),
        (math.inf, OverflowError),
        (1e10, OverflowError),
        pytest.param(10**400, OverflowError, id="integer"),
        pytest.param(-(10**400), ValueError, id="negative integer"),
    ],
)
def test_an_interval_that_makes_no_sense_is_not_set(source, interval, error):
    subscription = source.subscribe_changes(0.5)
    with pytest.raises(error, match="interval"):
        subscription.interval = interval
    assert subscription.interval == 0.5
    with pytest.raises(error, match="interval"):
        source.subscribe_changes(interval)


def test_the_interval_cannot_be_deleted(source):
    subscription = source.subscribe_changes(0.5)
    with pytest.raises((AttributeError, TypeError)):
        del subscription.interval
    assert subscription.interval == 0.5


def test_the_interval_of_a_closed_subscription_can_be_set(source):
    subscription = source.subscribe_changes(1)
    subscription.close()
    subscription.interval = 2
    assert subscription.interval == 2


# Set while somebody waits


def test_a_shorter_interval_wakes_a_sleeper(source, receive):
    subscription = source.subscribe_changes(LONG)
    source.update({"a": 1})
    receive(subscription)
    source.update({"b": 1})
    worker = Worker(receive, subscription)
    time.sleep(SETTLE)
    assert worker.is_alive()
    subscription.interval = 0
    assert worker.result().updates == {"b": 1}


def test_a_longer_interval_holds_a_sleeper_back(source, receive):
    subscription = source.subscribe_changes(0.1)
    source.update({"a": 1})
    started = time.monotonic()
    receive(subscription)
    source.update({"b": 1})
    worker = Worker(receive, subscription)
    subscription.interval = 0.3
    assert worker.result().updates == {"b": 1}
    assert time.monotonic() - started >= 0.3 - RESOLUTION


def test_the_interval_counts_from_the_last_delivery_when_it_is_set(source, receive):
    subscription = source.subscribe_changes(LONG)
    source.update({"a": 1})
    receive(subscription)
    time.sleep(0.1)
    source.update({"b": 1})
    subscription.interval = 0.05  # over already
    started = time.monotonic()
    assert receive(subscription).updates == {"b": 1}
    assert time.monotonic() - started < HANG / 4


def test_setting_the_interval_delivers_nothing_that_is_not_pending(source, receive):
    subscription = source.subscribe_changes(LONG)
    source.update({"a": 1})
    receive(subscription)
    worker = Worker(receive, subscription)
    for interval in (0, LONG, 0.001, LONG, 0):
        subscription.interval = interval
        time.sleep(0.005)
    assert worker.is_alive()
    source.update({"b": 1})
    assert worker.result().updates == {"b": 1}


def test_an_interval_set_while_somebody_waits_for_a_change_holds_for_it(source, receive):
    subscription = source.subscribe_changes(0)
    source.update({"a": 1})
    started = time.monotonic()
    receive(subscription)
    worker = Worker(receive, subscription)
    time.sleep(SETTLE)
    subscription.interval = 0.2
    source.update({"b": 1})
    assert worker.result().updates == {"b": 1}
    assert time.monotonic() - started >= 0.2 - RESOLUTION


@pytest.mark.parametrize("run_one", RUNNERS)
def test_a_task_can_set_the_interval_that_another_sleeps_in(source, run_one):
    async def main():
        subscription = source.subscribe_changes(LONG)
        source.update({"a": 1})
        await subscription.__anext__()
        source.update({"b": 1})
        task = await start(subscription.__anext__())
        subscription.interval = 9e9
        await asyncio.sleep(0.005)
        assert not task.done()
        subscription.interval = 0.001
        assert (await task).updates == {"b": 1}

    run_one(main())


def test_many_settings_while_somebody_waits_do_no_harm(source, receive):
    subscription = source.subscribe_changes()
    count = 100

    def set_intervals(stop):
        while not stop:
            for interval in (0, 0.001, LONG, 0.0001):
                subscription.interval = interval

    def follow():
        last = 0
        while last < count:
            last = receive(subscription).updates["a"]

    stop = []
    setter, follower = Worker(set_intervals, stop), Worker(follow)
    for i in range(1, count + 1):
        source.update({"a": i})
        time.sleep(0.0005)
    stop.append(True)
    setter.result()
    subscription.interval = 0
    follower.result()


# Never faster


def test_no_two_deliveries_are_closer_than_the_interval(source, receive):
    # A delivery lies between the two looks at the clock around it. Each second one here is due when
    # it is asked for, so that it can be said within narrow limits when it was.
    interval = 0.03
    subscription = source.subscribe_changes(interval)
    for i in range(6):
        source.update({"a": i})
        time.sleep(interval * 1.5)
        earliest = time.monotonic()
        receive(subscription)
        source.update({"b": i})
        assert receive(subscription).updates == {"b": i}
        assert time.monotonic() - earliest >= interval - RESOLUTION


def test_idle_time_is_not_saved_up(source, receive):
    interval = 0.03
    subscription = source.subscribe_changes(interval)
    source.update({"a": 0})
    receive(subscription)
    time.sleep(interval * 5)
    source.update({"a": 1})
    started = time.monotonic()
    for i in range(4):
        assert receive(subscription).updates == {"a": i + 1}
        source.update({"a": i + 2})
    assert time.monotonic() - started >= 3 * interval - RESOLUTION


@pytest.mark.parametrize("run_one", RUNNERS)
def test_many_tasks_each_keep_their_own_pace(multi_view, run_one):
    intervals = [0, 0.005, 0.0101, 0.02, 0.5] * 5
    deliveries = [0] * len(intervals)
    quick, slow = slice(0, None, 5), slice(4, None, 5)

    async def follow(number, interval):
        started = time.monotonic()
        async for _ in multi_view.subscribe_changes(interval):
            deliveries[number] += 1
            assert time.monotonic() - started >= (deliveries[number] - 1) * interval - RESOLUTION

    async def main():
        tasks = await start(*itertools.starmap(follow, enumerate(intervals)))
        # On a machine that is busy with other things all are slow for a while.
        latest = time.monotonic() + HANG / 4
        i = 0
        while time.monotonic() < latest:
            if 2 <= min(deliveries[slow]) <= max(deliveries[slow]) < min(deliveries[quick]):
                break
            multi_view.update({"a": (i := i + 1)})
            await asyncio.sleep(0.001)
        multi_view.freeze()
        await asyncio.gather(*tasks)
        # All come to something, the quicker ones to more.
        assert min(deliveries[slow]) >= 2
        assert min(deliveries[quick]) > max(deliveries[slow])

    run_one(main())


@pytest.mark.parametrize("run_one", RUNNERS)
def test_a_task_can_sleep_for_ages(multi_view, run_one):
    async def main():
        multi_view.update({"a": 1})
        for interval in (1e5, 1e8, 9e9):
            subscription = multi_view.subscribe_changes(interval)
            await subscription.__anext__()
            task = await start(subscription.__anext__())
            await asyncio.sleep(0.005)
            assert multi_view.stats().waiting_tasks == 1
            subscription.close()
            await until(task.done)
            assert isinstance(task.exception(), StopAsyncIteration)

    run_one(main())
