"""The room demo over real WebSockets, against a server in another process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
import urllib.request
from typing import Any

import pytest

from room_runs import CHILD_TIMEOUT, SMALL, Kit, finish, row, run, start

POSIX = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")


def test_it_names_the_address_and_ends_with_the_table() -> None:
    status, out, err = run(*SMALL)
    assert (status, err) == (0, "")
    assert re.search(r"^open at http://127\.0\.0\.1:\d+/$", out, re.MULTILINE)
    published, deliveries = (
        int(row(out, label)[0].replace(",", "")) for label in ("changes published", "deliveries")
    )
    assert 100 < published < 200
    assert 30 < deliveries < 400
    assert re.fullmatch(r"[0-9.]+ ms", row(out, "latency p99")[0])
    assert float(row(out, "CPU used")[0].split()[0]) < 1.5
    assert row(out, "replicas equal the content") == ["yes, 5 of 5"]


@POSIX
def test_it_can_be_looked_at_meanwhile_and_ctrl_c_ends_it_with_the_table() -> None:
    child = start("--clients", "4", "--seconds", "60")
    assert child.stdout is not None
    assert child.stdout.readline().endswith("...\n")
    url = child.stdout.readline().split()[-1]
    deadline = time.monotonic() + CHILD_TIMEOUT
    stats: dict[str, Any] = {}
    while stats.get("keys", 0) < 4:
        assert time.monotonic() < deadline
        with urllib.request.urlopen(f"{url}stats", timeout=5) as response:
            stats = json.load(response)
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    status, out, err = finish(child)
    assert (status, err) == (130, "")
    assert row(out, "replicas equal the content")[0].startswith("yes, ")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}stats", timeout=5)


def test_a_server_that_does_not_start_is_said_on_one_line(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = kit("sockets")
    monkeypatch.setattr(sockets, "NAME", "json")
    with pytest.raises(sockets.ServerError, match="the server does not start"):
        sockets.SocketRoom(kit("load").Load("", 1.0, [], []), print).run(lambda: 0, lambda _: None)


def test_a_replica_that_differs_is_found(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = kit("sockets")
    load = kit("avatars").synthetic(clients=3, seconds=0.5, seed=0)
    receive = sockets.Guest.receive

    def forget(guest: Any, change: Any) -> None:
        receive(guest, change)
        if guest.visit.client == 1:
            guest.replica.pop(min(guest.replica), None) if guest.replica else None

    monkeypatch.setattr(sockets.Guest, "receive", forget)
    outcome = sockets.SocketRoom(load, lambda url: None).run(lambda: 0, lambda status: None)
    assert not outcome.is_right
    assert [line for line in outcome.unequal if line.startswith("client 1: 1 missing")]
    assert outcome.present == 3


def test_a_client_that_fails_is_reported(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = kit("sockets")
    load = kit("avatars").synthetic(clients=2, seconds=30, seed=0)

    async def fail(guest: Any) -> None:
        await asyncio.sleep(0.2)
        raise RuntimeError("the line is broken")

    monkeypatch.setattr(sockets.Guest, "listen", fail)
    room = sockets.SocketRoom(load, lambda url: None)
    outcome = room.run(lambda: int(len(room._failures) == 2), lambda status: None)
    # Both fail at one time, and either may come first.
    assert sorted(outcome.failures) == [
        f"client {n}: RuntimeError: the line is broken" for n in range(2)
    ]
    assert not outcome.is_right
