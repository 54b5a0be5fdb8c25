"""Bad days: lines that break, servers that die, data that goes. On real servers."""

from __future__ import annotations

import random
import time

import pytest
import redis

from agreement import Follower, agree, content_in, eventually, key_of
from change_buffers import ConflictError
from change_buffers.redis import RedisMultiView, RedisRefusedError, RedisUnavailableError
from change_buffers.redis.scripts import EXAMINE, REAP, WRITE
from proxy import Proxy
from servers import PROGRAMS, Server
from writers import Writers


@pytest.mark.parametrize("loses", ["answer", "everything"])
def test_an_answer_is_lost_and_the_retry_is_recognised(server, proxy, rooms, loses):
    here, there = rooms(proxy.url), rooms(server.url)
    follower = Follower(there)
    pick = random.Random(1)
    lost = []

    def lose(answer: bytes) -> bool:
        if b"done" in answer and pick.random() < 0.3:
            lost.append(answer)
            return True
        return False

    proxy.loses = lose
    for number in range(60):
        if loses == "everything" and number % 10 == 5:
            proxy.drop()
        assert here.update_and_wait({"n": number}, timeout=20) == number + 1
    proxy.loses = lambda _answer: False
    assert lost
    eventually(lambda: there.version == 60, "each update has come once")
    with server.client() as client:
        agree(client, here, there, followers=(follower,), n=59)
        assert client.xlen(key_of(here, "stream")) == 60


@pytest.mark.parametrize("while_writing", [True, False])
def test_redis_is_wiped(server, rooms, while_writing):
    here, there = rooms(server.url), rooms(server.url)
    followers = (Follower(here), Follower(there))
    publisher = here.create_publisher()
    publisher.update_and_wait({"mine": 1})
    here.update_and_wait({f"k{number}": 1 for number in range(20)})
    eventually(lambda: there.version == here.version)
    version, epoch = here.version, here.epoch
    with server.client() as client:
        if while_writing:
            with Writers(here, there):
                time.sleep(0.3)
                client.flushall()
                time.sleep(0.3)
        else:
            client.flushall()
        publisher.update({"mine": 2})
        here.update_and_wait({"end": 1})
        content = agree(client, here, there, followers=followers, end=1, mine=2)
        if not while_writing:
            assert content == {"end": 1, "mine": 2}
        assert here.version > version, "versions never go back"
        assert here.epoch != epoch
        publisher.close()
        eventually(lambda: "mine" not in there)


def test_a_failover_that_loses_the_last_updates(start, rooms):
    master, replica = start(), start()
    with replica.client() as client, Proxy(master.port) as proxy:
        client.execute_command("REPLICAOF", "127.0.0.1", str(master.port))
        eventually(lambda: client.info("replication")["master_link_status"] == "up")
        here, there = rooms(proxy.url), rooms(proxy.url)
        followers = (Follower(here), Follower(there))
        for number in range(20):
            here.update_and_wait({f"k{number}": number})
        eventually(lambda: client.xlen(key_of(here, "stream")) == 20)
        # The tail never gets there.
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        for number in range(20, 40):
            here.update_and_wait({f"k{number}": number, "lost": number})
        eventually(lambda: there.version == 40)
        epoch = here.epoch
        client.execute_command("REPLICAOF", "NO", "ONE")
        proxy.lead_to(replica.port)
        master.kill()
        there.update_and_wait({"after": 1}, timeout=20)
        content = agree(client, here, there, followers=followers, after=1)
        assert content == {**{f"k{number}": number for number in range(20)}, "after": 1}
        assert here.version > 40
        assert here.epoch != epoch


def test_a_restart_with_what_is_on_disk(start, rooms):
    server = start("--appendonly", "yes", "--appendfsync", "always")
    here, there = rooms(server.url), rooms(server.url)
    here.update_and_wait({"a": 1})
    server.kill()
    here.update({"b": 1})
    with pytest.raises(RedisUnavailableError, match=r"may still be applied|withdrawn"):
        there.update_and_wait({"c": 1}, timeout=0.2)
    assert there.get("a") == 1, "what is here can be read"
    eventually(lambda: not here.stats().connected)
    assert here.stats().disconnected_since <= time.time()
    server.start()
    here.update_and_wait({"end": 1}, timeout=20)
    with server.client() as client:
        agree(client, here, there, a=1, b=1, end=1)


