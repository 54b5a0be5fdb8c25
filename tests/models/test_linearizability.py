"""Whatever threads do at once could as well have been done one call after the other."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest

from change_buffers import DictionaryChangeMultiView
from linearizability import assert_linearizable, overlapping
from multi_view_calls import HISTORY, WEIGHTS, record_random_calls
from sequential_model import CONFLICT, FROZEN, OWNED, TIMEOUT, WRONG

HISTORIES = 400
LENGTH = 6


@pytest.fixture(autouse=True)
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def seed(request):
    """Give a seed that a failure can be repeated with, as far as threads can be."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return seed


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_what_threads_see_can_be_explained_by_an_order_of_their_calls(threads, seed):
    made, met, errors = 0, 0, Counter()
    for number in range(HISTORIES):
        chance = random.Random(f"{seed} {number}")
        start, calls = record_random_calls(
            DictionaryChangeMultiView(history=HISTORY),
            chance,
            threads,
            LENGTH,
            list(WEIGHTS),
            number % 2 == 1,
        )
        assert_linearizable(calls, start)
        made += len(calls)
        met += overlapping(calls)
        errors.update(call.result for call in calls if isinstance(call.result, str))
    print(f"{met / made:.0%} of {made} calls overlapped another; {dict(errors)}")
    # Otherwise nothing was shown but that a single thread is served well.
    assert met > 0
    assert errors.keys() == {FROZEN, TIMEOUT, CONFLICT, OWNED, WRONG}


def test_what_a_single_thread_sees_is_what_the_model_says(seed):
    for number in range(HISTORIES):
        chance = random.Random(f"{seed} {number}")
        start, calls = record_random_calls(
            DictionaryChangeMultiView(history=HISTORY),
            chance,
            1,
            5 * LENGTH,
            list(WEIGHTS),
            number % 2 == 1,
        )
        assert_linearizable(calls, start)
        assert overlapping(calls) == 0
