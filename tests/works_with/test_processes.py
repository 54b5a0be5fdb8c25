"""A room in each of several processes, however these are started."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from packages import needs

PROGRAM = """
    import multiprocessing
    import os
    import sys
    import threading
    from concurrent.futures import ProcessPoolExecutor

    from change_buffers import DictionaryChange, DictionaryChangeMultiView

    def mirror(incoming, outgoing):
        '''Have a room follow that of another process, and give what its own views are given.'''
        room = DictionaryChangeMultiView()
        thread = threading.Thread(target=feed, args=[room, incoming])
        thread.start()
        for change in room.subscribe_changes():
            outgoing.put(change)
        outgoing.put(None)
        thread.join()

    def feed(room, incoming):
        while (change := incoming.get()) is not None:
            room.update(change.updates, change.removals)
        room.freeze()

    def squared(change):
        updates = {key: value**2 for key, value in change.updates.items()}
        return DictionaryChange(updates), os.getpid()

    def main():
        context = multiprocessing.get_context(sys.argv[1])
        room = DictionaryChangeMultiView()
        changes = []
        # It is asleep in the room while processes are started.
        thread = threading.Thread(target=lambda: changes.extend(room.subscribe_changes()))
        thread.start()

        there, back = context.Queue(), context.Queue()
        process = context.Process(target=mirror, args=[there, back])
        process.start()
        replica = {}
        for number in range(20):
            there.put(DictionaryChange({f"key {number}": number}, ["key 0"] if number else []))
        there.put(None)
        while (change := back.get()) is not None:
            replica.update(change.updates)
            for key in change.removals:
                replica.pop(key, None)
        process.join()
        assert process.exitcode == 0
        assert replica == {f"key {number}": number for number in range(1, 20)}, replica

        with ProcessPoolExecutor(2, mp_context=context) as pool:
            for change, pid in pool.map(squared, [DictionaryChange({"a": n}) for n in range(4)]):
                assert pid != os.getpid()
                room.update(change.updates)
        assert room.copy_content() == {"a": 9}
        room.freeze()
        thread.join()
        assert changes
        print("done")

    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_and_a_pool_of_processes(method: str, tmp_path: Path) -> None:
    if method != "spawn" and not hasattr(os, "fork"):
        pytest.skip("needs fork")
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    done = subprocess.run(
        # Newer versions warn of forks amid threads, which is what is tested.
        [sys.executable, "-W", "ignore", program, method],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "done\n")


# Both answer each request with the process, and with two changes to a room that come in time.
WSGI = """
    import json, os, threading
    from change_buffers import DictionaryChangeMultiView
    from change_buffers.codecs import JSONCodec

    room, codec = DictionaryChangeMultiView(), JSONCodec()

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        yield b"%d\\n" % os.getpid()
        room.update({"a": 1})
        threading.Timer(0.02, room.update, [{"b": 2}, ["a"]]).start()
        with room.subscribe_changes() as changes:
            for change in changes:
                yield change.encode(codec) + b"\\n"
                if change.removals:
                    break
"""

ASGI = """
    import asyncio, os
    from change_buffers import DictionaryChangeMultiView
    from change_buffers.codecs import JSONCodec

    room, codec = DictionaryChangeMultiView(), JSONCodec()

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        async def write(line):
            message = {"type": "http.response.body", "body": line + b"\\n", "more_body": True}
            await send(message)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await write(b"%d" % os.getpid())
        room.update({"a": 1})
        asyncio.get_running_loop().call_later(0.02, room.update, {"b": 2}, ["a"])
        async with room.subscribe_changes() as changes:
            async for change in changes:
                await write(change.encode(codec))
                if change.removals:
                    break
        await send({"type": "http.response.body"})
"""


@contextmanager
def server(folder: Path, app: str, *command: str) -> Iterator[str]:
    """Run a server of processes; give its address, and end it as an operator would."""
    (folder / "app.py").write_text(textwrap.dedent(app))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        while not is_listening(int(found[1])):
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        yield found[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) in (0, -signal.SIGTERM), log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.kill()
        process.wait()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def processes_that_answer(address: str, expected: int) -> set[str]:
    """Ask until so many processes have answered, each as it should."""
    processes: set[str] = set()
    for _ in range(200):
        with urllib.request.urlopen(address, timeout=10) as response:
            process, *changes = response.read().decode().splitlines()
        processes.add(process)
        assert changes[-1] == '{"updates":{"b":2},"removals":["a"]}', changes
        if len(processes) == expected:
            break
    return processes


# Preloaded, the room is made before the fork.
@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_gunicorn_with_threads(tmp_path: Path, options: list[str]) -> None:
    needs("gunicorn")
    command = ["gunicorn", "--bind=127.0.0.1:0", "--workers=2", "--threads=4", *options, "app:app"]
    with server(tmp_path, WSGI, *command) as address:
        assert len(processes_that_answer(address, 2)) == 2


def test_uvicorn_with_workers(tmp_path: Path) -> None:
    needs("uvicorn")
    command = ["uvicorn", "--host=127.0.0.1", "--port=0", "--workers=2", "app:app"]
    with server(tmp_path, ASGI, *command) as address:
        assert len(processes_that_answer(address, 2)) == 2
