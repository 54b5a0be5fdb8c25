"""`python -m change_buffers.server`, run as its users run it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgpack
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

from programs import TIMEOUT, failing, running
from sites import Client, in_loop, until

SERVER = ("-m", "change_buffers.server")
POSIX = pytest.mark.skipif(os.name != "posix", reason="sends signals")


@POSIX
@in_loop
async def test_clients_share_a_room_and_sigterm_says_goodbye() -> None:
    with running(*SERVER, "--port", 0) as program:
        async with connect(program.address) as first, connect(program.address) as second:
            ada, bob = Client(first), Client(second)
            await ada.complete()
            await ada.update({"a": [1, 2]})
            await bob.has({"a": [1, 2]})
            begin = time.monotonic()
            assert await asyncio.to_thread(program.end) == (0, "")
            assert time.monotonic() - begin < 5
            assert (await ada.closed())[0] == (await bob.closed())[0] == 1001


@POSIX
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_time_whoever_is_there(how: signal.Signals) -> None:
    with running(*SERVER, "--port", 0) as program:
        host, port = program.url.removeprefix("http://").rstrip("/").split(":")
        # One that says nothing, one that is in the middle of its request, one that does not read.
        with (
            socket.create_connection((host, int(port))),
            socket.create_connection((host, int(port))) as hesitant,
            connect_sync(program.address, max_queue=1, close_timeout=0) as client,
            connect_sync(program.address, max_queue=1, close_timeout=0) as stubborn,
        ):
            hesitant.sendall(b"GET /ws HTTP/1.1\r\nHost:")
            stubborn.recv(TIMEOUT)
            for number in range(40):
                value = {f"key.{number}": "x" * 200_000}
                client.send(msgpack.packb({"state": {"updates": value}, "id": number}))
            begin = time.monotonic()
            assert program.end(how) == (0, "")
            assert time.monotonic() - begin < 5.5


def test_a_browser_is_given_what_is_there() -> None:
    with running(*SERVER, "--port", 0) as program:

        def get(path: str) -> tuple[int, str, bytes]:
            try:
                with urllib.request.urlopen(program.url + path, timeout=TIMEOUT) as response:
                    kind = response.headers["Content-Type"]
                    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                    assert int(response.headers["Content-Length"]) > 0
                    return response.status, kind, response.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.headers["Content-Type"], error.read()

        status, kind, body = get("stats")
        assert (status, kind) == (200, "application/json; charset=utf-8")
        assert json.loads(body)["clients"] == 0
        for path in ("nothing", "../limits.py", "%2e%2e/limits.py", "web/", "/etc/passwd"):
            assert get(path)[0] == 404
        assert get("ws")[0] == 426
        request = urllib.request.Request(program.url, data=b"", method="POST")
        with pytest.raises(OSError) as caught:  # noqa: PT011, older versions of websockets hang up
            urllib.request.urlopen(request, timeout=TIMEOUT)
        if isinstance(caught.value, urllib.error.HTTPError):
            assert caught.value.code == 405
            caught.value.close()


def test_help_reads_well() -> None:
    status, out, err = failing(*SERVER, "--help")
    assert (status, err) == (0, "")
    assert out.startswith("usage: python -m change_buffers.server ")
    for option in ("--host", "--port", "--rate", "--origin", "--state-limit", "--certificate"):
        assert f"  {option}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--prot", "1"], "unrecognized arguments: --prot 1"),
        (["--port", "web"], "argument --port: invalid int value: 'web'"),
        (["--port", "65536"], "--port must be from 0 to 65535, not 65536"),
        (["--rate", "0"], "argument --rate: must be above 0, not 0"),
        (["--rate", "fast"], "argument --rate: invalid number value: 'fast'"),
        (["--clients", "1.5"], "argument --clients: invalid whole number value: '1.5'"),
        (["--state-limit", "nan"], "argument --state-limit: must be above 0, not nan"),
        (["--key", "x"], "--key needs --certificate"),
        (["--certificate", "missing.pem"], "missing.pem: No such file or directory"),
        (["--certificate", __file__], f"{__file__}: "),
        (["--host", "192.0.2.1"], "192.0.2.1:"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(arguments: list[str], expected: str) -> None:
    status, out, err = failing(*SERVER, *(["--port", "0"] if "--port" not in arguments else []),
                               *arguments)  # fmt: skip
    assert (status, out) == (2, "")
    assert expected in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("python -m change_buffers.server: error: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("package", ["msgpack", "websockets"])
def test_what_is_not_installed_is_said_on_one_line(package: str) -> None:
    code = f"""
from importlib.machinery import PathFinder
find_spec = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == {package!r} else find_spec(name, *rest)
try:
    import change_buffers.server
except ModuleNotFoundError as error:
    print(error)
"""
    status, out, err = failing("-c", code)
    assert (status, err) == (0, "")
    expected = f"change_buffers.server needs {package}: pip install 'change-buffers[server]'"
    assert out.strip() == expected


def test_a_port_in_use_is_said_on_one_line() -> None:
    with running(*SERVER, "--port", 0) as program:
        port = program.url.rstrip("/").rpartition(":")[2]
        status, out, err = failing(*SERVER, "--port", port)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    # Windows says it in another way, and in the language of whoever is there.
    number = errno.EADDRINUSE
    said = f"error {number}]" if sys.platform == "win32" else os.strerror(number).lower()
    assert said in err.lower()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, and its key in the same file."""
    folder = tmp_path_factory.mktemp("certificate")
    key, file = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)
    except FileNotFoundError:
        pytest.skip("there is no openssl here to make a certificate")
    file.write_text(file.read_text() + key.read_text())
    return file


@in_loop
async def test_with_a_certificate_everything_is_encrypted(certificate: Path) -> None:
    with running(*SERVER, "--port", 0, "--certificate", certificate) as program:
        assert program.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(certificate))
        async with (
            connect(program.address, ssl=trust, max_size=None) as first,
            connect(program.address, ssl=trust, max_size=None) as second,
        ):
            ada, bob = Client(first), Client(second)
            await ada.complete()
            large = "x" * 900_000
            for number in range(5):  # in pieces, and with pongs in between
                await ada.update({f"large.{number}": large + str(number)})
                await first.ping()
            await until(lambda: len(bob.replica) == 5)
            await bob.has({f"large.{number}": large + str(number) for number in range(5)})


@in_loop
async def test_a_foreign_page_needs_to_be_named() -> None:
    with running(*SERVER, "--port", 0, "--origin", "https://example.org") as program:
        async with connect(program.address, origin="https://example.org") as connection:  # type: ignore[arg-type]
            await Client(connection).complete()
        with pytest.raises(Exception, match="403"):
            await connect(program.address, origin="https://example.com")  # type: ignore[arg-type]


@in_loop
async def test_the_options_are_the_limits() -> None:
    with running(
        *SERVER, "--port", 0, "--rate", 10, "--clients", 1, "--key-limit", 2, "--message-limit",
        0.01, "--update-limit", 50, "--state-limit", 0.5,
    ) as program:  # fmt: skip
        async with connect(program.address) as connection:
            client = Client(connection)
            await client.complete()
            assert client.welcome["interval"] == 0.1
            assert client.welcome["limits"] == {
                "message_bytes": 10485, "keys": 2, "state_bytes": 1 << 19,
                "updates_per_second": 50.0,
            }  # fmt: skip
            async with connect(program.address) as other:
                with pytest.raises(ConnectionClosed) as caught:
                    await other.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1013
