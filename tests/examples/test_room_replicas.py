"""The check of the room demo that every client ends up with the content of the room."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from room_runs import CHILD_TIMEOUT, EXAMPLES, SMALL, Kit, row


def test_a_replica_that_missed_a_removal_is_reported() -> None:
    # As if the deliveries lacked their removals.
    code = """
import sys, room, roomkit.clients
roomkit.clients.apply = lambda replica, change: replica.update(change.updates)
sys.exit(room.main(sys.argv[1:]))
"""
    child = subprocess.run(
        [sys.executable, "-c", code, *SMALL],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=CHILD_TIMEOUT,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")]),
        },
    )
    assert child.returncode == 1
    assert row(child.stdout, "replicas equal the content")[0].startswith("NO, ")
    assert re.search(r"client 0: 2 that should be gone \(such as 'avatar\.", child.stderr)


@pytest.mark.parametrize(
    ("replica", "expected"),
    [
        ({"a": [1], "b": 2}, None),
        ({"a": [1]}, "1 missing (such as 'b')"),
        ({"a": [0], "b": 2}, "1 stale (such as 'a')"),
        ({"a": [1], "b": 2, "c": 3}, "1 that should be gone (such as 'c')"),
        ({}, "2 missing (such as 'a')"),
    ],
)
def test_a_corrupted_replica_is_told_from_the_content(
    kit: Kit, replica: dict[str, Any], expected: str | None
) -> None:
    assert kit("clients").difference(replica, {"a": [1], "b": 2}) == expected


def test_a_failing_client_is_reported(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=2, seconds=0.2, seed=0)

    class Broken:
        def update(self, updates: object, removals: object) -> None:
            raise RuntimeError("no room")

        def subscribe_changes(self, interval: float) -> list[object]:
            return []

        def freeze(self) -> None: ...

        def copy_content(self) -> dict[str, object]:
            return {}

    broken = kit("implementations").Implementation("broken", Broken)
    outcome = kit("threads").ThreadedRoom(load, broken).run(lambda: False, lambda status: None)
    assert not outcome.is_right
    assert sorted(outcome.failures) == [
        "publisher 0: RuntimeError: no room",
        "publisher 1: RuntimeError: no room",
    ]
