"""Clients that mean no good, over real sockets: they are let go, and everybody else is well."""

from __future__ import annotations

import asyncio
import json
import time

import msgpack
import pytest

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, serve
from lines import BINARY, CLOSE, PING, Line, dial, frame, open_line, request, text
from lines import sleeper as never_reading
from sites import Client, Site, in_loop, site, until

HELLO = text({"state": {"updates": {"hello": "x" * 300}}, "id": 1})


# Too much.


@in_loop
async def test_a_flood_is_refused_and_then_let_go() -> None:
    limits = Limits(updates_per_second=100, burst_seconds=1)
    async with site(limits=limits) as where, where.client() as bob:
        line = await open_line(where)
        for number in range(150):
            line.send(text({"state": {"updates": {"n": number}}, "id": number}))
        answers = [json.loads((await line.frame())[1]) for _ in range(150)]
        answers = [answer for answer in answers if "state" not in answer]
        refused = [answer["id"] for answer in answers if "error" in answer and "id" in answer]
        done = [answer["done"] for answer in answers if "done" in answer]
        assert 100 <= len(done) < 150
        assert refused == []  # what comes too often is not even looked at
        assert {a["error"]["kind"] for a in answers if "error" in a} == {"rate"}
        line.send(HELLO * 300)
        assert await line.close_code() == 1008
        await until(lambda: "n" not in bob.replica)
        await where.is_well()


@in_loop
async def test_many_keys_in_one_message_count_as_many() -> None:
    limits = Limits(updates_per_second=10, burst_seconds=1)
    async with site(limits=limits) as where, where.client() as ada:
        await ada.update({str(number): 1 for number in range(11)}, id=1)
        error = await ada.error()
        assert (error["kind"], error["id"]) == ("rate", 1)
        assert where.room.version == 0


@in_loop
async def test_keys_and_bytes_of_a_client_are_limited() -> None:
    limits = Limits(keys=3, state_bytes=2000)
    async with site(limits=limits) as where, where.client() as ada, where.client() as bob:
        await ada.update({"a": 1, "b": 1, "c": 1, "d": 1}, id=1)
        assert await ada.error() == {
            "kind": "too_many_keys", "where": "message", "id": 1,
            "message": "a client has at most 3 keys",
        }  # fmt: skip
        await ada.update({"a": 1, "b": 1, "c": 1})
        await ada.update({"d": 1}, id=2)
        assert (await ada.error())["kind"] == "too_many_keys"
        await ada.update({"d": 1}, ["a"])  # one for the other
        await bob.has({"b": 1, "c": 1, "d": 1})
        await ada.update({"b": "x" * 2000})
        assert (await ada.error())["kind"] == "too_large"
        await ada.update({"b": [0] * 100})  # small on the wire, large in memory
        assert (await ada.error())["kind"] == "too_large"
        await bob.update({"mine": "x" * 1500})
        await ada.has({"b": 1, "c": 1, "d": 1, "mine": "x" * 1500})
        # What others have removed does not count any more.
        await bob.update({}, ["b", "c"])
        await ada.update({"e": 1, "f": 1})
        await bob.has({"d": 1, "e": 1, "f": 1, "mine": "x" * 1500})


@in_loop
async def test_a_room_that_is_full_says_so() -> None:
    async with site(limits=Limits(clients=2)) as where, where.client():
        async with where.client(), where.raw() as connection:
            assert (await Client(connection).closed())[0] == 1013
        await until(lambda: len(where.server.room.sessions) == 1)
        await where.client().__aenter__()


@in_loop
async def test_who_opens_connections_without_end_is_refused() -> None:
    async with site(limits=Limits(clients=1)) as where:
        lines = [await dial(where) for _ in range(130)]
        await until(lambda: len(where.server._connections) <= 101)
        refused = 0
        for line in lines:
            try:
                refused += await asyncio.wait_for(line.reader.read(), 0.02) == b""
            except asyncio.TimeoutError:
                pass
            except ConnectionError:
                refused += 1
        assert refused >= 29
        for line in lines:
            line.cut()
        await where.is_well_alone()


