"""Calling an operation over and over, and measuring what that leaves."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable, Iterable
from typing import Any

Step = Callable[[], Any]
Operation = Callable[[], Step]

COSTLY = {"install": 10, "flush_with_a_timeout_that_passes": 10, "an_event_loop_of_its_own": 10}
"""What takes long is called so many times less often than the rest."""

TRIES = 8

OPERATIONS: dict[str, Operation] = {}


def operation(function: Operation) -> Operation:
    OPERATIONS[function.__name__] = function
    return function


def run(name: str, times: int) -> None:
    """Call an operation so many times."""
    step = OPERATIONS[name]()
    times = max(1, times // COSTLY.get(name, 1))
    if not inspect.iscoroutinefunction(step):
        for _ in range(times):
            step()
        return

    async def loop() -> None:
        for _ in range(times):
            await step()

    asyncio.run(loop())


def growth(
    names: Iterable[str], times: int, measure: Callable[[], int], bound: int
) -> dict[str, int]:
    """Give by how much a measure grows when operations are called so often.

    Caches and pools grow until they are warm, a leak grows every time: so what grows by more than
    the bound is given more chances not to.
    """
    gc.collect()
    gc.freeze()  # what is there already need not be looked at again and again
    grown = {}
    for name in names:
        run(name, times // 2)
        for _ in range(TRIES):
            before = _settled(measure)
            run(name, times)
            grown[name] = _settled(measure) - before
            if grown[name] <= bound:
                break
    gc.unfreeze()
    return grown


def _settled(measure: Callable[[], int]) -> int:
    """Measure when everything is gone that only waits to be collected."""
    for _ in range(3):
        gc.collect()
    return measure()
