"""Operations of publishers, of views that come back, and with single keys."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from change_buffers import ConflictError, DictionaryChangeMultiView, KeyOwnedError
from operations.data import MANY
from operations.repeat import Step, operation


def _room() -> DictionaryChangeMultiView:
    room = DictionaryChangeMultiView(history=10)
    room.update(MANY)
    return room


@operation
def publish_and_go() -> Step:
    room = _room()

    def step() -> None:
        with room.create_publisher() as publisher, room.create_view(without=publisher) as view:
            publisher.update({"a": object(), "b": object(), "c": publisher}, ["d"])
            room.update({"a": object()}, ["b"])
            view.flush_changed_nowait()
        room.update(None, ["a"])
        publisher = room.create_publisher(exclusive=True)
        publisher.update({"a": object()})
        room.copy_content()
        assert publisher.exclusive
        assert publisher.owned_keys == 1
        assert not publisher.closed
        del publisher
        room.create_publisher().close()

    return step


@operation
def be_refused() -> Step:
    room = _room()
    owner = room.create_publisher(exclusive=True)
    owner.update({"owned": 1})
    version = room.version

    def step() -> None:
        try:
            room.update({"owned": object(), "b": object()})
        except KeyOwnedError as error:
            error.keys  # noqa: B018
        room.update({"changing": 1})
        with suppress(ConflictError):
            room.update({"changing": object()}, ["never"], unchanged_since=version)
        for options in ({"since": -1}, {"since": 10**9}, {"without": 5}, {"snapshot": 1}):
            with suppress(TypeError, ValueError):
                room.create_view(**options)

    return step


@operation
def follow_another_store() -> Step:
    room = DictionaryChangeMultiView(history=10)

    def step() -> None:
        with room.create_publisher() as publisher, room.create_view() as view:
            version = room.version + 1
            made = {publisher: ["a"]}
            room.replay({"a": object(), "b": publisher}, ["c"], version=version, publishers=made)
            room.replay({}, ["a"], version=version + 10)
            view.flush_changed_nowait()
            with suppress(ValueError):
                room.replay({"a": object()}, version=version, publishers=made)
            for wrong in ({publisher: 5}, {5: ["a"]}, 5):
                with suppress(TypeError):
                    room.replay({"a": object()}, version=version + 11, publishers=wrong)
            room.replay(None, ["b"], version=version + 12)

    return step


@operation
def come_back() -> Step:
    room = _room()

    def step() -> None:
        version = room.version
        room.update({"a": object()}, ["b"])
        with room.create_view(since=version) as view, room.create_view(snapshot=True) as other:
            change = view.flush_changed_nowait()
            (change.version, change.is_complete, other.flush_changed_nowait())
            change.version = change.is_complete = object()
        room.create_view(since=version)
        room.subscribe_changes(snapshot=True).close()

    return step


@operation
def clone_a_view() -> Step:
    room = _room()

    def step() -> None:
        with room.create_view() as view:
            view.update({"a": object()})
            clone = view.clone()
            room.update({"b": object()})
            clone.clone().flush_changed_nowait()
            view.flush_changed_nowait()
            clone.freeze()
            clone.clone()

    return step


@operation
def look_keys_up() -> Step:
    room = _room()

    def step() -> None:
        room.update({"a": object()})
        (room.get("a"), room.get("b", object()), "a" in room, "b" in room, room.version)
        with suppress(TypeError):
            room.get(1)

    return step


@operation
def wait_without_a_publisher() -> Step:
    room = _room()

    async def step() -> None:
        with room.create_publisher() as publisher:
            publisher.update({"b": object()})
            room.update({"a": 1})
            async with room.subscribe_changes(without=publisher) as subscription:
                await anext(subscription)

                async def follow() -> None:
                    await anext(subscription)

                task = asyncio.ensure_future(follow())
                await asyncio.sleep(0)
                publisher.update({"b": object()})
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])

    return step  # type: ignore[return-value]
