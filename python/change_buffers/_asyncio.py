"""The asyncio side: tasks that wait, without a thread each.

The tasks of one event loop that wait on one store share a *hub*. A change rings the hub, at most
once until the loop has answered, so a burst of changes costs one wake-up of the loop however many
tasks wait. The wake-up carries no data: a task that is woken looks again and takes what is pending
at that moment, in one step, so cancelling it can lose nothing.

A paced subscription does not wait for changes before the next one is due: it sits on a timer.
Timers of one loop that end in the same millisecond are one timer.
"""

from __future__ import annotations

import asyncio
import math
import threading
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
    return _flush_changed(buffer, _running_loop("flush_changed()"))


async def _flush_changed(buffer: DictionaryChangeBuffer, loop: _Loop) -> DictionaryChange:
    hub = loop.hub_of(buffer._shared)
    while (change := buffer.flush_changed_nowait()) is None:
        ticket = buffer._wait(hub.id)
        if ticket is not None:
            await hub.woken(ticket, math.inf)
    return change


def next_change(subscription: Subscription) -> Coroutine[Any, Any, DictionaryChange]:
    """Wait for the next change of a subscription."""
    return _next_change(subscription, _running_loop("async for"))


async def _next_change(subscription: Subscription, loop: _Loop) -> DictionaryChange:
    subscription._claim()
    try:
        while True:
            step = subscription._step()
            if isinstance(step, float):
                store = subscription._shared
                if store is None:
                    continue
                hub = loop.hub_of(store)
                ticket = subscription._wait(hub.id, step == math.inf)
                if ticket is not None:
                    await hub.woken(ticket, step)
            elif step is None:
                subscription.close()
                raise StopAsyncIteration
            else:
                return step
    finally:
        subscription._release()


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
        self._futures: dict[int, asyncio.Future[None]] = {}
        self.id = store.open_hub(self.ring)
        asyncio_loop = loop.asyncio_loop()
        if asyncio_loop is not None:
            weakref.finalize(asyncio_loop, _close_hub, self._store, self.id).atexit = False

    def ring(self) -> None:
        """Have the loop answer soon. Called by whoever has updated the store, in any thread."""
        loop = self._loop.asyncio_loop()
        if loop is None:
            return
        if asyncio._get_running_loop() is loop:
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
        for ticket in store.answer(self.id):
            future = self._futures.pop(ticket, None)
            if future is not None and not future.done():
                future.set_result(None)

    async def woken(self, ticket: int, delay: float) -> None:
        """Return when the task with this ticket is to look again, at the latest after `delay`."""
        future = self._loop.future(delay)
        self._futures[ticket] = future
        try:
            await future
        finally:
            # Nobody has answered: the time is over, or the task is cancelled.
            if self._futures.pop(ticket, None) is not None:
                store = self._store()
                if store is not None:
                    store.forget(self.id, ticket)


class _Loop:
    """What there is for each event loop: its hubs and its timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asyncio_loop = weakref.ref(loop)
        self._hubs: WeakKeyDictionary[SharedStore, _Hub] = WeakKeyDictionary()
        self._ticks: dict[int, list[asyncio.Future[None]]] = {}

    def hub_of(self, store: SharedStore) -> _Hub:
        hub = self._hubs.get(store)
        if hub is None:
            hub = self._hubs[store] = _Hub(self, store)
        return hub

    def future(self, delay: float) -> asyncio.Future[None]:
        """Make a future that is done after so many seconds, if nobody sets it before."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if delay < math.inf:
            tick = math.ceil((loop.time() + delay) * _TICKS_PER_SECOND)
            waiting = self._ticks.get(tick)
            if waiting is None:
                waiting = self._ticks[tick] = []
                loop.call_at(tick / _TICKS_PER_SECOND, self._strike, tick)
            waiting.append(future)
        return future

    def _strike(self, tick: int) -> None:
        for future in self._ticks.pop(tick):
            if not future.done():
                future.set_result(None)


def _close_hub(reference: weakref.ref[SharedStore], hub: int) -> None:
    store = reference()
    if store is not None:
        store.close_hub(hub)


class _Here(threading.local):
    """The loops that have run in this thread. A loop runs in one thread at a time."""

    def __init__(self) -> None:
        self.loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()


_here = _Here()


def _running_loop(what: str) -> _Loop:
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(f"{what} needs a running event loop") from None
    loop = _here.loops.get(running)
    if loop is None:
        loop = _here.loops[running] = _Loop(running)
    return loop
