"""Operations that open views and subscriptions, end them, or wait in an event loop."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import suppress
from functools import partial

import change_buffers
from change_buffers import (
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
)
from helpers import BoomError
from operations.data import MANY
from operations.repeat import Step, operation

# Views and subscriptions


def _multi_view() -> DictionaryChangeMultiView:
    multi_view = DictionaryChangeMultiView()
    multi_view.update(MANY)
    return multi_view


@operation
def open_and_leave_a_view() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        for prefixes in (None, "key", ["a", "b"]):
            with multi_view.create_view(prefixes) as view:
                view.flush_changed_nowait()
        with suppress(BoomError), multi_view.create_view() as view:
            view.update({"a": object()})
            raise BoomError

    return step


@operation
def drop_a_view() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        multi_view.create_view()
        view = multi_view.create_view().__enter__()
        view.update({"itself": view})
        view = multi_view.create_view().__enter__()
        view.update({"private": object()})

    return step


@operation
def remove_and_freeze_views() -> Step:
    multi_view, other = _multi_view(), DictionaryChangeMultiView()

    def step() -> None:
        for end in (multi_view.remove_view, DictionaryChangeBuffer.freeze, other.remove_view):
            with multi_view.create_view() as view:
                multi_view.update({"a": object()})
                end(view)
                multi_view.update(None, ["a"])
                view.flush_changed_nowait()

    return step


@operation
def subscribe() -> Step:
    multi_view = _multi_view()
    buffer = DictionaryChangeBuffer()

    def step() -> None:
        buffer.update({"a": object()})
        for source in (multi_view, buffer):
            for _ in source.subscribe_changes():
                break
        next(multi_view.subscribe_changes(1, "key"))
        with multi_view.subscribe_changes() as subscription:
            next(subscription)
            subscription.interval = subscription.interval + 1
        multi_view.subscribe_changes().close()

    return step


@operation
def freeze_everything() -> Step:
    def step() -> None:
        multi_view, buffer = DictionaryChangeMultiView(), DictionaryChangeBuffer()
        subscription = multi_view.subscribe_changes()
        with multi_view.create_view() as view:
            for target in (multi_view, view, buffer):
                target.update({"a": object(), "me": target}, ["b"])
            next(subscription)
            multi_view.freeze()
            buffer.freeze()
            list(view.subscribe_changes()), list(subscription), list(buffer.subscribe_changes())

    return step


@operation
def copy_the_content() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        multi_view.update({"a": object()}, ["key 1"])
        multi_view.copy_content()
        multi_view.update({"key 1": object()}, ["a"])
        multi_view.copy_content()

    return step


@operation
def statistics() -> Step:
    multi_view = _multi_view()

    def step() -> None:
        stats = multi_view.stats()
        repr(stats), stats == multi_view.stats(), stats.updates
        stats.as_dict(), pickle.loads(pickle.dumps(stats))

    return step


@operation
def install() -> Step:
    def step() -> None:
        change_buffers.install()
        change_buffers.uninstall()

    return step


# In an event loop


@operation
def flush_in_a_task() -> Step:
    buffer = DictionaryChangeBuffer()

    async def step() -> None:
        task = asyncio.ensure_future(buffer.flush_changed())
        await asyncio.sleep(0)
        buffer.update({"a": object()})
        await task

    return step  # type: ignore[return-value]


@operation
def cancel_a_task() -> Step:
    multi_view = _multi_view()

    async def step() -> None:
        with multi_view.create_view("nobody has this key") as view:
            task = asyncio.ensure_future(view.flush_changed())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(view.flush_changed(), 1e-9)

    return step  # type: ignore[return-value]


@operation
def subscribe_in_a_task() -> Step:
    multi_view = _multi_view()

    async def step() -> None:
        async for _ in multi_view.subscribe_changes():
            break
        async with multi_view.subscribe_changes(1000, "key") as subscription:
            await subscription.__anext__()
            task = asyncio.ensure_future(partial(anext, subscription)())
            await asyncio.sleep(0)
            await subscription.aclose()
            with suppress(StopAsyncIteration):
                await task

    return step  # type: ignore[return-value]


@operation
def an_event_loop_of_its_own() -> Step:
    multi_view = _multi_view()

    async def main() -> None:
        with multi_view.create_view() as view:
            await view.flush_changed()
            task = asyncio.ensure_future(view.flush_changed())
            await asyncio.sleep(0)
            task.cancel()

    return lambda: asyncio.run(main())