# Silence.


@in_loop
async def test_who_asks_for_nothing_is_cut_off() -> None:
    async with site(limits=Limits(handshake_seconds=0.5)) as where:
        silent, slow = await dial(where), await dial(where)
        half = request()
        slow.send(half[:10])
        assert await silent.close_code() is None
        slow.send(half[10:20])
        assert await slow.close_code() is None
        assert not where.server._connections


@pytest.mark.parametrize(
    "early",
    [
        frame(b"{}"),
        frame(b"{}")[:3],
        frame(b"{}", is_masked=False),
        frame(b"hi", PING),
        frame(b"\x03\xe8", CLOSE),
        b"\xff" * 20,
    ],
)
@in_loop
async def test_who_speaks_before_the_answer_is_cut_off(early: bytes) -> None:
    async with site() as where:
        line = await dial(where)
        line.send(request() + early)
        assert await line.close_code() is None
        assert not where.server._connections
        await where.is_well_alone()


@in_loop
async def test_a_connection_that_is_half_open_is_noticed() -> None:
    async with site(limits=Limits(ping_seconds=0.6)) as where, where.client("?prefix=x") as well:
        line = await open_line(where)  # reads, but never answers a ping
        line.send(text({"state": {"updates": {"hello": 1}}}))
        await until(lambda: "hello" in where.room)
        assert await line.close_code() is None
        assert where.room.copy_content() == {}
        assert well.connection.protocol.state.name == "OPEN"


async def sleeper(where: Site) -> Line:
    line = await never_reading(where.server.port)
    where.cuts.append(line.cut)
    return line


@in_loop
async def test_who_never_reads_holds_up_nobody_and_is_let_go() -> None:
    room = DictionaryChangeMultiView()
    async with site(room, limits=Limits(stall_seconds=1.5)) as where, where.client() as well:
        sleepers = [await sleeper(where) for _ in range(20)]
        await until(lambda: len(where.server.room.sessions) == 21)
        begin = time.monotonic()
        number = 0
        while len(where.server.room.sessions) > 1:
            number += 1
            room.update({"n": number, "load": "x" * 100_000})
            await asyncio.sleep(0.02)
            assert time.monotonic() - begin < 15
            # Each has a view of its own at most, with nothing queued.
            assert room.stats().views <= 22
            for connection in where.server._connections:
                assert connection._transport.get_write_buffer_size() <= 1 << 18
        await until(lambda: well.replica.get("n") == number)
        assert room.stats().publishers == 1
        for line in sleepers:
            line.cut()


@in_loop
async def test_who_reads_slowly_has_the_newest_in_the_end() -> None:
    async with site() as where, where.client("", max_queue=1) as slow, where.client() as quick:
        for number in range(200):
            where.room.update({"n": number, f"key.{number % 7}": "x" * 50_000}, [f"key.{number}"])
            await asyncio.sleep(0.005)
        await quick.has(where.room.copy_content())
        await slow.has(where.room.copy_content())


@in_loop
async def test_who_never_reads_answers_and_pongs_is_not_listened_to() -> None:
    async with site() as where, where.client() as well:
        line = await sleeper(where)
        await until(lambda: len(where.server.room.sessions) == 2)
        line.send(frame(b"x" * 125, PING) * 50_000)
        for number in range(20):
            await well.update({"n": number})
            await well.has({"n": number})
        for connection in where.server._connections:
            assert connection._transport.get_write_buffer_size() <= 1 << 18
        line.cut()
        await where.is_well()


