"""Who waits for a version is told of it when it is here, and not before."""

from __future__ import annotations

from concurrent.futures import Future

from change_buffers.redis.arrivals import Arrivals


def expect(arrivals: Arrivals, version: int) -> Future[int]:
    future: Future[int] = Future()
    arrivals.expect(version, future)
    return future


def test_a_version_is_waited_for():
    arrivals = Arrivals()
    later, first = expect(arrivals, 3), expect(arrivals, 1)
    arrivals.reached(2)
    assert first.result(0) == 1
    assert not later.done()
    arrivals.reached(3)
    assert later.result(0) == 3
    assert expect(arrivals, 2).result(0) == 2


def test_what_was_lost_is_not_waited_for():
    arrivals = Arrivals()
    lost = expect(arrivals, 9)
    arrivals.all_there(4, arrivals.moment())
    assert lost.result(0) == 4


def test_what_was_accepted_after_redis_was_asked_is_waited_for_still():
    arrivals = Arrivals()
    arrivals.reached(0)
    early = expect(arrivals, 7)
    moment = arrivals.moment()
    late, there = expect(arrivals, 5), expect(arrivals, 1)
    arrivals.all_there(1, moment)
    assert (early.result(0), there.result(0)) == (1, 1)
    assert not late.done()
    arrivals.reached(5)
    assert late.result(0) == 5
