"""Rooms that processes share: joining, changing, following, leaving."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from agreement import Follower, agree, eventually
from change_buffers import (
    ConflictError,
    DictionaryChangeMultiView,
    KeyOwnedError,
    ObjectFrozenError,
    Publisher,
)
from change_buffers.codecs import PackedValue
from change_buffers.redis import RedisMultiView


def test_it_is_a_multi_view(pair):
    here, _ = pair
    assert isinstance(here, DictionaryChangeMultiView)
    assert isinstance(here.create_publisher(), Publisher)


def test_what_one_sets_all_have(shared_server, pair):
    here, there = pair
    follower = Follower(there)
    version = here.update_and_wait({"a": 1, "b": [1.5, None, True, "x", b"y"]})
    assert here.copy_content() == {"a": 1, "b": [1.5, None, True, "x", b"y"]}
    there.update({"c": {"d": [1]}}, ["a"])
    with shared_server.client() as client:
        content = agree(client, here, there, followers=(follower,), c={"d": [1]})
    assert content == {"b": [1.5, None, True, "x", b"y"], "c": {"d": [1]}}
    assert here.version == there.version == version + 1
    assert here.epoch == there.epoch


def test_packed_values_go_through_as_they_came(shared_server, pair):
    here, there = pair
    # The longest way to write 1, which nobody would choose.
    data = b"\x92\xd3" + (1).to_bytes(8, "big") + b"\xa1x"
    codec = there.codec  # from now on it knows what came from Redis
    with there.create_view() as view, here.create_publisher() as publisher:
        publisher.update_and_wait({"a": PackedValue(data), "b": PackedValue(b"\x01")})
        eventually(lambda: "a" in there)
        assert here.copy_content() == there.copy_content() == {"a": [1, "x"], "b": 1}
        assert data in view.flush_changed_nowait().encode(codec)
        with shared_server.client() as client:
            agree(client, here, there, a=[1, "x"], b=1)


def test_versions_are_the_same_everywhere(shared_server, pair, rooms):
    here, there = pair
    for number in range(10):
        here.update_and_wait({f"key-{number}": number})
    late = rooms(shared_server.url)
    assert late.version == here.version == 10
    eventually(lambda: there.version == 10)
    version = late.update_and_wait({"key-0": "new"}, ["key-1"])
    assert version == 11
    eventually(lambda: there.version == 11)


def test_a_client_goes_on_at_another_process(shared_server, rooms):
    here, there = (rooms(shared_server.url, history=100) for _ in range(2))
    here.update_and_wait({"a": 1, "b": 1})
    follower = Follower(here)
    follower.catch_up()
    version = follower.changes[-1].version
    here.update_and_wait({"c": 1}, ["a"])
    eventually(lambda: there.version == here.version)
    with there.create_view(since=version) as view:
        change = view.flush_changed_nowait()
    assert (change.updates, change.removals, change.is_complete) == ({"c": 1}, {"a"}, False)


def test_a_version_from_before_it_joined_gives_everything(shared_server, rooms):
    here = rooms(shared_server.url)
    here.update_and_wait({"a": 1})
    here.update_and_wait({"b": 1})
    late = rooms(shared_server.url, history=100)
    with late.create_view(since=1) as view:
        change = view.flush_changed_nowait()
    assert (change.updates, change.is_complete) == ({"a": 1, "b": 1}, True)


def test_prefixes_and_pace_work_on_what_comes_from_elsewhere(pair):
    here, there = pair
    subscription = there.subscribe_changes(0.01, prefixes="a.")
    here.update_and_wait({"a.x": 1, "b.x": 2})
    assert next(subscription).updates == {"a.x": 1}
    here.update_and_wait({"b.x": 3})
    here.update_and_wait({"a.x": 4})
    assert next(subscription).updates == {"a.x": 4}
    subscription.close()


def test_changes_are_encoded_from_the_bytes_that_came(pair):
    here, there = pair
    here.update_and_wait({"a": [1, {"b": 2.5}]})
    eventually(lambda: there.version == here.version)
    with there.create_view() as view:
        message = view.flush_changed_nowait().encode(there.codec, envelope="state")
    change = there.codec.decode(message, envelope="state")
    assert change.updates == {"a": [1, {"b": 2.5}]}


def test_an_update_across_processes_on_a_condition(pair):
    here, there = pair
    version = here.update_and_wait({"a": 1})
    eventually(lambda: there.version == version)
    there.update({"a": 2}, unchanged_since=version)
    eventually(lambda: here.version == version + 1)
    with pytest.raises(ConflictError) as caught:
        here.update({"a": 3, "b": 3}, unchanged_since=version)
    assert caught.value.keys == ("a",)
    assert here.get("a") == 2
    assert "b" not in here
    with pytest.raises(ValueError, match="unchanged_since must be a version that there has been"):
        here.update({"a": 3}, unchanged_since=version + 100)
    with pytest.raises(TypeError, match="unchanged_since must be a version"):
        here.update({"a": 3}, unchanged_since="1")


def test_many_processes_count_and_none_is_lost(shared_server, rooms):
    counters = [rooms(shared_server.url) for _ in range(4)]
    counters[0].update_and_wait({"n": 0})

    def count(room):
        for _ in range(25):
            while True:
                version = room.version
                value = room.get("n")
                if value is None:
                    continue
                try:
                    room.update({"n": value + 1}, unchanged_since=version)
                    break
                except ConflictError:
                    continue

    threads = [threading.Thread(target=count, args=(room,)) for room in counters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with shared_server.client() as client:
        assert agree(client, *counters)["n"] == 100


def test_whose_removal_is_forgotten_counts_as_a_conflict(pair):
    here, _ = pair
    version = here.update_and_wait({"a": 1})
    here.update_and_wait(removals=["a"])
    with pytest.raises(ConflictError) as caught:
        here.update({"a": 2}, unchanged_since=version)
    assert caught.value.keys == ("a",)
    assert here.update_and_wait({"a": 2}, unchanged_since=here.version) == version + 2


def test_keys_go_with_their_publisher(shared_server, pair):
    here, there = pair
    publisher = here.create_publisher()
    publisher.update({"mine": 1, "taken": 1})
    publisher.update({"later": 1}, ["mine"])
    publisher.update({"mine": 2})
    eventually(lambda: there.get("mine") == 2)
    there.update_and_wait({"taken": 2, "other": 1})
    publisher.close()
    publisher.close()
    with shared_server.client() as client:
        content = eventually(lambda: "mine" not in there and agree(client, here, there))
    assert content == {"taken": 2, "other": 1}
    assert publisher.closed
    with pytest.raises(ValueError, match="closed"):
        publisher.update({"x": 1})


def test_keys_go_with_a_publisher_that_is_dropped(pair):
    here, there = pair
    publisher = here.create_publisher()
    publisher.update_and_wait({"mine": 1})
    eventually(lambda: "mine" in there)
    del publisher
    gc.collect()
    eventually(lambda: "mine" not in there)
    eventually(lambda: here.stats().publishers == 0)


def test_a_publisher_that_closes_at_once_leaves_nothing(pair):
    here, there = pair
    for number in range(50):
        with here.create_publisher() as publisher:
            publisher.update({f"mine-{number}": 1, "shared": number})
    here.update_and_wait({"end": 1})
    eventually(lambda: "end" in there)
    assert there.copy_content() == {"end": 1}


def test_no_echo(pair):
    here, there = pair
    with here.create_publisher() as ada, here.create_publisher() as bob:
        follower = Follower(here, without=ada)
        ada.update({"ada": 1, "both": 1})
        bob.update({"bob": 1})
        ada.update({"ada": 2})
        here.update_and_wait({"end": 1})
        eventually(lambda: "end" in follower.catch_up())
        assert follower.content == {"bob": 1, "end": 1}
        bob.update_and_wait({"both": 2})
        assert follower.catch_up()["both"] == 2
        everything = Follower(there)
        eventually(lambda: everything.catch_up().get("both") == 2)
        assert everything.content == {"ada": 2, "both": 2, "bob": 1, "end": 1}


def test_keys_for_one_alone_in_all_processes(pair):
    here, there = pair
    with here.create_publisher(exclusive=True) as ada:
        ada.update({"selection": 1})
        eventually(lambda: "selection" in there)
        for update in (there.update, there.update_and_wait, here.update):
            with pytest.raises(KeyOwnedError) as caught:
                update({"selection": 2, "free": 2})
            assert caught.value.keys == ("selection",)
        with there.create_publisher(exclusive=True) as bob, pytest.raises(KeyOwnedError):
            bob.update({"selection": 3})
        assert there.copy_content() == {"selection": 1}
        ada.update({"selection": 4})
        ada.update(removals=["selection"])
        eventually(lambda: "selection" not in there)
        there.update_and_wait({"selection": 5})
    eventually(lambda: here.get("selection") == 5)


def test_two_take_the_same_key_and_one_gets_it(shared_server, rooms):
    takers = [rooms(shared_server.url) for _ in range(4)]
    publishers = [room.create_publisher(exclusive=True) for room in takers]
    for number in range(20):
        barrier = threading.Barrier(len(takers))
        won = []

        def take(publisher, barrier=barrier, number=number, won=won):
            barrier.wait(10)
            try:
                publisher.update({f"seat-{number}": publisher.id})
                won.append(publisher.id)
            except KeyOwnedError:
                pass

        threads = [threading.Thread(target=take, args=(each,)) for each in publishers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(won) == 1
        eventually(lambda number=number, won=won: takers[0].get(f"seat-{number}") == won[0])


def test_a_claim_that_comes_in_during_an_update_is_heeded(pair, monkeypatch):
    here, there = pair
    ada, bob = (room.create_publisher(exclusive=True) for room in pair)
    ada.update({"k": 1})
    eventually(lambda: there.get("k") == 1)
    claims, nothing_yet = there._replica.claims, iter([{}])
    monkeypatch.setattr(type(there), "_claims", property(lambda _: next(nothing_yet, claims)))
    with pytest.raises(KeyOwnedError):
        bob.update({"k": 2})
    assert next(nothing_yet, None) is None
    assert here.copy_content() == {"k": 1}


def test_an_update_that_lost_against_an_exclusive_publisher_is_left_out_whole(pair):
    here, there = pair
    ada = here.create_publisher(exclusive=True)
    ada.update({"k": 1})
    eventually(lambda: there.get("k") == 1)
    # As if nothing of the claim had come back yet.
    there._replica.claims = {}
    there.update({"before": 1})
    there.update({"k": 2, "with k": 2})
    there.update({"after": 1})
    eventually(lambda: "after" in here)
    assert here.copy_content() == {"k": 1, "before": 1, "after": 1}
    assert there.stats().refused_keys == 1


def test_tasks_wait_for_what_they_have_sent(pair):
    here, there = pair

    async def main():
        async with RedisMultiView(there._link.client, here.name) as room:
            version = await room.update_confirmed({"a": 1})
            assert room.version >= version
            changes = room.subscribe_changes()
            assert (await anext(changes)).updates == {"a": 1}
            with pytest.raises(ConflictError):
                await room.update_confirmed({"a": 2}, unchanged_since=version - 1)
            with room.create_publisher() as publisher:
                await publisher.update_confirmed({"b": 1})
                assert room.get("b") == 1
            await changes.aclose()
            return version

    assert asyncio.run(main()) == 1
    eventually(lambda: here.copy_content() == {"a": 1})


def test_freezing_is_for_everybody(shared_server, pair, rooms):
    here, there = pair
    subscription = there.subscribe_changes()
    here.update({"a": 1})
    here.freeze()
    with pytest.raises(ObjectFrozenError):
        here.update({"a": 2})
    assert [change.updates for change in subscription] == [{"a": 1}]
    with pytest.raises(ObjectFrozenError):
        there.update({"a": 2})
    late = rooms(shared_server.url)
    assert late.copy_content() == {"a": 1}
    with pytest.raises(ObjectFrozenError):
        late.update_and_wait({"a": 2})
    late.freeze()


def test_leaving_sends_what_is_pending_and_takes_the_publishers_along(shared_server, rooms):
    here, there = rooms(shared_server.url), rooms(shared_server.url)
    publisher = here.create_publisher()
    publisher.update({"mine": 1})
    for number in range(100):
        here.update({f"key-{number}": number})
    here.close()
    eventually(lambda: len(there.copy_content()) == 100 and "mine" not in there)
    assert here.get("key-1") == 1
    with pytest.raises(ObjectFrozenError):
        here.update({"a": 1})
    with pytest.raises(RuntimeError, match="closed"):
        here.join()
    eventually(lambda: there._link.client.hlen(there._link.keys["beats"]) == 1)
    assert there._link.client.hlen(there._link.keys["writers"]) <= 1


def test_a_room_that_nobody_has_any_more_ends(shared_server):
    room = RedisMultiView(shared_server.url, "dropped").join()
    threads = room._threads
    room.update_and_wait({"a": 1})
    gone = weakref.ref(room)
    del room
    gc.collect()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    gc.collect()
    assert gone() is None


def test_what_is_counted(pair):
    here, there = pair
    here.update_and_wait({"a": 1})
    eventually(lambda: there.version == 1)
    stats = here.stats()
    assert (stats.keys, stats.version, stats.connected, stats.batches) == (1, 1, True, 1)
    assert (stats.disconnected_since, stats.error, stats.resyncs) == (None, None, 0)
    assert 0 < stats.round_trip < 5
    assert there.stats().batches == 0
    assert there.stats().entries == 1
    assert stats.as_dict()["connected"] is True
    assert stats.as_dict()["keys"] == 1
    eventually(lambda: there.stats().processes == 2)
