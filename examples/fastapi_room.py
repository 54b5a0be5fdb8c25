"""A room within a FastAPI application: the page at http://HOST:PORT/room/, WebSockets below it.

The application has the same dictionary at hand: what it sets is sent to everybody.
"""

import argparse

import uvicorn
from fastapi import FastAPI

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import asgi_app

room = DictionaryChangeMultiView(history=10_000)
app = FastAPI()


@app.get("/title")
def get_title() -> object:
    """Say what everybody sees."""
    return room.get("title", "nothing yet")


@app.put("/title/{title}")
def put_title(title: str) -> None:
    """Show everybody something."""
    room.update({"title": title})


app.mount("/room", asgi_app(room))

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="fastapi_room.py", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    port = parser.parse_args().port
    uvicorn.run(app, host="127.0.0.1", port=port, ws_max_size=1 << 20, log_level="info")
