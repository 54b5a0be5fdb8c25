"""The asyncio side: tasks that wait, without a thread each.

The tasks of one event loop that wait on one store share a *hub*. A change rings the hub, at most
once until the loop has answered, so a burst of changes costs one wake-up of the loop however many
tasks wait. The wake-up carries no data: a task that is woken looks again and takes what is pending
at that moment, in one step, so cancelling it can lose nothing.

A paced subscription does not wait for changes before the next one is due: it waits for a timer.
Timers of one loop that end in the same millisecond are one timer.

What happens in the loop's callbacks is in Rust: a signal handler may raise between any two steps
of Python code, and nobody may be forgotten for that.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import _get_running_loop, current_task
from collections.abc import Callable
from contextvars import Context
from sys import _getframe
from types import FrameType
from weakref import WeakKeyDictionary

from change_buffers._core import SharedStore, Subscription, Ticks


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

    def ring(self, answer: Callable[[], None]) -> bool:
        """Have the loop answer soon. Called by whoever has updated the store, in any thread.

        Returns:
            Whether it will.
        """
        loop = self._loop.asyncio_loop()
        if loop is None:
            return False
        # Not the context of whoever updates: the loop need not run soon, and would keep it.
        context = Context()
        # Within a task or a callback the loop is awake. Elsewhere it may be a signal handler that
        # calls, in the middle of the loop's `select()`, which only a thread-safe call interrupts.
        if _get_running_loop() is loop and (
            current_task(loop) is not None or _is_in_callback(_getframe())
        ):
            loop.call_soon(answer, context=context)
            return True
        try:
            loop.call_soon_threadsafe(answer, context=context)
        except RuntimeError:
            if not loop.is_closed():
                raise
            _close_hub(self._store, self.id)
            return False
        return True


_CALLBACK = asyncio.Handle._run.__code__
_TURN = asyncio.BaseEventLoop._run_once.__code__  # type: ignore[attr-defined]
_DEEPEST = 20


def _is_in_callback(frame: FrameType) -> bool:
    """Say whether this is known to be in a call that an event loop makes."""
    for _ in range(_DEEPEST):
        caller = frame.f_back
        if caller is None or caller.f_code is _TURN:
            return False
        if caller.f_code is _CALLBACK:
            return True
        frame = caller
    return False


class _Loop:
    """What there is for each event loop: its hubs and its timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asyncio_loop = weakref.ref(loop)
        self.ticks = Ticks(loop)
        self._hubs: WeakKeyDictionary[SharedStore, _Hub] = WeakKeyDictionary()
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


def _close_hub(reference: weakref.ref[SharedStore], hub: int) -> None:
    store = reference()
    if store is not None:
        store.close_hub(hub)


def _close_hubs(hubs: WeakKeyDictionary[SharedStore, int]) -> None:
    for store, hub in list(hubs.items()):
        store.close_hub(hub)


# Whatever thread a loop runs in, and it may be one after the other.
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()


def _clock_of(loop: asyncio.AbstractEventLoop) -> str:
    """Say what the timers of an event loop go by; see `Clock` in `home.rs`."""
    if type(loop).__module__.partition(".")[0] in {"uvloop", "winloop"}:
        return "libuv"
    if getattr(loop.time, "__func__", None) is asyncio.BaseEventLoop.time:
        return "asyncio"
    return "own"


def home(what: str, store: SharedStore) -> tuple[asyncio.AbstractEventLoop, Ticks, int, str]:
    """Give the event loop that runs in this thread, and what there is for it and the store.

    These are its timers, the number of its hub, and its clock.
    """
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(f"{what} needs a running event loop") from None
    loop = _loops.get(running)
    if loop is None:
        loop = _loops[running] = _Loop(running)
    return running, loop.ticks, loop.hub_of(store), _clock_of(running)
