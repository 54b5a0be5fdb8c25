"""What the asyncio tests share: event loops of every kind, and looking at what goes on in them."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from helpers import HANG

try:
    import uvloop
except ImportError:  # there is none for Windows
    uvloop = None

Runner = Callable[[Coroutine[Any, Any, Any]], Any]


def _bounded(run: Runner) -> Runner:
    """Make a test that waits for ever fail instead."""
    return lambda coroutine: run(asyncio.wait_for(coroutine, HANG / 2))


run: Runner = _bounded(asyncio.run)

RUNNERS = [
    pytest.param(run, id="asyncio"),
    pytest.param(
        _bounded(partial(asyncio.run, debug=True)),
        id="debug",
        # It takes ten times as long for its tracebacks: too long for several loops at once.
        marks=pytest.mark.thread_unsafe(reason="asyncio's debug mode is slow"),
    ),
    pytest.param(
        _bounded(uvloop.run) if uvloop else None,
        id="uvloop",
        marks=pytest.mark.skipif(uvloop is None, reason="uvloop is not installed"),
    ),
]
"""`asyncio.run` for every kind of event loop, to be used in place of `run`."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, which stands still until nothing but a timer is left."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(selectors.SelectSelector())
        self._select = self._selector.select
        self._selector.select = self._jump

    def time(self) -> float:
        return self.now

    def _jump(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return self._select(HANG)
        self.now += timeout
        return self._select(0)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Do what `asyncio.run` does, and make a test that would go on for ever fail."""

        def give_up() -> None:
            for task in asyncio.all_tasks(self):
                task.cancel()

        timer = threading.Timer(HANG / 2, self.call_soon_threadsafe, [give_up])
        timer.start()
        try:
            return self.run_until_complete(coroutine)
        finally:
            timer.cancel()
            timer.join()
            self.close()


async def passes(count: int = 3) -> None:
    """Let the loop go round. A task that was there before waits by now, if it has to."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that another thread or task brings about."""
    deadline = time.monotonic() + HANG / 2
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.001)


async def receive(subscription: Any) -> tuple[dict[str, Any], set[str]]:
    """Await the next change and take it apart."""
    updates, removals = await anext(subscription)
    return updates, removals


async def start(*coroutines: Coroutine[Any, Any, Any]) -> Any:
    """Start tasks and have them run until they wait. Gives the only one, or a list."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    await passes()
    return tasks if len(tasks) != 1 else tasks[0]


@contextmanager
def counted_wake_ups(loop: asyncio.AbstractEventLoop) -> Iterator[list[Any]]:
    """List the calls through which a loop is woken from outside; each writes to its self-pipe."""
    calls: list[Any] = []
    original = loop.call_soon_threadsafe

    def call_soon_threadsafe(callback: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(callback)
        return original(callback, *args, **kwargs)

    loop.call_soon_threadsafe = call_soon_threadsafe  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        del loop.call_soon_threadsafe
