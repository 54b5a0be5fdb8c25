"""NanoVer's own server with an empty room, as one of the sides has it: `SIDE` is the argument.

It says on its output where it listens, as JSON, and ends with its input.
"""

from __future__ import annotations

import json
import os
import sys

ALONE, INSTALLED, ENCODING = "NanoVer", "install()", "install(encode=True)"
SIDES = [ALONE, INSTALLED, ENCODING]


def main(side: str) -> None:
    if side != ALONE:
        import change_buffers

        change_buffers.install(encode=side == ENCODING)

    from nanover.app import NanoverImdApplication
    from nanover.websocket.server import WebSocketServer

    # Without discovery: nobody on the network is to hear of it.
    application = NanoverImdApplication(name="bench", address="127.0.0.1")
    listening = WebSocketServer(application).serve(host="127.0.0.1", port=0)
    port = listening.socket.getsockname()[1]
    print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
    sys.stdin.read()
    os._exit(0)  # its threads would wait for clients that are behind


if __name__ == "__main__":
    main(sys.argv[1])
