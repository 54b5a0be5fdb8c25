"""The connection of the guide, over real sockets: whatever ends one direction ends the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec
from doc_blocks import block_with

TIMEOUT = 10
CODEC = JSONCodec()

Room = DictionaryChangeMultiView
Join = Callable[[], Any]


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Room, Join]]:
    """Run the server of the guide with a room of its own, and check that nothing stays behind."""
    guide: dict[str, Any] = {"__name__": "guide"}
    text = block_with("docs/guide/shutdown.md", "async def attend(connection)").text
    exec(text.replace("asyncio.run(main())", ""), guide)
    room = guide["room"]
    tasks = asyncio.all_tasks()
    async with serve(guide["attend"], "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield room, lambda: connect(f"ws://{host}:{port}", close_timeout=1)
        # All clients have gone by now.
        await asyncio.wait_for(nobody_left(room), TIMEOUT)
    assert asyncio.all_tasks() == tasks


async def nobody_left(room: Room) -> None:
    while room.stats().views:
        await asyncio.sleep(0.01)


async def received(client: ClientConnection) -> DictionaryChange:
    return CODEC.decode(await asyncio.wait_for(client.recv(), TIMEOUT))


async def end_of(client: ClientConnection) -> int | None:
    """Read until the connection is closed; give the code with which the server closed it."""
    try:
        while True:
            await asyncio.wait_for(client.recv(), TIMEOUT)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_what_cannot_be_sent_ends_the_connection_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with served() as (room, join):
            async with join() as client:
                room.update({"a": 1})
                assert (await received(client)).updates == {"a": 1}
                room.update({"bad": object()})
                assert await end_of(client) == 1011
            room.update(removals=["bad"])
            async with join() as client:
                assert (await received(client)).updates == {"a": 1}

    asyncio.run(main())
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert "updates['bad'] cannot be encoded" in str(record.exc_info[1])


def test_what_cannot_be_received_ends_the_connection_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with served() as (_, join), join() as client:
            await client.send("{}")
            assert await end_of(client) == 1011

    asyncio.run(main())
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert "'updates' is missing" in str(record.exc_info[1])


def test_a_room_that_is_frozen_ends_the_connection_when_everything_is_delivered() -> None:
    async def main() -> None:
        async with served() as (room, join), join() as client:
            room.update({"a": 1})
            assert (await received(client)).updates == {"a": 1}
            room.update({"a": 2})
            room.freeze()
            assert (await received(client)).updates == {"a": 2}
            assert await end_of(client) == 1001

    asyncio.run(main())


@pytest.mark.parametrize("goodbye", [True, False])
def test_a_client_that_leaves_ends_the_connection_and_its_last_words_count(goodbye: bool) -> None:
    async def main() -> None:
        async with served() as (room, join), join() as client:
            room.update({"a": 1})
            await received(client)
            for number in range(100):
                await client.send(DictionaryChange({"last": number}).encode(CODEC))
                room.update({"a": number})  # so that it is sent to, while it leaves
            if goodbye:
                await client.close()
            else:
                client.transport.close()
            while room.copy_content().get("last") != 99:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), TIMEOUT))
