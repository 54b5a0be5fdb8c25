"""The checker of histories refuses what no order explains, and nothing else."""

from __future__ import annotations

import random
import sys

import pytest

import broken_models
from linearizability import Call, assert_linearizable, explain, linearize
from multi_view_calls import MODEL_KINDS, record_random_calls
from sequential_model import FROZEN, TIMEOUT, Change, State, Step, View, perform


def state(**content):
    return State(counts=False).with_view("view", View())._replace(content=tuple(content.items()))


def change(*removals, **updates):
    return Change(frozenset(updates.items()), frozenset(removals))


def call(thread, invoked, returned, name, result=None, *removals, **updates):
    view = "" if name in ("update", "freeze", "copy_content") else "view"
    step = Step(name, view, tuple(updates.items()), removals)
    return Call(thread, step, invoked, returned, result)


# Histories made by hand: each is a list of calls, with the moments of invocation and return.

EXPLICABLE = {
    "one after the other": [
        call(1, 0, 1, "update", a=1),
        call(2, 2, 3, "flush", change(a=1)),
        call(1, 4, 5, "flush"),
    ],
    "a flush that overlaps an update and comes before it": [
        call(1, 0, 5, "update", a=1),
        call(2, 1, 2, "flush"),
        call(2, 3, 4, "flush", change(a=1)),
    ],
    "a flush that overlaps an update and comes after it": [
        call(1, 0, 5, "update", a=1),
        call(2, 1, 2, "flush", change(a=1)),
    ],
    "two updates at once, the one made later coming first": [
        call(1, 0, 5, "update", a=1),
        call(2, 1, 6, "update", a=2),
        call(1, 7, 8, "copy_content", (("a", 1),)),
    ],
    "calls with the same stamps": [
        call(1, 3, 3, "flush", change(a=1)),
        call(2, 3, 3, "update", a=1),
    ],
    "a wait that gave up while an update came": [
        call(1, 0, 9, "wait", TIMEOUT),
        call(2, 4, 5, "update", a=1),
        call(1, 10, 11, "flush", change(a=1)),
    ],
    "an update that came just before it was frozen": [
        call(1, 0, 9, "update", a=1),
        call(2, 1, 2, "freeze"),
        call(2, 3, 4, "flush", change(a=1)),
        call(2, 5, 6, "flush", FROZEN),
    ],
    "the order in which keys came": [
        call(1, 0, 9, "update", b=1),
        call(2, 1, 8, "update", a=1),
        call(1, 10, 11, "copy_content", (("a", 1), ("b", 1))),
    ],
}

INEXPLICABLE = {
    "a lost update": [
        call(1, 0, 5, "update", a=1),
        call(2, 1, 6, "update", b=1),
        call(1, 7, 8, "copy_content", (("a", 1),)),
    ],
    "an update that no flush gives": [
        call(1, 0, 1, "update", a=1),
        call(2, 2, 3, "flush"),
    ],
    "an update of two keys of which one is seen": [
        call(1, 0, 9, "update", a=1, b=1),
        call(2, 1, 2, "flush", change(a=1)),
        call(2, 3, 4, "flush", change(b=1)),
    ],
    "an update that has set, but not removed yet": [
        call(1, 0, 9, "update", None, "b", a=1),
        call(2, 1, 2, "copy_content", (("a", 1), ("b", 1))),
        call(1, 10, 11, "update", b=1),
    ],
    "a change that is delivered twice": [
        call(1, 0, 1, "update", a=1),
        call(1, 2, 9, "flush", change(a=1)),
        call(2, 2, 9, "flush", change(a=1)),
    ],
    "a flush that goes back in time": [
        call(1, 0, 1, "update", a=1),
        call(1, 2, 3, "update", a=2),
        call(2, 4, 5, "flush", change(a=1)),
    ],
    "flushes in the order opposite to the updates": [
        call(1, 0, 9, "update", a=1),
        call(1, 10, 19, "update", a=2),
        call(2, 1, 2, "flush", change(a=2)),
        call(2, 11, 12, "flush", change(a=1)),
    ],
    "a flush after freezing that has lost something": [
        call(1, 0, 1, "update", a=1),
        call(1, 2, 3, "update", b=1),
        call(1, 4, 5, "freeze"),
        call(2, 6, 7, "flush", change(b=1)),
        call(2, 8, 9, "flush", FROZEN),
    ],
    "an update after freezing": [
        call(1, 0, 1, "freeze"),
        call(2, 2, 3, "update", a=1),
    ],
    "an error without a reason": [
        call(1, 0, 1, "flush", FROZEN),
        call(2, 2, 3, "freeze"),
    ],
    "a wait that gave up though there was something all the time": [
        call(1, 0, 1, "update", a=1),
        call(2, 2, 9, "wait", TIMEOUT),
    ],
    "two threads that see two updates in different orders": [
        call(1, 0, 9, "update", a=1),
        call(2, 0, 9, "update", a=2),
        call(3, 10, 11, "copy_content", (("a", 1),)),
        call(4, 12, 13, "copy_content", (("a", 2),)),
    ],
    "keys in an order in which they never came": [
        call(1, 0, 1, "update", b=1),
        call(1, 2, 3, "update", a=1),
        call(2, 4, 5, "copy_content", (("a", 1), ("b", 1))),
    ],
}


