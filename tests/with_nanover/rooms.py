"""A room of NanoVer's own server and clients, over real sockets, for the children of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy
from nanover.app import NanoverImdApplication
from nanover.utilities.change_buffers import DictionaryChange
from nanover.websocket.client.base_client import WebsocketClient
from nanover.websocket.server import WebSocketServer
from websockets.sync.client import ClientConnection, connect

SOON = 10.0
"""Seconds within which a message arrives, unless something is wrong."""


@contextmanager
def room() -> Iterator[tuple[NanoverImdApplication, str]]:
    """A server that nobody else hears of; gives the application and the address."""
    application = NanoverImdApplication(name="tests", address="127.0.0.1")
    with WebSocketServer(application) as server:
        listening = server.serve(host="127.0.0.1", port=0)
        try:
            yield application, f"ws://127.0.0.1:{listening.socket.getsockname()[1]}"
        finally:
            application.close()


@contextmanager
def client(url: str) -> Iterator[WebsocketClient]:
    with WebsocketClient.from_url(url) as client:
        yield client


@contextmanager
def raw_client(url: str) -> Iterator[ClientConnection]:
    """A connection that gives messages as they are on the wire."""
    with connect(url, max_size=None) as connection:
        yield connection


def update(target: Any, updates: Any = None, removals: Any = None) -> None:
    target.update_state(DictionaryChange(updates, removals))


def state(client: WebsocketClient) -> dict[str, Any]:
    content: dict[str, Any] = client._state_dictionary.copy_content()
    return content


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


class CountedArray(numpy.ndarray[Any, Any]):
    """An array that knows how often it has been packed."""

    packed = 0

    def tolist(self) -> Any:
        CountedArray.packed += 1
        return super().tolist()
