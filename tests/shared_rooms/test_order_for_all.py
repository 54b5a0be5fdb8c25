"""One order of all changes, each whole, whatever is in them. On real servers."""

from __future__ import annotations

import random
import threading
from bisect import bisect_right

import pytest

from agreement import Follower, content_in, eventually, key_of
from change_buffers import ObjectFrozenError
from helpers import Worker


def test_two_writers_of_one_key_are_seen_in_the_same_order_everywhere(shared_server, rooms):
    writers = [rooms(shared_server.url, gather=0.0) for _ in range(2)]
    late = writers[0].subscribe_changes()
    written: dict[int, list[int]] = {}

    def follow(changes):
        return [(each.version, each.updates["k"]) for each in changes if "k" in each.updates]

    def write(number):
        for count in range(200):
            value = [number, count]
            written[writers[number].update_and_wait({"k": value})] = value

    following = [
        Worker(lambda room=room: follow(room.subscribe_changes()))
        for room in (*writers, rooms(shared_server.url))
    ]
    for writing in [Worker(lambda number=number: write(number)) for number in range(2)]:
        writing.result(60)
    writers[0].freeze()
    seen = [worker.result() for worker in following]
    # This one takes all at once, the freezing too, which has a version of its own.
    seen.append(follow(late))
    assert [count for _, count in sorted(written.values())] == [*range(200), *range(200)]
    versions = sorted(written)
    for changes in seen:
        assert [version for version, _ in changes] == sorted({version for version, _ in changes})
        for version, value in changes:
            # Whatever was gathered, it is what was written last until then.
            assert value == written[versions[bisect_right(versions, version) - 1]]
        assert changes[-1][1] == written[versions[-1]]


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
