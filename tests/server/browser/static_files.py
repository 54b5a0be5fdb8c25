"""The files of the client and of its tests, without a room behind them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import change_buffers

assert change_buffers.__file__ is not None
WEB = Path(change_buffers.__file__).parent / "server" / "web"
SCRIPTS = Path(__file__).parent / "scripts"


class Files(SimpleHTTPRequestHandler):
    extensions_map = {".js": "text/javascript", ".html": "text/html"}  # noqa: RUF012, so it is there

    def translate_path(self, path: str) -> str:
        folder, _, name = path.lstrip("/").partition("/")
        return str((SCRIPTS if folder == "scripts" else WEB) / name)

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":  # which every browser asks for
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'none'; script-src 'self'")
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def serving_files() -> Iterator[str]:
    """Serve them, and give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