@pytest.mark.parametrize("name", EXPLICABLE)
def test_a_history_that_has_an_order_is_accepted(name):
    calls = EXPLICABLE[name]
    order = linearize(calls, state())
    assert sorted(order) == sorted(calls)
    now = state()
    for made in order:
        result, now = perform(now, made.step)
        assert result == made.result


@pytest.mark.parametrize("name", INEXPLICABLE)
def test_a_history_that_has_no_order_is_refused(name):
    calls = INEXPLICABLE[name]
    assert linearize(calls, state()) is None
    with pytest.raises(AssertionError, match="not linearizable"):
        assert_linearizable(calls, state())


@pytest.mark.parametrize("name", INEXPLICABLE)
def test_the_order_in_which_calls_are_listed_does_not_matter(name):
    assert linearize(INEXPLICABLE[name][::-1], state()) is None


def test_the_account_of_a_failure_shows_every_call_and_where_it_ends():
    calls = INEXPLICABLE["a flush after freezing that has lost something"]
    account = explain(calls, state())
    for made in calls:
        assert f"{made.thread}  {made}" in account
    assert "at most 3 of 5 calls can be put in order" in account
    assert account.endswith("flush(view) gave {'b': 1} without [], where "
                            "{'a': 1, 'b': 1} without [] would be due")  # fmt: skip


# Models that real threads call, whole and broken.


@pytest.fixture(autouse=True)
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def histories(make, count, threads):
    for number in range(count):
        yield record_random_calls(make(), random.Random(number), threads, 6, MODEL_KINDS)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_model_in_plain_python_with_one_lock_is_linearizable(threads):
    for start, calls in histories(broken_models.MultiView, 200, threads):
        assert_linearizable(calls, start)


def catches(make):
    """Whether the checker refuses what threads saw of a model that serves a single one well."""
    for start, calls in histories(make, 50, 1):
        assert_linearizable(calls, start)
    return any(linearize(calls, start) is None for start, calls in histories(make, 2000, 3))


def test_the_checker_catches_views_that_are_told_one_after_the_other():
    assert catches(broken_models.OneByOneMultiView)


def test_the_checker_catches_a_torn_update():
    assert catches(broken_models.TornMultiView)


def test_the_checker_catches_a_flush_that_loses_what_came_in_between():
    assert catches(broken_models.ForgetfulMultiView)


def test_the_checker_catches_a_change_that_is_given_twice():
    assert catches(broken_models.TwiceGivingMultiView)


def test_the_checker_catches_a_freeze_in_several_steps():
    assert catches(broken_models.LateFreezingMultiView)


def test_the_checker_catches_content_that_lags_behind_the_views():
    assert catches(broken_models.LateContentMultiView)