def test_nothing_grows_while_redis_is_away(server, rooms):
    room = rooms(server.url)
    room.update_and_wait({"k0": 0})
    server.kill()
    for number in range(20_000):
        room.update({f"k{number % 10}": number})
        if number % 1000 == 0:
            with room.create_publisher() as publisher:
                publisher.update({f"p{number}": 1})
    # One batch is on its way, of an update; the rest are ten keys and those of publishers.
    assert room.stats().pending_keys < 100
    server.start()
    room.update_and_wait({"end": 1}, timeout=20)
    with server.client() as client:
        content = agree(client, room, end=1)
    assert content == {"end": 1, **{f"k{number % 10}": number for number in range(19_990, 20_000)}}


def test_the_scripts_are_forgotten(server, rooms):
    room = rooms(server.url)
    with server.client() as client:
        for number in range(5):
            client.script_flush()
            assert room.update_and_wait({"a": number}) == number + 1


def test_connections_are_ended_by_the_server(server, rooms):
    here, there = rooms(server.url), rooms(server.url)
    with server.client() as client:
        for number in range(5):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            here.update_and_wait({"n": number}, timeout=20)
        agree(client, here, there, n=4)
        assert here.version == 5
    eventually(lambda: there.stats().lost_connections > 0 and there.stats().connected)


def test_the_server_pauses(server, rooms):
    here, there = rooms(server.url), rooms(server.url)
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", 1500)
        began = time.monotonic()
        assert here.update_and_wait({"a": 1}, timeout=30) == 1
        assert time.monotonic() - began > 0.5
        client.execute_command("CLIENT", "UNPAUSE")
        agree(client, here, there, a=1)


def test_packets_are_dropped_without_a_word(server, proxy, rooms):
    here, there = rooms(proxy.url), rooms(server.url)
    here.update_and_wait({"a": 1})
    proxy.hold()
    there.update_and_wait({"b": 1})
    here.update({"c": 1})
    eventually(lambda: not here.stats().connected, "it is noticed in seconds")
    proxy.mend()
    with server.client() as client:
        agree(client, here, there, a=1, b=1, c=1)


def test_redis_is_out_of_memory(server, rooms):
    statuses = []
    room = rooms(server.url, on_status=lambda status, detail: statuses.append((status, detail)))
    other = rooms(server.url)
    room.update_and_wait({"before": 1})
    with server.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(RedisRefusedError, match="out of memory"):
            room.update_and_wait({"a": 1})
        room.update({"b": 1})
        eventually(lambda: room.stats().error and "memory" in room.stats().error)
        assert room.copy_content() == {"before": 1}
        client.config_set("maxmemory", 0)
        room.update_and_wait({"after": 1}, timeout=20)
        assert agree(client, room, other) == {"before": 1, "b": 1, "after": 1}
    eventually(lambda: room.stats().error is None)
    assert [status for status, _ in statuses if status in ("refused", "accepted")] == [
        "refused",
        "accepted",
    ]


@pytest.mark.parametrize(
    "part", ["state", "content", "stream", "versions", "owners", "writers", "beats"]
)
@pytest.mark.parametrize("then", ["writes", "waits"])
def test_one_of_the_keys_is_evicted(server, rooms, part, then):
    here, there = rooms(server.url, lease=1.0), rooms(server.url, lease=1.0)
    followers = (Follower(here), Follower(there))
    publisher = there.create_publisher()
    publisher.update_and_wait({"mine": 1})
    version = here.update_and_wait({f"k{number}": number for number in range(10)})
    with server.client() as client:
        client.delete(key_of(here, part))
        if then == "writes":
            here.update_and_wait({"new": 1})
            there.update_and_wait({"new too": 1})
        elif part in ("state", "content"):
            # Who has nothing to do looks after it now and then.
            eventually(lambda: here.version > version and there.version > version)
        else:
            here.update({"k1": 2})
        content = agree(client, here, there, followers=followers)
        assert ("k5" in content) == (part != "content")
        # It goes on as if nothing had been.
        here.update_and_wait({"end": 1})
        agree(client, here, there, followers=followers, end=1)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("kind", list(PROGRAMS) or ["none"])
