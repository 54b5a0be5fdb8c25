"""A blocked thread is woken.

Two threads throw a ball to and fro.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from types import ModuleType
from typing import Any

from contenders import OURS, RIVAL
from measure import Compare, Side
from wake_ups import stay_on_cpu

TARGET = 1 / 1.25
EXCHANGES = 100
BALL = {"ball": 1}

Throw = Callable[[dict[str, int]], object]
Catch = Callable[[], object]


class PingPong:
    """The median hop from one thread to the other; both block until it is their turn.

    Neither is the main thread, where a wait has to look after signals: servers wait elsewhere.
    """

    def __init__(self, there: tuple[Throw, Catch], back: tuple[Throw, Catch]) -> None:
        self._there = there
        self._back = back

    def round(self) -> float:
        exchanges: list[float] = []
        threads = [Thread(target=self._serve, args=(exchanges,)), Thread(target=self._return)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return statistics.median(exchanges) / 2

    def _serve(self, exchanges: list[float]) -> None:
        stay_on_cpu(0)
        throw, catch = self._there[0], self._back[1]
        for _ in range(EXCHANGES):
            start = perf_counter()
            throw(BALL)
            catch()
            exchanges.append(perf_counter() - start)

    def _return(self) -> None:
        stay_on_cpu(1)
        throw, catch = self._back[0], self._there[1]
        for _ in range(EXCHANGES):
            catch()
            throw(BALL)


def over_queues() -> Side:
    there, back = SimpleQueue[Any](), SimpleQueue[Any]()
    return PingPong((there.put, there.get), (back.put, back.get))


def over_buffers(implementation: ModuleType) -> Side:
    there, back = (implementation.DictionaryChangeBuffer() for _ in range(2))
    return PingPong(
        (there.update, there.flush_changed_blocking), (back.update, back.flush_changed_blocking)
    )


def test_wakeup_against_queue(compare: Compare) -> None:
    compare(
        "one hop (p50)",
        rival=over_queues(),
        ours=over_buffers(OURS),
        against="SimpleQueue",
        target=TARGET,
        estimate=statistics.median,
    )


def test_wakeup_against_rival(compare: Compare) -> None:
    compare(
        "one hop (p50)",
        rival=over_buffers(RIVAL),
        ours=over_buffers(OURS),
        estimate=statistics.median,
    )
