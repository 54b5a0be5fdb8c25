"""Iterating over the changes of a buffer, a view or a multi-view, all at once or at intervals."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import pytest

from change_buffers import (
    DictionaryChange,
    ObjectFrozenError,
)
from helpers import HANG, SETTLE, Worker, flush, soon

LONG = 1000.0
"""An interval that no test can wait for."""


def receive(subscription):
    updates, removals = soon(next, subscription)
    return updates, removals


def receive_all(subscription):
    return [(updates, removals) for updates, removals in soon(list, subscription)]


# What is delivered


def test_a_subscription_is_an_iterator(source):
    subscription = source.subscribe_changes()
    assert iter(subscription) is subscription


def test_each_call_gives_another_subscription(source):
    assert source.subscribe_changes() is not source.subscribe_changes()


def test_what_is_delivered_is_a_change(source):
    source.update({"a": 1}, ["b"])
    change = soon(next, source.subscribe_changes())
    assert type(change) is DictionaryChange


def test_the_interval_can_be_given_by_name(source):
    source.update({"a": 1})
    assert receive(source.subscribe_changes(interval=LONG)) == ({"a": 1}, set())


def test_what_is_pending_is_delivered_without_delay(source):
    source.update({"a": 1})
    assert receive(source.subscribe_changes(LONG)) == ({"a": 1}, set())


def test_the_first_change_is_delivered_as_soon_as_it_comes(source):
    subscription = source.subscribe_changes(LONG)
    worker = Worker(next, subscription)
    time.sleep(SETTLE)
    assert worker.is_alive()
    source.update({"a": 1})
    assert worker.result().updates == {"a": 1}


def test_a_subscription_delivers_flush_after_flush(source):
    subscription = source.subscribe_changes()
    source.update({"a": 1})
    assert receive(subscription) == ({"a": 1}, set())
    source.update({"a": 2, "b": 2})
    source.update({"b": 3}, ["a"])
    assert receive(subscription) == ({"b": 3}, {"a"})


def test_without_an_interval_there_is_no_pause(source):
    subscription = source.subscribe_changes()
    for i in range(1000):
        source.update({"a": i})
        assert next(subscription).updates == {"a": i}


def test_a_subscription_to_a_buffer_takes_what_a_flush_would(buffer):
    subscription = buffer.subscribe_changes()
    buffer.update({"a": 1})
    assert receive(subscription) == ({"a": 1}, set())
    buffer.update({"b": 1})
    assert flush(buffer) == ({"b": 1}, set())
    buffer.update({"c": 1})
    assert receive(subscription) == ({"c": 1}, set())


def test_several_subscriptions_share_the_changes_of_a_buffer(buffer):
    subscriptions = [buffer.subscribe_changes() for _ in range(3)]
    workers = [Worker(list, subscription) for subscription in subscriptions]
    for i in range(1000):
        buffer.update({f"key {i}": i})
    buffer.freeze()
    delivered = [change.updates for worker in workers for change in worker.result()]
    assert sum(len(updates) for updates in delivered) == 1000
    assert {key for updates in delivered for key in updates} == {f"key {i}" for i in range(1000)}


def test_each_subscription_to_a_multi_view_gets_everything(multi_view):
    multi_view.update({"a": 1})
    subscriptions = [multi_view.subscribe_changes() for _ in range(3)]
    assert [receive(s) for s in subscriptions] == [({"a": 1}, set())] * 3
    multi_view.update({"b": 1}, ["a"])
    assert [receive(s) for s in subscriptions] == [({"b": 1}, {"a"})] * 3


def test_a_subscription_to_a_multi_view_starts_at_the_first_next(multi_view):
    subscription = multi_view.subscribe_changes()
    multi_view.update({"a": 1, "b": 1})
    multi_view.update(None, ["a"])
    assert receive(subscription) == ({"b": 1}, set())
    multi_view.update(None, ["b"])
    assert receive(subscription) == ({}, {"b"})


def test_changing_what_was_delivered_changes_nothing_else(multi_view):
    first, second = multi_view.subscribe_changes(), multi_view.subscribe_changes()
    multi_view.update({"a": 1})
    soon(next, first).updates.clear()
    assert receive(second) == ({"a": 1}, set())
    assert multi_view.copy_content() == {"a": 1}


# The end


def test_a_subscription_ends_when_frozen_and_drained(source):
    subscription = source.subscribe_changes()
    source.update({"a": 1})
    assert receive(subscription) == ({"a": 1}, set())
    source.update({"b": 1})
    source.freeze()
    assert receive_all(subscription) == [({"b": 1}, set())]
    for _ in range(2):
        with pytest.raises(StopIteration):
            soon(next, subscription)


def test_freezing_ends_the_wait_of_a_subscription(source):
    worker = Worker(list, source.subscribe_changes())
    time.sleep(SETTLE)
    source.freeze()
    assert worker.result() == []


def test_a_subscription_to_something_frozen_gives_what_is_left(source):
    source.update({"a": 1})
    source.freeze()
    assert receive_all(source.subscribe_changes(LONG)) == [({"a": 1}, set())]


def test_a_subscription_to_something_frozen_and_empty_ends_at_once(source):
    source.freeze()
    assert receive_all(source.subscribe_changes(LONG)) == []


def test_every_subscription_to_a_frozen_multi_view_gets_the_content(multi_view):
    multi_view.update({"a": 1})
    multi_view.freeze()
    for _ in range(2):
        assert receive_all(multi_view.subscribe_changes()) == [({"a": 1}, set())]


# Closing


def test_a_closed_subscription_is_at_its_end(source):
    subscription = source.subscribe_changes()
    source.update({"a": 1})
    receive(subscription)
    source.update({"b": 1})
    assert subscription.close() is None
    with pytest.raises(StopIteration):
        soon(next, subscription)
    subscription.close()
    with pytest.raises(StopIteration):
        soon(next, subscription)


def test_a_subscription_can_be_closed_before_it_has_begun(source):
    subscription = source.subscribe_changes()
    subscription.close()
    source.update({"a": 1})
    with pytest.raises(StopIteration):
        soon(next, subscription)


def test_a_subscription_can_be_closed_after_its_end(source):
    source.freeze()
    subscription = source.subscribe_changes()
    assert receive_all(subscription) == []
    subscription.close()


def test_a_subscription_is_a_context_manager(source):
    source.update({"a": 1})
    with source.subscribe_changes() as subscription:
        assert receive(subscription) == ({"a": 1}, set())
    with pytest.raises(StopIteration):
        soon(next, subscription)


@pytest.mark.parametrize("interval", [0, LONG])
def test_closing_a_subscription_ends_its_wait(source, interval):
    subscription = source.subscribe_changes(interval)
    source.update({"a": 1})
    receive(subscription)
    worker = Worker(list, subscription)  # waits for a change, or sleeps in the interval
    time.sleep(SETTLE)
    assert worker.is_alive()
    subscription.close()
    assert worker.result() == []


def test_only_one_thread_can_wait_in_a_subscription(source):
    subscription = source.subscribe_changes()
    worker = Worker(next, subscription)
    while worker.is_alive():
        try:
            soon(next, subscription)
        except ValueError:
            break
        else:
            pytest.fail("nothing was there to be delivered")
    source.update({"a": 1})
    assert worker.result().updates == {"a": 1}


def test_closing_a_subscription_leaves_its_buffer(buffer):
    subscription = buffer.subscribe_changes()
    buffer.update({"a": 1})
    subscription.close()
    buffer.update({"b": 1})
    assert flush(buffer) == ({"a": 1, "b": 1}, set())


# The interval


def test_deliveries_are_an_interval_apart(source):
    interval, count = 0.03, 8
    subscription = source.subscribe_changes(interval)
    stop = []

    def produce():
        i = 0
        while not stop:
            source.update({"a": (i := i + 1)})
            time.sleep(0.001)

    producer = Worker(produce)
    started = time.monotonic()
    delivered = [soon(next, subscription).updates["a"] for _ in range(count)]
    taken = time.monotonic() - started
    stop.append(True)
    producer.result()
    assert taken >= interval * (count - 1)
    assert delivered == sorted(set(delivered))


def test_what_comes_during_the_interval_is_merged(source):
    # It ends when it is told to, however long the machine takes for the rest.
    subscription = source.subscribe_changes(1000)
    source.update({"a": 1})
    receive(subscription)
    worker = Worker(next, subscription)
    for i in range(10):
        source.update({"a": i, f"key {i}": i}, [f"key {i - 1}"])
        time.sleep(0.005)
    subscription.interval = 0
    change = worker.result()
    assert change.updates == {"a": 9, "key 9": 9}
    assert change.removals == {f"key {i}" for i in range(-1, 9)}


def test_a_change_after_the_interval_is_delivered_without_delay(source):
    subscription = source.subscribe_changes(0.05)
    source.update({"a": 1})
    receive(subscription)
    time.sleep(0.1)
    source.update({"a": 2})
    started = time.monotonic()
    assert receive(subscription) == ({"a": 2}, set())
    assert time.monotonic() - started < HANG / 4


@pytest.mark.parametrize("interval", [0, 0.0, 1, 0.5, 3600, True, Fraction(1, 2), 10**6])
def test_an_interval_may_be_any_number_of_seconds(source, interval):
    source.update({"a": 1})
    assert receive(source.subscribe_changes(interval)) == ({"a": 1}, set())


@pytest.mark.parametrize("interval", ["1", None, [1], object(), 1j])
def test_an_interval_that_is_no_number_is_refused(source, interval):
    with pytest.raises(TypeError, match="interval"):
        source.subscribe_changes(interval)


@pytest.mark.parametrize("interval", [-1, -0.001, -math.inf, math.nan])
def test_an_interval_that_makes_no_sense_is_refused(source, interval):
    with pytest.raises(ValueError, match="interval"):
        source.subscribe_changes(interval)


@pytest.mark.parametrize("interval", [math.inf, 1e300, pytest.param(10**400, id="integer")])
def test_an_interval_that_is_too_long_is_refused(source, interval):
    with pytest.raises(OverflowError, match="interval"):
        source.subscribe_changes(interval)


def test_a_refused_interval_has_no_effect(multi_view):
    multi_view.update({"a": 1})
    with pytest.raises(ValueError, match="interval"):
        multi_view.subscribe_changes(-1)
    with multi_view.create_view() as view:
        assert flush(view) == ({"a": 1}, set())
    with pytest.raises(ObjectFrozenError):
        view.update({})
