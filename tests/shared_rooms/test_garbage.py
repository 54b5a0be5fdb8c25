"""What somebody else writes where a room is kept. On real servers."""

from __future__ import annotations

import time

import pytest

from agreement import agree, eventually, key_of
from change_buffers.redis import RedisMultiView, RedisRefusedError


@pytest.mark.parametrize(
    "garbage",
    [
        {"x": "y"},
        {"epoch": "e", "token": "t", "after": "a"},
        {"epoch": "e", "token": "t", "after": "a", "change": "nonsense"},
        {"epoch": b"\xff", "token": "t", "after": "a", "change": b"\xff\xff"},
    ],
)
@pytest.mark.parametrize("number", ["*", "next", "far"])
def test_somebody_else_writes_to_the_stream(server, rooms, garbage, number):
    here, there = rooms(server.url), rooms(server.url)
    here.update_and_wait({"a": 1})
    numbers = {"*": "*", "next": f"{here.version + 1}-0", "far": "9999999-7"}
    with server.client() as client:
        client.xadd(key_of(here, "stream"), garbage, id=numbers[number])
        here.update_and_wait({"b": 1}, timeout=20)
        there.update_and_wait({"c": 1}, timeout=20)
        agree(client, here, there, a=1, b=1, c=1)
        time.sleep(0.3)
        before = client.info("stats")["total_commands_processed"]
        time.sleep(0.5)
        calls = client.info("stats")["total_commands_processed"] - before
    assert calls < 60, "it is no busy loop"
    assert here.stats().resyncs + there.stats().resyncs >= 1


def test_garbage_that_looks_right_but_for_its_values(server, rooms):
    here, there = rooms(server.url), rooms(server.url)
    here.update_and_wait({"a": 1})
    import msgpack

    entry = {
        "epoch": here.epoch,
        "token": "x:1",
        "after": here._link.known.token,
        "change": msgpack.packb([[b"k", b"\xc1"], []], use_bin_type=False),
    }
    with server.client() as client:
        client.xadd(key_of(here, "stream"), entry, id=f"{here.version + 1}-0")
        here.update_and_wait({"b": 1}, timeout=20)
        agree(client, here, there, a=1, b=1)


def test_somebody_else_writes_to_the_content(server, rooms):
    here, there = rooms(server.url), rooms(server.url)
    here.update_and_wait({"a": 1})
    with server.client() as client:
        client.hset(key_of(here, "content"), "theirs", b"\xc1")
        eventually(lambda: client.hlen(key_of(here, "content")) == 2)
        here.update({"b": 1})
        eventually(lambda: here.stats().error and "somebody else" in here.stats().error)
        assert here.get("a") == 1
        with pytest.raises(RedisRefusedError, match="'theirs' that was written by somebody else"):
            RedisMultiView(server.url, here.name, timeout=2).join()
        client.hdel(key_of(here, "content"), "theirs")
        here.update_and_wait({"c": 1}, timeout=20)
        agree(client, here, there, a=1, b=1, c=1)
