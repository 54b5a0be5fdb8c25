"""Pages from elsewhere, and what somebody may not, over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from change_buffers.server import Permission, Request
from lines import dial, request, text
from sites import Client, in_loop, site

HELLO = text({"state": {"updates": {"hello": "x" * 300}}, "id": 1})


# Pages from elsewhere.


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://evil.example:{port}",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://127.0.0.1:{port}.evil.example",
        "ftp://127.0.0.1:{port}",
        "file://",
        "http://[",
    ],
)
@in_loop
async def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    async with site() as where:
        line = await dial(where)
        host = f"127.0.0.1:{where.server.port}"
        line.send(request(Host=host, Origin=origin.format(port=where.server.port)))
        assert await line.status() in {400, 403}
        assert not where.server.room.sessions


@in_loop
async def test_a_name_that_was_made_to_lead_here_is_refused() -> None:
    async with site() as where:
        line = await dial(where)
        host = f"evil.example:{where.server.port}"
        line.send(request(Host=host, Origin=f"http://{host}"))
        assert await line.status() == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LocalHost"])
@in_loop
async def test_the_page_of_the_server_itself_is_welcome(host: str) -> None:
    async with site() as where:
        line = await dial(where)
        host = f"{host}:{where.server.port}"
        line.send(request(Host=host, Origin=f"http://{host.lower()}"))
        assert await line.status() == 101


@in_loop
async def test_origins_that_were_named_are_welcome_and_no_others() -> None:
    async with site(origins=["https://example.org"]) as where:
        async with where.client(origin="https://example.org"):
            pass
        for other in ("https://example.org.evil.example", "http://example.org"):
            with pytest.raises(InvalidStatus, match="403"):
                async with where.client(origin=other):
                    pass


# What somebody may not.


@in_loop
async def test_nobody_writes_or_reads_outside_of_what_the_hook_allows() -> None:
    async def authorize(request: Request) -> Permission | None:
        await asyncio.sleep(0.01)
        if request.last("password") != "abc":
            return None
        return Permission(name="Ada", write=(f"cursor.{request.session}",), read=("cursor.",))

    async with site(authorize=authorize) as where:
        where.room.update({"secret": 1, "cursor.bob": 1})
        for query in ("", "?password=", "?password=abd", "?password=abc&password=x"):
            async with where.raw(query) as connection:
                assert await Client(connection).closed() == (1008, "you may not enter")
        async with where.client("?password=abc&prefix=secret&prefix=") as ada:
            own = f"cursor.{ada.welcome['session']}"
            await ada.update({own: 1, "cursor.bob": 2}, id=1)
            error = await ada.error()
            assert (error["kind"], error["where"]) == (
                "not_allowed",
                "state.updates['cursor.bob']",
            )
            await ada.update({}, ["secret"])
            assert (await ada.error())["where"] == "state.removals[0]"
            await ada.send({"follow": {"prefixes": ["secret", "s", ""]}})
            await ada.update({own: 2})
            await ada.has({own: 2, "cursor.bob": 1})
            assert where.room.get("cursor.bob") == where.room.get("secret") == 1


@pytest.mark.parametrize("answer", [False, None, 1, "yes", RuntimeError("broken")])
@in_loop
async def test_a_hook_that_does_not_say_yes_lets_nobody_in(answer: Any) -> None:
    def authorize(request: Request) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with site(authorize=authorize) as where, where.raw() as connection:
        client = Client(connection)
        assert (await client.closed())[0] == 1008
        assert client.messages == []


@in_loop
async def test_a_reason_that_is_long_is_shortened() -> None:
    reason = "\N{SNOWMAN}" * 20
    async with site() as where, where.raw(f"?echo={reason}") as connection:
        code, said = await Client(connection).closed()
        assert code == 1008
        assert said.startswith("echo of the query: expected yes or no, found '\N{SNOWMAN}")
        assert len(said.encode()) <= 123
