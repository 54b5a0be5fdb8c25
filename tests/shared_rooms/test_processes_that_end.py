"""Processes that are stopped, killed and forked, and what they leave. On real servers."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import pytest

from agreement import Follower, agree, eventually, key_of
from change_buffers.redis import RedisMultiView, RedisUnavailableError
from other_process import OtherProcess
from writers import Writers


def test_joining_in_a_storm_of_writes(shared_server, rooms):
    first = [rooms(shared_server.url), rooms(shared_server.url)]
    with Writers(*first):
        late = []
        for _ in range(15):
            late.append(rooms(shared_server.url))
            time.sleep(0.02)
    followers = tuple(Follower(room) for room in late)
    for room in first:
        room.update_and_wait({"end": 1})
    with shared_server.client() as client:
        agree(client, *first, *late, followers=followers)
    assert all(room.stats().resyncs == 0 for room in late)


def test_a_reader_that_was_stopped_until_the_stream_was_trimmed(server, rooms):
    room = rooms(server.url, stream_length=50)
    room.update({f"k{number}": 0 for number in range(20)})
    with OtherProcess(server.url, room.name, lease=60.0) as other:
        eventually(lambda: len(other.ask("content")) == 20)
        other.send(signal.SIGSTOP)
        for number in range(1000):
            room.update_and_wait({f"k{number % 10}": number})
        room.update_and_wait(removals=["k15", "k16"])
        with server.client() as client:
            assert client.xlen(key_of(room, "stream")) < 500
        other.send(signal.SIGCONT)
        eventually(lambda: other.ask("content") == room.copy_content())
        assert other.ask("state") == [room.epoch, room.version, 1]


def test_a_reader_is_killed_in_the_middle(server, rooms):
    room = rooms(server.url)
    with Writers(room):
        for _ in range(3):
            with OtherProcess(server.url, room.name) as other:
                eventually(lambda other=other: other.ask("content"))
                other.kill()
    room.update_and_wait({"end": 1})
    with server.client() as client:
        agree(client, room, rooms(server.url))


def test_a_writer_is_killed_in_the_middle(server, rooms):
    room = rooms(server.url, lease=0.6)
    with OtherProcess(server.url, room.name, lease=0.6) as other:
        other.ask("flood")
        eventually(lambda: room.get("flood.sure", 0) > 200)
        other.kill()
    # What was acknowledged was there; and it goes with the process.
    with server.client() as client:
        agree(client, room)
        eventually(lambda: room.copy_content() == {}, "the lease ends")
        agree(client, room)
        assert client.hlen(key_of(room, "owners")) == 0


def test_a_child_that_was_forked_off_makes_its_own(server, rooms):
    room = rooms(server.url)
    publisher = room.create_publisher()
    publisher.update_and_wait({"mine": 1})
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for call in (lambda: room.update({"a": 1}), room.join, room.create_publisher):
                with pytest.raises(RuntimeError, match="forked"):
                    call()
            room.close()
            del publisher
            with RedisMultiView(server.url, room.name) as own:
                assert own.copy_content() == {"mine": 1}
                own.update_and_wait({"child": 1})
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    eventually(lambda: room.copy_content() == {"mine": 1, "child": 1})
    room.update_and_wait({"parent": 1})


def test_a_lease_ends_once(server, rooms):
    watchers = [rooms(server.url, lease=0.6) for _ in range(3)]
    with OtherProcess(server.url, watchers[0].name, lease=0.6) as other:
        other.ask("publish", publish={"theirs": 1, "taken": 1})
        eventually(lambda: "theirs" in watchers[0])
        watchers[0].update_and_wait({"taken": 2})
        version = watchers[0].version
        other.kill()
    eventually(lambda: all("theirs" not in room for room in watchers))
    with server.client() as client:
        assert agree(client, *watchers) == {"taken": 2}
    assert watchers[0].version == version + 1, "they went in one change"
    assert sum(room.stats().ended_leases for room in watchers) == 1


def test_a_lease_races_with_the_return_of_its_owner(server, rooms):
    watcher = rooms(server.url, lease=0.6)
    with OtherProcess(server.url, watcher.name, lease=0.6) as other:
        other.ask("publish", publish={"theirs": 1})
        for _ in range(4):
            eventually(lambda: watcher.version)
            other.send(signal.SIGSTOP)
            time.sleep(random.uniform(0.5, 1.2))
            other.send(signal.SIGCONT)
            other.ask("update_and_wait", {"seen": time.time()})
            with server.client() as client:
                agree(client, watcher)
            assert other.ask("content") == watcher.copy_content()
        other.send(signal.SIGSTOP)
        eventually(lambda: "theirs" not in watcher)
        other.send(signal.SIGCONT)
        other.ask("publish", publish={"theirs": 2})
        time.sleep(1.5)
        assert watcher.get("theirs") == 2, "who is back has a lease again"


def test_who_was_stopped_itself_ends_nobodys_lease(server, rooms):
    room = rooms(server.url, lease=0.6)
    with OtherProcess(server.url, room.name, lease=0.6) as other:
        publisher = room.create_publisher()
        publisher.update_and_wait({"mine": 1})
        for _ in range(3):
            other.send(signal.SIGSTOP)
            time.sleep(1.0)
            other.send(signal.SIGCONT)
            other.ask("content")
        assert room.get("mine") == 1
        assert other.ask("content") == {"mine": 1}


def test_a_task_is_cancelled_while_it_waits(server, rooms):
    room, other = rooms(server.url), rooms(server.url)

    async def main():
        await room.update_confirmed({"before": 1})
        server.send(signal.SIGSTOP)
        sent = asyncio.create_task(room.update_confirmed({"sent": 1}))
        await asyncio.sleep(0.2)
        waiting = [asyncio.create_task(room.update_confirmed({f"w{n}": 1})) for n in range(10)]
        await asyncio.sleep(0.05)
        for task in [sent, *waiting[:5]]:
            task.cancel()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(room.update_confirmed({"late": 1}), 0.1)
        server.send(signal.SIGCONT)
        done = await asyncio.gather(sent, *waiting, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in done] == [True] * 6 + [
            False
        ] * 5
        assert await room.update_confirmed({"end": 1}) == max(done[6:]) + 1

    asyncio.run(main())
    with server.client() as client:
        content = agree(client, room, other)
    # What was on its way already is there; what was not, was withdrawn.
    assert content == dict.fromkeys(["before", "sent", "end", *(f"w{n}" for n in range(5, 10))], 1)


def test_a_wait_that_is_over_says_what_became_of_the_update(server, rooms):
    room = rooms(server.url)
    server.send(signal.SIGSTOP)
    with pytest.raises(RedisUnavailableError, match="it may still be applied"):
        room.update_and_wait({"sent": 1}, timeout=0.2)
    with pytest.raises(RedisUnavailableError, match="it was withdrawn"):
        room.update_and_wait({"not sent": 1}, timeout=0.2)
    server.send(signal.SIGCONT)
    room.update_and_wait({"end": 1})
    assert room.copy_content() == {"sent": 1, "end": 1}
