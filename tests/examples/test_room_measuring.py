"""What the figures of the room demo rest on: a load that is made up, and how it is measured."""

from __future__ import annotations

import math
import time
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest

from room_runs import Kit


def test_an_avatar_is_as_large_as_a_real_one(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=1, seconds=1, seed=0)
    sizes = [
        len(msgpack.packb(value))
        for record in load.tracks[0]()
        for key, value in record.updates.items()
        if key.startswith("avatar.")
    ]
    assert len(sizes) in (29, 30)
    assert all(350 < size < 450 for size in sizes)


def test_a_load_can_be_repeated_and_depends_on_the_seed(kit: Kit) -> None:
    def played(seed: int) -> list[Any]:
        load = kit("avatars").synthetic(clients=6, seconds=1, seed=seed)
        first, second = ([list(track()) for track in load.tracks] for _ in range(2))
        assert first == second
        return first

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_the_first_few_may_publish_and_all_follow_at_one_pace(kit: Kit) -> None:
    everybody = kit("avatars").synthetic(clients=6, seconds=1, seed=0)
    few = kit("avatars").synthetic(clients=6, publishers=2, rate=10, seconds=1, seed=0)
    assert [list(track()) for track in few.tracks] == [
        list(track()) for track in everybody.tracks[:2]
    ]
    assert len(few.clients) == 6
    paces = {visit.interval for visits in everybody.clients for visit in visits}
    assert paces == {1 / 5, 1 / 10, 1 / 20, 1 / 30, 1 / 60}
    assert {visit.interval for visits in few.clients for visit in visits} == {1 / 10}


def test_in_the_synthetic_room_avatars_go_and_come_back(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=6, seconds=1, seed=0)
    removing = [sum(bool(record.removals) for record in track()) for track in load.tracks]
    assert removing == [0, 0, 0, 0, 1, 1]
    assert [len(visits) for visits in load.clients] == [1, 1, 1, 1, 1, 2]
    last = list(load.tracks[5]())[-1]
    assert last.updates
    for track in load.tracks:
        times = [record.t for record in track()]
        assert times == sorted(times)
        assert 0 <= times[0] < times[-1] < 1 + 1 / 30


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (99, 10), (10, 1), (100, 10)])
def test_percentiles(kit: Kit, percent: float, expected: float) -> None:
    assert kit("measure").percentile([10, *range(1, 10)], percent) == expected


def test_latency_is_measured_from_the_update_that_set_the_delivered_value(kit: Kit) -> None:
    times = kit("measure").PublishTimes()
    early, late, number = {"x": 1}, [2], 1.5
    times.note({"a": early})
    time.sleep(0.02)
    times.note({"a": late, "b": number})
    assert times.oldest({"a": early, "b": late}) + 0.02 <= times.oldest({"b": late, "c": number})
    assert times.oldest({"b": number}) == times.oldest({}) == math.inf
