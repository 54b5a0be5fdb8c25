"""The chat server, run as its users run it and spoken to over real sockets."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

CHAT = Path(__file__).parents[2] / "examples" / "chat.py"
TIMEOUT = 10

Content = dict[str, Any]
Server = subprocess.Popen[str]
Join = Callable[..., ClientConnection]


def start(*arguments: object) -> Server:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def interrupt(server: Server) -> tuple[int, str]:
    """End a server with Ctrl-C; return its exit status and what it complains of."""
    server.send_signal(signal.SIGINT)
    _, err = server.communicate(timeout=TIMEOUT)
    return server.returncode, err


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that is to end without complaint, whatever a test has done to it."""
    server = start(CHAT, "--port", 0)
    try:
        yield server
        if os.name == "posix" and server.poll() is None:
            assert interrupt(server) == (0, "")
    finally:
        server.kill()
        server.communicate()


def page_of(server: Server) -> str:
    assert server.stdout is not None
    return server.stdout.readline().split()[-1]


@pytest.fixture
def page(server: Server) -> str:
    return page_of(server)


@contextmanager
def joining(page: str) -> Iterator[Join]:
    """Connect, with a query string; disconnect in the end."""
    with ExitStack() as stack:

        def connected(query: str = "", max_queue: int | None = None) -> ClientConnection:
            address = page.replace("http:", "ws:") + query
            connection: ClientConnection = connect(
                address, compression=None, close_timeout=1, max_size=None, max_queue=max_queue
            )
            return stack.enter_context(connection)

        yield connected


@pytest.fixture
def join(page: str) -> Iterator[Join]:
    with joining(page) as join:
        yield join


def send(connection: ClientConnection, **change: Any) -> None:
    connection.send(json.dumps(change))


def receive(connection: ClientConnection, timeout: float = TIMEOUT) -> Content:
    message = json.loads(connection.recv(timeout))
    assert isinstance(message, dict)
    return message


def hello(connection: ClientConnection) -> str:
    """Take the first message; return one's own key."""
    message = receive(connection)
    assert message == {"you": message["you"], "updates": {}, "removals": []}
    assert isinstance(message["you"], str)
    return message["you"]


def follow(connection: ClientConnection, done: Callable[[Content], bool]) -> list[Content]:
    """Keep a replica until it is as it should be; return it as it was after each message."""
    replicas: list[Content] = [{}]
    deadline = time.monotonic() + TIMEOUT
    while not done(replicas[-1]):
        message = receive(connection, deadline - time.monotonic())
        replica = replicas[-1] | message["updates"]
        replicas.append({key: replica[key] for key in replica if key not in message["removals"]})
    return replicas


def has(**items: Any) -> Callable[[Content], bool]:
    return lambda content: items.items() <= content.items()


def test_everybody_gets_what_anybody_sends(join: Join) -> None:
    clients = [join() for _ in range(5)]
    keys = [hello(client) for client in clients]
    for number, client in enumerate(clients):
        send(client, updates={keys[number]: {"n": number}, f"text.{number}": "x"})
    send(clients[0], updates={"last": [None, "\N{SNOWMAN}"]}, removals=["text.0", "never there"])
    content: Content = {"last": [None, "\N{SNOWMAN}"]}
    content |= {key: {"n": number} for number, key in enumerate(keys)}
    content |= {f"text.{number}": "x" for number in range(1, 5)}
    for client in clients:
        follow(client, content.__eq__)


def test_who_comes_late_gets_the_content_at_once(join: Join) -> None:
    early = join()
    own_key = hello(early)
    send(early, updates={"a": 1, "b": 2})
    follow(early, has(b=2))
    late = join()
    content = {"a": 1, "b": 2, own_key: {}, hello(late): {}}
    assert receive(late) == {"updates": content, "removals": []}


@pytest.mark.parametrize("goodbye", [True, False])
def test_ones_own_key_goes_with_the_connection(join: Join, goodbye: bool) -> None:
    watcher, leaver = join(), join()
    gone, stays = hello(leaver), hello(watcher)
    send(leaver, updates={gone: {"name": "Ada"}, "text": "stays"})
    follow(watcher, has(**{gone: {"name": "Ada"}}))
    if goodbye:
        leaver.close()
    else:
        leaver.socket.shutdown(socket.SHUT_RDWR)
    message = receive(watcher)
    assert message == {"updates": {}, "removals": [gone]}
    late = join()
    hello(late)
    assert receive(late)["updates"].keys() >= {stays, "text"}


def test_prefixes_select_keys(join: Join) -> None:
    sender = join()
    hello(sender)
    client = join("?prefix=text.&prefix=color.")
    hello(client)
    send(sender, updates={"other": 1, "text": 1})
    send(sender, updates={"text.a": 1, "color.a": 2, "other": 3}, removals=["text.b", "other.b"])
    assert receive(client) == {"updates": {"text.a": 1, "color.a": 2}, "removals": ["text.b"]}


@pytest.mark.parametrize(("query", "rate"), [("?rate=5", 5), ("", 30)])
def test_everybody_has_a_pace(join: Join, query: str, rate: float) -> None:
    sender, client = join(), join(query)
    hello(sender)
    hello(client)
    begin = time.monotonic()
    for number in range(100):
        send(sender, updates={"n": number})
        time.sleep(0.01)
    replicas = follow(client, has(n=99))
    deliveries = len(replicas) - 1
    assert 3 <= deliveries <= (time.monotonic() - begin) * rate + 2


