"""The room demo on one event loop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from room_recordings import as_lines, records
from room_runs import SMALL, Kit, finish, interrupted, row, run, start


def test_the_synthetic_room_ends_with_the_table_and_equal_replicas() -> None:
    status, out, err = run("--asyncio", *SMALL)
    assert (status, err) == (0, "")
    assert out.startswith("6 clients on one event loop, synthetic, change-buffers ...\n")
    published, deliveries = (
        int(row(out, label)[0].replace(",", "")) for label in ("changes published", "deliveries")
    )
    # As with threads.
    assert 100 < published < 200
    assert 30 < deliveries < 400
    assert row(out, "replicas equal the content") == ["yes, 5 of 5"]  # the sixth left for good


def test_two_thousand_clients_are_no_problem() -> None:
    status, out, err = run("--asyncio", "--clients", "2000", "--rate", "2", "--seconds", "2")
    assert (status, err) == (0, "")
    assert out.startswith("2000 clients at 2 Hz on one event loop, 50 of them publish, synthetic")
    assert int(row(out, "deliveries")[0].replace(",", "")) > 4000
    assert row(out, "replicas equal the content") == ["yes, 1667 of 1667"]


def test_a_recording_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "session"
    path.write_bytes(as_lines(records()))
    status, out, err = run("--asyncio", "--clients", "3", "--recording", path, "--rate", "100")
    assert (status, err) == (0, "")
    assert out.startswith("3 clients at 100 Hz on one event loop, session at speed 1, ")
    assert row(out, "changes published") == ["50"]
    assert row(out, "replicas equal the content") == ["yes, 3 of 3"]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_it_with_the_table() -> None:
    interrupted("--asyncio", "--clients", "60", "--seconds", "60", after=0.5)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_second_ctrl_c_ends_it_at_once() -> None:
    child = start("--asyncio", "--clients", "60", "--seconds", "60")
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.5)
    for _ in range(2):
        child.send_signal(signal.SIGINT)
        time.sleep(0.05)
    status, _, err = finish(child)
    assert status == 130
    assert err in ("", "room.py: error: interrupted\n")


def test_it_takes_no_other_thread(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=20, seconds=0.5, seed=0)
    before, during = threading.active_count(), set()
    room = kit("tasks").AsyncioRoom(load, kit("implementations").extension())
    outcome = room.run(lambda: False, lambda status: during.add(threading.active_count()))
    assert outcome.is_right
    assert outcome.present == 17
    assert during == {before}


def test_a_failing_client_is_reported(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=2, seconds=0.2, seed=0)

    class Broken:
        def update(self, updates: object, removals: object) -> None:
            raise RuntimeError("no room")

        async def subscribe_changes(self, interval: float) -> AsyncIterator[Any]:
            raise RuntimeError(f"no news every {interval} s")
            yield

        def freeze(self) -> None: ...

        def copy_content(self) -> dict[str, object]:
            return {}

    broken = kit("implementations").Implementation("broken", Broken)
    outcome = kit("tasks").AsyncioRoom(load, broken).run(lambda: False, lambda status: None)
    assert not outcome.is_right
    assert sorted(outcome.failures) == [
        "client 0: RuntimeError: no news every 0.2 s",
        "client 1: RuntimeError: no news every 0.1 s",
        "publisher 0: RuntimeError: no room",
        "publisher 1: RuntimeError: no room",
    ]
