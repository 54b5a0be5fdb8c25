"""A line to a server that can be cut, held up, and led elsewhere."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Proxy:
    """Passes bytes on between clients and a server. Every connection has its two threads."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._open = threading.Event()
        self._open.set()
        self._flows = threading.Event()
        self._flows.set()
        # Called with each answer; the line is cut if it says so, and the answer is lost.
        self.loses: Callable[[bytes], bool] = lambda _answer: False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """End all connections, and take none."""
        self._open.clear()
        self.drop()

    def mend(self) -> None:
        self._open.set()
        self._flows.set()

    def drop(self) -> None:
        """End all connections there are."""
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            shut(each)

    def hold(self) -> None:
        """Let nothing through, and tell nobody: as a firewall that drops packets."""
        self._flows.clear()

    def lead_to(self, port: int) -> None:
        self.upstream = port
        self.drop()

    def close(self) -> None:
        self._open.clear()
        shut(self._listener)
        self._listener.close()
        self._flows.set()
        self.drop()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._open.is_set():
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self.upstream), 5)
                    server.settimeout(None)
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._sockets |= {client, server}
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if is_answer and self.loses(data):
                    break
                target.sendall(data)
        shut(source)
        shut(target)
        with self._lock:
            # Whoever is the second to say so closes them.
            is_last = source not in self._sockets
            self._sockets -= {source, target}
        if is_last:
            source.close()
            target.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
