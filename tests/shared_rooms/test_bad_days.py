"""Bad days: lines that break, processes and servers that die, data that goes. On real servers."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest
import redis

from agreement import Follower, agree, content_in, eventually, key_of
from change_buffers import ConflictError, ObjectFrozenError
from change_buffers.redis import RedisMultiView, RedisRefusedError, RedisUnavailableError
from change_buffers.redis.scripts import EXAMINE, REAP, WRITE
from helpers import Worker
from other_process import OtherProcess
from proxy import Proxy
from servers import PROGRAMS, Server


class Writers:
    """Threads that write at random until they are told to stop."""

    def __init__(self, *rooms):
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(room, number))
            for number, room in enumerate(rooms)
        ]
        self.errors = []

    def _write(self, room, seed):
        pick = random.Random(seed)
        number = 0
        try:
            while not self._stop.is_set():
                number += 1
                key = f"k{pick.randrange(50)}"
                if pick.random() < 0.2:
                    room.update(removals=[key])
                else:
                    room.update({key: [seed, number], f"{key}.twin": [seed, number]})
                time.sleep(0.0005)
        except Exception as error:
            self.errors.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        assert not self.errors


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


def test_two_writers_of_one_key_are_seen_in_the_same_order_everywhere(shared_server, rooms):
    writers = [rooms(shared_server.url, gather=0.0) for _ in range(2)]
    seen = {}

    def follow(room, name):
        changes = []
        for change in room.subscribe_changes():
            if "k" in change.updates:
                changes.append((change.version, change.updates["k"]))
        seen[name] = changes

    threads = [
        threading.Thread(target=follow, args=(room, name))
        for name, room in enumerate([*writers, rooms(shared_server.url)])
    ]
    for thread in threads:
        thread.start()

    def write(number):
        for count in range(200):
            writers[number].update_and_wait({"k": [number, count]})

    writing = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join(60)
    writers[0].freeze()
    for thread in threads:
        thread.join(20)
    by_version = {}
    for changes in seen.values():
        for version, value in changes:
            assert by_version.setdefault(version, value) == value
        assert [version for version, _ in changes] == sorted({v for v, _ in changes})
    last = max(by_version)
    assert all(changes[-1] == (last, by_version[last]) for changes in seen.values())


def test_every_view_sees_each_update_whole(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    keys = [f"part-{number}" for number in range(30)]
    here.update_and_wait(dict.fromkeys(keys, -1))
    eventually(lambda: len(there.copy_content()) == 30)
    torn = []

    def follow(room):
        replica = {}
        for change in room.subscribe_changes(prefixes="part-"):
            replica.update(change.updates)
            if len({replica[key] for key in keys}) != 1:
                torn.append(dict(replica))

    threads = [threading.Thread(target=follow, args=(room,)) for room in (here, there, there)]
    for thread in threads:
        thread.start()
    for number in range(400):
        room = here if number % 2 else there
        room.update(dict.fromkeys(keys, number))
        with room.create_publisher() as publisher:
            publisher.update({"part-of-its-own": number})
            publisher.update(dict.fromkeys(keys, number), ["part-of-its-own"])
    here.update_and_wait({"end": 1})
    there.freeze()
    for thread in threads:
        thread.join(20)
    assert not torn


def test_as_many_entries_as_updates_and_nothing_comes_back_twice(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    counts = []

    def follow():
        for change in here.subscribe_changes():
            counts.append(change.version)

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(100):
        here.update_and_wait({"k": number})
    eventually(lambda: there.version == 100)
    with shared_server.client() as client:
        assert client.xlen(key_of(here, "stream")) == 100
    assert here.stats().local.updates == there.stats().local.updates == 100
    here.freeze()
    thread.join(10)
    assert len(counts) == len(set(counts)) <= 101


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


def test_freezing_reaches_all_and_those_who_come_later(server, proxy, rooms):
    here, there = rooms(server.url), rooms(proxy.url)
    there.update_and_wait({"a": 1})
    proxy.cut()
    here.freeze()
    there.update({"too late": 1})
    waiting = Worker(lambda: there.update_and_wait({"too late": 2}, timeout=20))
    eventually(lambda: here.stats().version == 2)
    with pytest.raises(ObjectFrozenError):
        here.update({"x": 1})
    proxy.mend()

    def is_frozen() -> bool:
        try:
            there.update()
        except ObjectFrozenError:
            return True
        return False

    eventually(is_frozen)
    with pytest.raises(ObjectFrozenError):
        waiting.result()
    assert there.copy_content() == {"a": 1}
    late = rooms(server.url)
    with pytest.raises(ObjectFrozenError):
        late.update({"x": 1})
    with server.client() as client:
        assert content_in(client, here.name) == {"a": 1}


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


def test_a_change_of_ten_thousand_keys(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    follower = Follower(there)
    here.update_and_wait({f"k{number}": number for number in range(10_000)}, timeout=30)
    with here.create_publisher() as publisher:
        publisher.update_and_wait({f"p{number}": number for number in range(10_000)}, timeout=30)
        eventually(lambda: len(follower.catch_up()) == 20_000)
        version = here.version
    here.update_and_wait({}, [f"k{number}" for number in range(9_999)], timeout=30)
    eventually(lambda: follower.catch_up() == {"k9999": 9999})
    assert here.version == version + 2
    assert all(len(change.updates) in (0, 10_000, 20_000) for change in follower.changes[:2])


def test_a_value_of_ten_megabytes(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    value = random.Random(1).randbytes(10_000_000)
    here.update_and_wait({"big": value}, timeout=30)
    eventually(lambda: there.get("big") == value)
    assert rooms(shared_server.url).get("big") == value
    here.update_and_wait(removals=["big"])


def test_keys_of_all_kinds(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    keys = ["", "\0", "\ud800", "\udfff", "\U0001f600", "a" * 100_000, "{x}", "change", "epoch"]
    here.update_and_wait({key: number for number, key in enumerate(keys)})
    eventually(lambda: there.copy_content() == here.copy_content())
    assert list(here.copy_content()) == keys
    assert rooms(shared_server.url).copy_content() == here.copy_content()
    here.update_and_wait(removals=keys)
    eventually(lambda: there.copy_content() == {})


def test_a_key_that_one_update_both_sets_and_removes(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    follower = Follower(there)
    follower.catch_up()
    here.update_and_wait({"a": 1, "both": 2}, ["both", "never"])
    eventually(lambda: follower.catch_up() == {"a": 1})
    assert follower.changes[-1].updates == {"a": 1, "both": 2}
    assert follower.changes[-1].removals == {"both", "never"}


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
