"""A room for real clients: sessions, a WebSocket server, an ASGI application.

`python -m change_buffers.server` is a room for whoever comes, with a page. `serve()` serves a
multi-view of your own, `asgi_app()` does so within another web application, and `Session` is one
client over whatever transport you have. The protocol is NanoVer's, with a little more: see the
documentation. It needs `pip install change-buffers[server]`.
"""

from change_buffers.server import needed  # noqa: F401

# isort: split
from change_buffers.server.access import Authorize, Permission, Request
from change_buffers.server.asgi import asgi_app
from change_buffers.server.incoming import Refusal
from change_buffers.server.limits import Limits
from change_buffers.server.messages import Message
from change_buffers.server.room import Room
from change_buffers.server.serving import Server, serve
from change_buffers.server.session import Session
from change_buffers.server.stats import RoomStats

__all__ = [
    "Authorize",
    "Limits",
    "Message",
    "Permission",
    "Refusal",
    "Request",
    "Room",
    "RoomStats",
    "Server",
    "Session",
    "asgi_app",
    "serve",
]
