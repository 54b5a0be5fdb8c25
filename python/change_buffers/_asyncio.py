"""The asyncio side: tasks that wait, without a thread each.

The tasks of one event loop that wait on one store share a *hub*. A change rings the hub, at most
once until the loop has answered, so a burst of changes costs one wake-up of the loop however many
tasks wait. The wake-up carries no data: a task that is woken looks again and takes what is pending
at that moment, in one step, so cancelling it can lose nothing.

A paced subscription does not wait for changes before the next one is due: it waits for a timer.
Timers of one loop that end in the same millisecond are one timer.
"""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from change_buffers._core import (
    DictionaryChange,
    DictionaryChangeBuffer,
    SharedStore,
    Subscription,
)

_TICKS_PER_SECOND = 1000


def flush_changed(buffer: DictionaryChangeBuffer) -> Coroutine[Any, Any, DictionaryChange]:
    """Wait for what `buffer` has to flush; see `DictionaryChangeBuffer.flush_changed()`."""
    running_loop("flush_changed()")
    return _flush_changed(buffer)


async def _flush_changed(buffer: DictionaryChangeBuffer) -> DictionaryChange:
    # Not that of the call: it may be awaited elsewhere.
    loop = running_loop("flush_changed()")
    store = buffer._shared
    hub = loop.hub_of(store)
    while (change := buffer.flush_changed_nowait()) is None:
        future = loop.future(math.inf)
        ticket = buffer._wait(hub, future)
        if ticket is not None:
            try:
                await future
            finally:
                store.forget(hub, ticket, future)
    return change


async def close(subscription: Subscription) -> None:
    """Close a subscription."""
    subscription.close()


async def enter(subscription: Subscription) -> Subscription:
    """Give back what `async with` was given."""
    return subscription


class _Hub:
    """The tasks of one event loop that wait on one store."""

    def __init__(self, loop: _Loop, store: SharedStore) -> None:
        self._loop = loop
        # The store holds the hub. Neither keeps the other, nor the loop, longer than it is needed.
        self._store = weakref.ref(store)
        self.id = store.open_hub(self.ring)

    def ring(self) -> None:
        """Have the loop answer soon. Called by whoever has updated the store, in any thread."""
        loop = self._loop.asyncio_loop()
        if loop is None:
            return
        # Within a task the loop is awake. Elsewhere it may be a signal handler that calls, in the
        # middle of the loop's `select()`, which only a thread-safe call interrupts.
        if asyncio._get_running_loop() is loop and asyncio.current_task(loop) is not None:
            loop.call_soon(self._answer)
            return
        try:
            loop.call_soon_threadsafe(self._answer)
        except RuntimeError:
            if not loop.is_closed():
                raise
            _close_hub(self._store, self.id)

    def _answer(self) -> None:
        store = self._store()
        if store is None:
            return
        _set_all(store.answer(self.id))


class _Loop:
    """What there is for each event loop: its hubs and its timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asyncio_loop = weakref.ref(loop)
        self._hubs: WeakKeyDictionary[SharedStore, _Hub] = WeakKeyDictionary()
        # Weakly: a task that gave up must not keep its loop until the tick.
        self._ticks: dict[int, list[weakref.ref[asyncio.Future[None]]]] = {}
        # One finalizer for all hubs: they come and go with their stores, it stays with the loop.
        self._hub_ids: WeakKeyDictionary[SharedStore, int] = WeakKeyDictionary()
        weakref.finalize(loop, _close_hubs, self._hub_ids).atexit = False

    def hub_of(self, store: SharedStore) -> int:
        """Give the number of the hub for a store."""
        hub = self._hubs.get(store)
        if hub is None:
            hub = self._hubs[store] = _Hub(self, store)
            self._hub_ids[store] = hub.id
        return hub.id

    def future(self, delay: float) -> asyncio.Future[None]:
        """Make a future of this loop, which runs in this thread.

        It is done after so many seconds, if nobody sets it before.
        """
        # Not `get_running_loop()`: before CPython 3.12 that is a system call.
        loop = self.asyncio_loop()
        assert loop is not None
        future = loop.create_future()
        if delay < math.inf:
            tick = math.ceil((loop.time() + delay) * _TICKS_PER_SECOND)
            waiting = self._ticks.get(tick)
            if waiting is None:
                waiting = self._ticks[tick] = []
                loop.call_at(tick / _TICKS_PER_SECOND, self._strike, tick)
            waiting.append(weakref.ref(future))
        return future

    def _strike(self, tick: int) -> None:
        futures = [reference() for reference in self._ticks.pop(tick)]
        _set_all([future for future in futures if future is not None])


def _set_all(futures: list[asyncio.Future[None]]) -> None:
    """Have the tasks that await these go on, in this order."""
    futures.reverse()
    try:
        while futures:
            future = futures[-1]
            if not future.done():
                future.set_result(None)
            futures.pop()
    finally:
        # A signal handler may raise in there.
        if futures:
            futures.reverse()
            asyncio.get_running_loop().call_soon(_set_all, futures)


def _close_hub(reference: weakref.ref[SharedStore], hub: int) -> None:
    store = reference()
    if store is not None:
        store.close_hub(hub)


def _close_hubs(hubs: WeakKeyDictionary[SharedStore, int]) -> None:
    for store, hub in list(hubs.items()):
        store.close_hub(hub)


# Whatever thread a loop runs in, and it may be one after the other.
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()


def running_loop(what: str) -> _Loop:
    """Give what there is for the event loop that runs in this thread."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(f"{what} needs a running event loop") from None
    loop = _loops.get(running)
    if loop is None:
        loop = _loops[running] = _Loop(running)
    return loop