def test_all_servers_and_both_protocols(start, rooms, kind, protocol):
    server = start(kind=kind)
    here, there = (rooms(f"{server.url}?protocol={protocol}") for _ in range(2))
    with here.create_publisher() as publisher:
        publisher.update_and_wait({"mine": 1})
        there.update_and_wait({"a": 1}, unchanged_since=there.version)
        with server.client() as client:
            agree(client, here, there, rooms(server.url), a=1, mine=1)
            client.flushall()
            here.update_and_wait({"b": 1})
            agree(client, here, there, b=1)
    eventually(lambda: "mine" not in there)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_the_clock_steps(server, rooms, monkeypatch, step):
    room, other = rooms(server.url, lease=0.6), rooms(server.url, lease=0.6)
    publisher = room.create_publisher()
    publisher.update_and_wait({"mine": 1})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + step)
    time.sleep(1.5)
    assert other.get("mine") == 1
    assert room.update_and_wait({"a": 1}) == 2
    for script in (WRITE, EXAMINE, REAP):
        assert "'TIME'" not in script.source, "nor is the clock of Redis asked"


def test_a_redis_that_is_too_old():
    class Old(redis.Redis):
        def execute_command(self, *arguments, **options):
            if arguments[0] == "INFO":
                return {"redis_version": "5.0.14"}
            raise AssertionError(arguments)

    client = Old(host="127.0.0.1", port=1)
    with pytest.raises(RedisRefusedError, match=r"5\.0\.14 is too old: 6\.2 or newer"):
        RedisMultiView(client, "room").join()


def test_a_user_of_redis_without_the_rights(server, rooms):
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all", "-evalsha")
    with pytest.raises(RedisRefusedError, match="lacks a right"):
        RedisMultiView(f"redis://ann:pw@127.0.0.1:{server.port}/0", "room").join()


def test_what_happens_to_the_line_is_told(server, proxy, rooms):
    told = []
    room = rooms(proxy.url, on_status=lambda status, _: told.append(status))
    eventually(lambda: told == ["connected"])
    proxy.cut()
    eventually(lambda: told[-1] == "disconnected")
    since = room.stats().disconnected_since
    assert time.time() - 30 < since <= time.time()
    proxy.mend()
    eventually(lambda: told[-1] == "connected")
    assert room.stats().disconnected_since is None
    with Server(server.folder / "other") as other:
        proxy.lead_to(other.port)
        eventually(lambda: "resynced" in told)


def test_a_condition_of_another_epoch_is_a_conflict(server, rooms):
    here, there = rooms(server.url), rooms(server.url)
    for number in range(20):
        version = here.update_and_wait({"k": number})
    eventually(lambda: there.version == version)
    epoch = here.epoch
    with server.client() as client:
        # A server that has lost the last updates, and says nothing of it.
        client.hset(key_of(here, "state"), mapping={"version": 3, "token": "x", "epoch": "other"})
        client.delete(key_of(here, "stream"))
        for number in range(40):
            there.update_and_wait({"other": number})
        eventually(lambda: here.version >= there.version and here.epoch == there.epoch != epoch)
        with pytest.raises(ConflictError):
            here.update({"k": -1}, unchanged_since=version)
        here.update({"k": -1}, unchanged_since=here.version)
        agree(client, here, there, k=-1)


def test_sentinel_leads_to_another_master(start, rooms):
    master, replica = start(), start()
    with replica.client() as client:
        client.replicaof("127.0.0.1", master.port)
        eventually(lambda: client.info("replication")["master_link_status"] == "up")
    sentinel = start(
        sentinel=f"sentinel monitor lab 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds lab 300\n"
        "sentinel failover-timeout lab 2000\n"
    )
    here, there = (
        rooms(redis.Sentinel([("127.0.0.1", sentinel.port)]).master_for("lab", socket_timeout=5.0))
        for _ in range(2)
    )
    follower = Follower(there)
    here.update_and_wait({"a": 1, "gone": 1})
    here.update_and_wait({"b": 2}, ["gone"])
    with replica.client() as client:
        eventually(lambda: content_in(client, here.name) == {"a": 1, "b": 2})
        version = here.version
        master.kill()
        here.update({"c": 3})
        eventually(lambda: client.info("replication")["role"] == "master")
        eventually(lambda: follower.catch_up() == {"a": 1, "b": 2, "c": 3})
        assert there.update_and_wait({"d": 4}, timeout=20) > version
        eventually(lambda: here.copy_content() == content_in(client, here.name))
    assert here.copy_content() == {"a": 1, "b": 2, "c": 3, "d": 4}
