"""Several servers, in processes of their own, on one room."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import msgpack
import pytest
from websockets.sync.client import connect

from agreement import eventually
from programs import failing, running

EXAMPLES = Path(__file__).parents[2] / "examples"


class Client:
    def __init__(self, program, query=""):
        self._context = connect(program.address + query, max_size=None)
        self.replica = {}
        self.welcome = None
        self.token = ""

    def set(self, updates, removals=()):
        message = {"state": {"updates": updates, "removals": list(removals)}}
        self.connection.send(msgpack.packb(message))

    def look(self):
        try:
            while True:
                message = msgpack.unpackb(self.connection.recv(timeout=0.02))
                if "welcome" in message:
                    self.welcome = message["welcome"]
                if "state" in message:
                    if message.get("complete"):
                        self.replica.clear()
                    self.replica.update(message["state"]["updates"])
                    for key in message["state"]["removals"]:
                        self.replica.pop(key, None)
                    self.token = f"{self.welcome['epoch']}.{message['version']}"
        except TimeoutError:
            return self.replica

    def __enter__(self):
        self.connection = self._context.__enter__()
        return self

    def __exit__(self, *error):
        self._context.__exit__(*error)


@pytest.fixture
def serve(server):
    def serve(*more):
        arguments = ("-m", "change_buffers.server", "--port", 0, "--redis", server.url, *more)
        return running(*arguments)

    return serve


def test_clients_of_two_servers_are_in_one_room(serve):
    with serve("--room", "a") as one, serve("--room", "a") as two, serve("--room", "b") as other:
        with Client(one) as ada, Client(two) as bob, Client(other) as eve:
            ada.set({"ada": 1})
            bob.set({"bob": {"x": [1.5]}})
            for client in (ada, bob):
                eventually(lambda client=client: client.look() == {"ada": 1, "bob": {"x": [1.5]}})
            assert ada.welcome["epoch"] == bob.welcome["epoch"]
            assert eve.look() == {}
            bob.connection.close()
            eventually(lambda: ada.look() == {"ada": 1})
        assert one.end() == (0, "")


def test_a_client_goes_on_at_the_other_server(serve):
    with serve() as one, serve() as two, Client(two) as bob:
        with Client(one) as ada:
            bob.set({"a": 1, "b": 1})
            eventually(lambda: ada.look() == {"a": 1, "b": 1})
            token = ada.token
        bob.set({"a": 2}, ["b"])
        eventually(lambda: bob.look() == {"a": 2})
        with Client(two, f"?resume={token}") as again:
            eventually(lambda: "a" in again.look())
            assert again.welcome["resumed"]
            assert again.replica == {"a": 2}


def test_a_server_is_killed_and_its_clients_keys_go(server, serve):
    from change_buffers.redis import RedisMultiView

    with serve() as one, serve() as two, Client(two) as bob, Client(one) as ada:
        ada.set({"ada": 1})
        eventually(lambda: bob.look() == {"ada": 1})
        # Somebody with less patience than a server has looks on, too.
        with RedisMultiView(server.url, "room", lease=0.6):
            one.process.send_signal(signal.SIGKILL)
            eventually(lambda: bob.look() == {})


def test_what_a_server_says_of_itself(serve):
    with serve() as one, urllib.request.urlopen(f"{one.url}stats", timeout=10) as reply:
        stats = json.load(reply)
    assert re.fullmatch(r"[0-9a-f]{16}", stats["epoch"])


def test_a_server_says_why_it_has_not_begun():
    code, _, err = failing(
        "-m", "change_buffers.server", "--port", 0, "--redis", "redis://:pw@127.0.0.1:1/0"
    )
    assert code == 2
    assert "--redis, --room: Redis is not to be reached" in err
    assert "pw" not in err
    code, _, err = failing("-m", "change_buffers.server", "--redis", "nonsense", "--port", 0)
    assert code == 2
    assert "scheme" in err


@pytest.mark.timeout(200)
def test_the_demo_ends_with_all_replicas_equal():
    result = subprocess.run(
        [sys.executable, "hosts.py", "--clients", "12", "--seconds", "4.5"],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "every replica is equal: 12 clients and Redis" in result.stdout
    assert result.stderr == ""
