"""What a browser is given: the page, its script, and the statistics."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from change_buffers.server.room import Room

WEB = Path(__file__).with_name("web")
NAMES = {"": "index.html", "favicon.ico": "icon.svg"}
TYPES = {".js": "text/javascript", ".ts": "text/plain", ".html": "text/html", ".css": "text/css"}
TEXT = ("text/", "application/json", "image/svg")
HEADERS = {
    # Nothing is taken from elsewhere, and nobody else may show it in a frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Page:
    """An answer to a request that asks for no WebSocket."""

    status: int
    body: bytes
    kind: str = "text/plain"
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What stands above it."""
        kind = f"{self.kind}; charset=utf-8" if self.kind.startswith(TEXT) else self.kind
        size = str(len(self.body))
        return {"Content-Type": kind, "Content-Length": size, **HEADERS, **self.more}


def page_of(room: Room, method: str, path: str) -> Page:
    """Answer a request for a path."""
    if method not in {"GET", "HEAD"}:
        return Page(405, b"only GET is answered here\n", more={"Allow": "GET, HEAD"})
    if path == "/stats":
        return Page(200, json.dumps(room.stats().as_dict()).encode(), "application/json")
    if path == "/ws":
        text = b"this is for WebSockets: the page is at /\n"
        return Page(426, text, more={"Upgrade": "websocket"})
    # Only the names that are there: nothing is put together from what was asked for.
    name = path.removeprefix("/")
    name = NAMES.get(name, name)
    for file in sorted(WEB.rglob("*")):
        if file.is_file() and file.relative_to(WEB).as_posix() == name:
            kind = TYPES.get(file.suffix) or mimetypes.guess_type(name)[0]
            return Page(200, file.read_bytes(), kind or "application/octet-stream")
    return Page(404, b"there is no such page\n")
