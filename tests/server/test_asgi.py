"""The ASGI application, on uvicorn, and mounted in others."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, Permission, Room, asgi_app, serve
from lines import sleeper
from sites import JSON, Client, in_loop, until

if os.environ.get("REQUIRE_WORKS_WITH") == "1":
    uvicorn: Any = importlib.import_module("uvicorn")  # then it must not be skipped
else:
    uvicorn = pytest.importorskip("uvicorn")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of uvicorn itself


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[str]:
    """Run an application; gives its address without the scheme."""
    config = uvicorn.Config(app, port=0, log_level="error")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    serving = asyncio.ensure_future(server.serve())
    await until(lambda: server.started or serving.done())
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def get(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@in_loop
async def test_clients_come_publish_follow_and_leave() -> None:
    room = DictionaryChangeMultiView(history=10)
    async with running(asgi_app(room)) as address:
        async with (
            connect(f"ws://{address}/ws") as first,
            connect(f"ws://{address}/", subprotocols=[JSON]) as second,
        ):
            ada, bob = Client(first), Client(second)
            await bob.complete()
            assert bob.is_json
            await ada.update({"a": [1, 2], "b": 1}, id=1)
            await bob.has({"a": [1, 2], "b": 1})
            await bob.update({"c": 1}, ["b"])
            await ada.has({"a": [1, 2], "c": 1})
            await bob.connection.send("what?")
            assert (await bob.error())["kind"] == "malformed"
            await first.close()
            await bob.has({"c": 1})
            token = bob.token
            async with connect(f"ws://{address}/ws?resume={token}") as third:
                late = Client(third)
                await late.complete()
                assert late.welcome["resumed"] is True
            status, stats = await asyncio.to_thread(get, f"http://{address}/stats")
            assert status == 200
            assert json.loads(stats)["clients"] == 1
            assert (await asyncio.to_thread(get, f"http://{address}/nothing"))[0] == 404
            room.freeze()
            assert (await bob.closed())[0] == 1001
        await until(lambda: room.stats().publishers == 0)


@in_loop
async def test_it_can_be_mounted_below_a_path() -> None:
    starlette = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")
    room = DictionaryChangeMultiView()
    app = starlette.Starlette(routes=[routing.Mount("/rooms/one", asgi_app(room))])
    async with running(app) as address:
        async with connect(f"ws://{address}/rooms/one/ws") as connection:
            client = Client(connection)
            await client.complete()
            await client.update({"a": 1})
            await client.has({"a": 1})
        status, stats = await asyncio.to_thread(get, f"http://{address}/rooms/one/stats")
        assert (status, json.loads(stats)["visits"]) == (200, 1)


@in_loop
async def test_origins_hooks_and_limits_are_kept() -> None:
    room = DictionaryChangeMultiView()

    def authorize(request: Any) -> Permission | None:
        return Permission(write=("x.",)) if request.last("password") == "abc" else None

    limits = Limits(clients=1, message_bytes=1000)
    async with running(asgi_app(room, authorize=authorize, limits=limits)) as address:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://{address}/ws", origin="https://evil.example")  # type: ignore[arg-type]
        for query, code in [("", 1008), ("?password=abc&interval=x", 1008)]:
            async with connect(f"ws://{address}/ws{query}") as connection:
                assert (await Client(connection).closed())[0] == code
        async with connect(f"ws://{address}/ws?password=abc") as connection:
            client = Client(connection)
            await client.complete()
            await client.update({"y": 1})
            assert (await client.error())["kind"] == "not_allowed"
            async with connect(f"ws://{address}/ws?password=abc") as other:
                assert (await Client(other).closed())[0] == 1013
            await client.update({"x.1": "x" * 1000})
            assert (await client.closed())[0] == 1009
        await until(lambda: not room.copy_content() and room.stats().publishers == 0)


@in_loop
async def test_who_does_not_read_is_let_go() -> None:
    room = DictionaryChangeMultiView()
    limits = Limits(stall_seconds=0.5)
    async with (
        running(asgi_app(room, limits=limits)) as address,
        connect(f"ws://{address}/ws", max_size=None) as connection,
    ):
        well = Client(connection)
        await well.complete()
        line = await sleeper(int(address.rpartition(":")[2]))
        await until(lambda: room.stats().publishers == 2)
        number = 0
        while room.stats().publishers == 2:
            number += 1
            room.update({"n": number, "load": "x" * 500_000})
            await asyncio.sleep(0.02)
        await until(lambda: well.replica.get("n") == number)
        line.cut()


@in_loop
async def test_one_room_can_be_served_in_two_ways() -> None:
    room = Room(DictionaryChangeMultiView())
    async with (
        running(asgi_app(room)) as address,
        serve(room, port=0) as server,
        connect(f"ws://{address}/ws") as first,
        connect(server.url.replace("http", "ws", 1)) as second,
    ):
        ada, bob = Client(first), Client(second)
        await ada.update({"a": 1})
        await bob.has({"a": 1})
        assert room.groups == 1
    with pytest.raises(TypeError, match="interval: the room"):
        serve(room, interval=1)


def test_what_is_no_room_is_refused() -> None:
    with pytest.raises(TypeError, match="multi_view must be a DictionaryChangeMultiView, not dict"):
        asgi_app({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="origins"):
        asgi_app(DictionaryChangeMultiView(), origins="https://example.org")
    with pytest.raises(ValueError, match="interval"):
        asgi_app(DictionaryChangeMultiView(), interval=0)
