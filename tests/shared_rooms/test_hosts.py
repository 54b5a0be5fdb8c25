"""One room on several hosts, with a network between them that can be cut without a word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agreement import eventually
from network import Network, need_network
from other_process import OtherProcess
from programs import running
from servers import PROGRAMS

REDIS = 4
PORT = 6379
LEASE = 1.5

# Two clients, of two servers on two hosts, who see each other.
CLIENTS = """
import sys, msgpack
from websockets.sync.client import connect

def follow(connection, replica, wanted):
    while replica != wanted:
        state = msgpack.unpackb(connection.recv(timeout=20)).get("state", {})
        replica.update(state.get("updates", {}))
        for key in state.get("removals", ()):
            replica.pop(key, None)

def say(connection, key):
    connection.send(msgpack.packb({"state": {"updates": {key: [1.5, key]}, "removals": []}}))

ada, bob = {}, {}
with connect(sys.argv[1]) as one:
    with connect(sys.argv[2]) as two:
        say(one, "ada")
        say(two, "bob")
        both = {"ada": [1.5, "ada"], "bob": [1.5, "bob"]}
        follow(one, ada, both)
        follow(two, bob, both)
    follow(one, ada, {"ada": [1.5, "ada"]})
print("ada saw bob go")
"""


# Whether something listens there.
REACH = """
import socket, sys, time
deadline = time.monotonic() + float(sys.argv[3])
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
        break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit("it is not to be reached")
        time.sleep(0.05)
"""


def reaches(network: Network, host: int, seconds: float) -> bool:
    """Say whether a host reaches Redis within some time."""
    command = [*network.at(host), sys.executable, "-c", REACH]
    where = (network.address(REDIS), str(PORT), str(seconds))
    return subprocess.run([*command, *where], capture_output=True, check=False).returncode == 0


@pytest.fixture
def network(servers_there: None, tmp_path: Path) -> Iterator[Network]:
    """Three hosts, and a fourth with Redis."""
    need_network()
    with Network(REDIS) as network, (tmp_path / "log").open("wb") as log:
        program = next(iter(PROGRAMS.values()))
        options = ("--port", str(PORT), "--bind", network.address(REDIS), "--protected-mode", "no")
        redis = subprocess.Popen(
            [*network.at(REDIS), program, *options, "--save", "", "--dir", str(tmp_path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            assert reaches(network, 1, 20)
            yield network
        finally:
            redis.kill()
            redis.wait(10)


@pytest.fixture
def url(network: Network) -> str:
    return f"redis://{network.address(REDIS)}:{PORT}/0"


@pytest.fixture
def processes(network: Network, url: str) -> Iterator[list[OtherProcess]]:
    """A process on each host, all in one room."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                OtherProcess(url, "hosts", at=network.at(host), lease=LEASE, timeout=20.0)
            )
            for host in (1, 2, 3)
        ]


def have(processes: list[OtherProcess], content: dict[str, Any]) -> None:
    for process in processes:
        eventually(lambda process=process: process.ask("content") == content)


def test_a_cable_is_that_of_one_host(network):
    network.pull(1)
    assert not reaches(network, 1, 1)
    assert reaches(network, 2, 1)
    network.plug(1)
    assert reaches(network, 1, 5)


def test_a_host_whose_cable_is_pulled_comes_back(network, processes):
    ada, bob, eve = processes
    ada.ask("publish", publish={"ada": 1})
    bob.ask("publish", publish={"bob": 1})
    have(processes, {"ada": 1, "bob": 1})

    network.pull(1)
    bob.ask("update_and_wait", {"while you were away": 1})
    # No goodbye has come through: it is the lease that ends.
    have([bob, eve], {"bob": 1, "while you were away": 1})
    eventually(lambda: not ada.ask("connected"))
    assert ada.ask("content") == {"ada": 1, "bob": 1}
    ada.ask("update", {"from ada": 1})
    ada.ask("update", {"from ada": 2})
    have([bob, eve], {"bob": 1, "while you were away": 1})

    network.plug(1)
    have(processes, {"bob": 1, "while you were away": 1, "from ada": 2})
    eventually(lambda: ada.ask("connected"))
    assert len({tuple(process.ask("state")[:2]) for process in processes}) == 1
    assert eve.ask("state")[2] == 0
    eve.ask("update_and_wait", {"end": 1})
    have(processes, {"bob": 1, "while you were away": 1, "from ada": 2, "end": 1})


def test_the_keys_of_a_host_that_loses_its_power_go(network, processes):
    ada, bob, eve = processes
    ada.ask("publish", publish={"ada": 1})
    have(processes, {"ada": 1})
    network.pull(1)
    ada.kill()
    have([bob, eve], {})


def test_a_network_that_is_down_for_a_moment_loses_nothing(network, processes):
    ada, bob, eve = processes
    for number in range(5):
        ada.ask("update", {f"ada-{number}": number})
        for host in (1, 2):
            network.pull(host)
        ada.ask("update", {"last": number})
        bob.ask("update", {f"bob-{number}": number})
        for host in (2, 1):
            network.plug(host)
    everything = {f"{name}-{number}": number for number in range(5) for name in ("ada", "bob")}
    have(processes, {**everything, "last": 4})
    assert eve.ask("state")[2] == 0


def test_clients_of_servers_on_two_hosts_see_each_other(network, url):
    arguments = ("-m", "change_buffers.server", "--redis", url, "--port", 0, "--host")
    with (
        running(*arguments, network.address(1), at=network.at(1)) as one,
        running(*arguments, network.address(2), at=network.at(2)) as two,
    ):
        clients = subprocess.run(
            [*network.at(3), sys.executable, "-c", CLIENTS, one.address, two.address],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (clients.stdout, clients.stderr) == ("ada saw bob go\n", "")