@in_loop
async def test_who_asks_for_pongs_amid_large_messages_is_listened_to() -> None:
    limits = Limits(updates_per_second=1e6)
    async with site(limits=limits) as where, where.client() as ada, where.client() as bob:
        large = "x" * 900_000
        for number in range(10):
            await ada.update({f"large.{number % 3}": large, "n": number})
            for client in (ada, bob):
                await client.connection.ping()
        await until(lambda: ada.replica.get("n") == bob.replica.get("n") == 9)
        assert ada.replica == bob.replica == where.room.copy_content()


@in_loop
async def test_answers_that_are_not_read_end_a_session() -> None:
    limits = Limits(updates_per_second=1e6)
    async with site(limits=limits) as where, where.client() as well:
        where.room.update({"load": "x" * 5_000_000})
        line = await sleeper(where)
        await until(lambda: len(where.server.room.sessions) == 2)
        line.send(frame(msgpack.packb({"id": 1}), BINARY) * 1000)
        [session] = [s for s in where.server.room.sessions.values()
                     if s.id != well.welcome["session"]]  # fmt: skip
        await until(lambda: session.closing is not None)
        assert session.closing is not None
        assert session.closing[0] == 4008
        assert len(session._answers) <= 100
        line.cut()
        await where.is_well()


@in_loop
async def test_keys_go_with_a_goodbye_whatever_becomes_of_the_line() -> None:
    async with site() as where, where.client() as watcher:
        line = await open_line(where)
        line.send(text({"state": {"updates": {"a": 1}}}))
        await watcher.has({"a": 1})
        line.send(frame(b"\x03\xe8", CLOSE))  # and it does not close the line
        await asyncio.wait_for(watcher.has({}), 2)


@in_loop
async def test_a_server_can_be_awaited_and_closed() -> None:
    server = await serve(DictionaryChangeMultiView(), port=0)
    line = Line(*await asyncio.open_connection("127.0.0.1", server.port))
    line.send(request())
    assert await line.status() == 101
    await asyncio.gather(server.close(), server.close())
    assert await line.close_code() == 1001
    with pytest.raises(OSError, match=r"refused|failed"):
        await asyncio.open_connection("127.0.0.1", server.port)
    line.cut()


# Lines that are cut.


@in_loop
async def test_a_message_that_is_cut_at_every_byte_is_not_applied() -> None:
    message = frame(msgpack.packb({"state": {"updates": {"a": 1, "b": [1, 2]}, "removals": []}}))
    hello = request()
    async with site() as where, where.client() as watcher:
        for end in range(1, len(hello), 7):
            line = await dial(where)
            line.send(hello[:end])
            await asyncio.sleep(0)
            line.cut()
        for end in range(len(message)):
            line = await open_line(where, is_json=False)
            line.send(message[:end])
            await line.writer.drain()
            if end % 2:
                line.cut()
            else:
                line.writer.close()
        await until(lambda: len(where.server._connections) == 1)
        assert where.room.version == 0
        assert watcher.replica == {}
        line = await open_line(where, is_json=False)
        for at in range(len(message)):
            line.send(message[at : at + 1])
            await line.writer.drain()
        await watcher.has({"a": 1, "b": [1, 2]})
        line.cut()
        await watcher.has({})


@in_loop
async def test_clients_that_come_and_go_leave_nothing_behind() -> None:
    async with site() as where, where.client() as watcher:

        async def visit(number: int) -> None:
            for _ in range(10):
                line = await open_line(where, f"/ws?echo={'no' if number % 2 else 'yes'}")
                line.send(text({"state": {"updates": {f"key.{number}": number}}}))
                await line.frame() if number % 3 else await asyncio.sleep(0.001)
                line.cut()

        await asyncio.gather(*map(visit, range(0, 20, 2)), *map(visit, range(1, 20, 6)))
        await watcher.has({})
        room = where.server.room
        await until(lambda: len(room.sessions) == 1)
        assert room.groups == 1
        assert where.room.stats().publishers == 1
        await until(lambda: where.room.stats().views == 2)