def test_who_does_not_read_holds_up_nobody_and_misses_nothing(join: Join) -> None:
    sender, reader = join(), join("?rate=1000")
    sleeper = join("?rate=1000", max_queue=1)  # What it does not read soon fills every buffer.
    for client in (sender, reader, sleeper):
        hello(client)
    count = 300
    for number in range(count):
        send(sender, updates={"n": number, "load": "x" * 100_000, f"key.{number % 7}": number})
        follow(reader, has(n=number))
    replicas = follow(sleeper, has(n=count - 1))
    assert len(replicas) < count / 2
    keys = {key: value for key, value in replicas[-1].items() if key.startswith("key.")}
    assert keys == {f"key.{n % 7}": n for n in range(count - 7, count)}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("hello", "Expecting value: line 1 column 1 (char 0)"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        (b"\xff\xff", "codec can't decode byte"),
        ("[" * 200_000, "while decoding a JSON array"),
        ("3", "a message is an object with updates, removals or both, and nothing else"),
        ('[{"updates": {"a": 1}}]', "a message is an object"),
        ('{"updates": {"a": 1}, "removal": ["b"]}', "a message is an object"),
        ('{"updates": [["a", 1]]}', "updates must be a mapping of str to values, not list"),
        ('{"updates": {"a": 1}, "removals": "b"}', "removals must be a list of keys"),
        ('{"updates": {"a": 1}, "removals": {"b": 1}}', "removals must be a list of keys"),
        ('{"updates": {"a": 1}, "removals": [1]}', "removals: keys must be str, not int"),
        ('{"updates": {"a": 1, "c": NaN}}', "not JSON compliant"),
        ('{"updates": {"a": 1, "c": -1e999}}', "not JSON compliant"),
    ],
)
def test_a_bad_message_is_answered_and_changes_nothing(
    join: Join, message: str | bytes, expected: str
) -> None:
    client, watcher = join(), join()
    own_keys = {hello(client), hello(watcher)}
    send(client, updates={"b": 2})
    follow(client, has(b=2))
    client.send(message)
    answer = receive(client)
    assert answer.keys() == {"error"}
    assert answer["error"].startswith("nothing has changed: ")
    assert expected in answer["error"]
    send(client, updates={"end": 1})
    [*_, content] = follow(watcher, has(end=1))
    assert content == {"b": 2, "end": 1} | {key: {} for key in own_keys}


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "fast", "%C3%A9" * 99, "1e-320"])
def test_a_bad_rate_is_refused(join: Join, rate: str) -> None:
    client = join(f"?rate={rate}")
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(TIMEOUT)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (
        1008,
        "rate must be a number above 0",
    )
    other = join()
    assert receive(other).keys() == {"you", "updates", "removals"}
    assert len(receive(other)["updates"]) == 1


def test_a_browser_gets_the_page(page: str) -> None:
    for query in ("", "?prefix=text."):
        with urllib.request.urlopen(page + query, timeout=TIMEOUT) as response:
            assert response.headers.get_all("Content-Type") == ["text/html; charset=utf-8"]
            assert response.read() == CHAT.with_suffix(".html").read_bytes()


PUBLISHES_ANYTHING = f"""
import asyncio, sys, threading

sys.path.insert(0, {str(CHAT.parent)!r})
import chat

def publish():
    for key in sys.stdin:
        chat.shared.update({{key.strip(): object()}})

threading.Thread(target=publish, daemon=True).start()
asyncio.run(chat.main("127.0.0.1", 0))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_connection_to_which_nothing_can_be_sent_is_ended_and_says_why() -> None:
    server = start("-c", PUBLISHES_ANYTHING)
    try:
        with joining(page_of(server)) as join:
            client, other = join(), join("?prefix=text.")
            hello(client)
            hello(other)
            assert server.stdin is not None
            server.stdin.write("bad\n")
            server.stdin.flush()
            with pytest.raises(ConnectionClosed) as caught:
                follow(client, has(bad=None))
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011
            # Those whom it does not concern are served as before.
            send(other, updates={"text.a": 1})
            assert receive(other) == {"updates": {"text.a": 1}, "removals": []}
        code, err = interrupt(server)
    finally:
        server.kill()
        server.communicate()
    assert code == 0
    assert err.count("Traceback") == 2  # the error and its cause, of one connection
    assert "a connection ends" in err
    assert "updates['bad'] cannot be encoded" in err


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_it_for_everybody(server: Server, page: str, join: Join) -> None:
    clients = [join() for _ in range(5)]
    keys = {hello(client) for client in clients}
    for client in clients:
        follow(client, lambda content: content.keys() == keys)
    address = page.removeprefix("http://").rstrip("/").split(":")
    # One that says nothing, as browsers make them in advance, and one that does not read.
    with socket.create_connection((address[0], int(address[1]))):
        stubborn = join("?rate=1000", max_queue=1)
        hello(stubborn)
        for number in range(50):
            send(clients[0], updates={f"key.{number}": "x" * 200_000})
        begin = time.monotonic()
        assert interrupt(server) == (0, "")
        assert time.monotonic() - begin < 5
    for client in clients:
        with pytest.raises(ConnectionClosed) as caught:
            follow(client, lambda content: False)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001


def test_a_port_that_is_taken_is_refused_in_a_line(page: str) -> None:
    other = start(CHAT, "--port", page.rstrip("/").split(":")[-1])
    try:
        out, err = other.communicate(timeout=TIMEOUT)
    finally:
        other.kill()
    assert (other.returncode, out) == (2, "")
    # Windows says it in another way, and in the language of whoever is there.
    code = f"errno {errno.EADDRINUSE}" if sys.platform == "win32" else "address already in use"
    assert code in err.splitlines()[-1].lower()
    assert "Traceback" not in err
