"""The examples, started as their readers start them and joined over real sockets."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import urllib.request

import pytest
from websockets.asyncio.client import connect

from programs import EXAMPLES, TIMEOUT, running, start
from sites import JSON, Client, in_loop, until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")


@pytest.mark.parametrize("name", ["fastapi_room.py", "websockets_room.py"])
def test_an_example_has_less_than_40_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 40


@in_loop
async def test_a_room_of_ones_own_on_a_port() -> None:
    with running(EXAMPLES / "websockets_room.py", "--port", 0) as program:
        async with (
            connect(f"{program.address}?name=Ada") as first,
            connect(program.address, subprotocols=[JSON]) as second,
        ):
            ada, bob = Client(first), Client(second)
            await ada.complete()
            clock = ada.replica["clock"]
            assert re.fullmatch(r"\d\d:\d\d:\d\d", clock)
            await ada.update({"cursor.ada": [1, 2]})
            await until(lambda: bob.replica.get("cursor.ada") == [1, 2])
            await ada.update({"clock": "never"})
            assert (await ada.error())["kind"] == "not_allowed"
            await until(lambda: bob.replica["clock"] != clock)
        assert program.end(signal.SIGINT) == (0, "")


@in_loop
async def test_a_room_within_fastapi() -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    process = start(EXAMPLES / "fastapi_room.py", "--port", 0)
    try:
        assert process.stderr is not None
        found = None
        while found is None:
            line = await asyncio.to_thread(process.stderr.readline)
            assert line, "it has ended"
            found = re.search(r"http://(\S+)", line)
        address = found[1]
        async with connect(f"ws://{address}/room/ws", subprotocols=[JSON]) as connection:
            client = Client(connection)
            await client.complete()
            request = urllib.request.Request(f"http://{address}/title/graphene", method="PUT")
            await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).close())
            await client.has({"title": "graphene"})
            await client.update({"title": "nanotube"}, id=1)
            await until(lambda: client.done)

            def get() -> bytes:
                with urllib.request.urlopen(f"http://{address}/title", timeout=10) as response:
                    body: bytes = response.read()
                    return body

            assert await asyncio.to_thread(get) == b'"nanotube"'
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.communicate, timeout=TIMEOUT)
        assert process.returncode in {0, -signal.SIGINT, 130}
    finally:
        process.kill()
        process.communicate()
