"""Processes of their own that share a room, for tests that stop and kill them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
from change_buffers.redis import RedisMultiView

settings = json.loads(sys.argv[1])
kept = []
with RedisMultiView(**settings) as room:
    print("joined", flush=True)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        if name == "publish":
            kept.append(room.create_publisher())
            kept[-1].update_and_wait(arguments)
            answer = None
        elif name == "flood":
            publisher = room.create_publisher()
            kept.append(publisher)
            print(json.dumps("begun"), flush=True)
            number = 0
            while True:
                publisher.update({f"flood.{number % 50}": number, "flood.last": number})
                number += 1
                if number % 100 == 0:
                    publisher.update_and_wait({"flood.sure": number})
        elif name == "content":
            answer = room.copy_content()
        elif name == "state":
            answer = [room.epoch, room.version, room.stats().resyncs]
        elif name == "connected":
            answer = room.stats().connected
        else:
            answer = getattr(room, name)(*arguments)
        print(json.dumps(answer), flush=True)
"""


class OtherProcess:
    """A process with a room that does what it is told."""

    def __init__(self, url: str, name: str, *, at: Sequence[str] = (), **settings: Any) -> None:
        given = json.dumps({"url": url, "name": name, **settings})
        self.process = subprocess.Popen(
            [*at, sys.executable, "-c", PROGRAM, given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )
        assert self._line() == "joined"

    def ask(self, name: str, *arguments: Any, publish: Any = None) -> Any:
        assert self.process.stdin is not None
        given = publish if publish is not None else arguments
        self.process.stdin.write(json.dumps([name, given]) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
