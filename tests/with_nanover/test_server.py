"""NanoVer's own client, unmodified, in a room of `change_buffers.server`."""

from __future__ import annotations

import own  # noqa: F401
from sides import run_side

SERVER = """
    import subprocess
    from contextlib import contextmanager

    @contextmanager
    def server():
        command = [sys.executable, "-m", "change_buffers.server", "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            yield process.stdout.readline().split()[-1].replace("http", "ws")
        finally:
            process.terminate()
            assert process.wait(SOON) == 0
            process.stdout.close()
"""


def test_it_joins_publishes_follows_and_leaves() -> None:
    run_side(
        "alone",
        SERVER
        + """
    with server() as url, client(url) as ada:
        with client(url) as bob:
            update(bob, {"avatar.bob": {"at": numpy.array([1.0, 2.0])}, "note.bob": "here"})
            until(lambda: state(ada).get("avatar.bob") == {"at": [1.0, 2.0]})
            update(ada, {"note.ada": [1, 2.5, None, {"a": b"bytes"}]}, ["no such key", "note.bob"])
            until(lambda: state(bob).get("note.ada") == [1, 2.5, None, {"a": b"bytes"}])
            until(lambda: state(bob) == state(ada))
            assert "note.bob" not in state(bob)
            for number in range(100):
                update(bob, {"avatar.bob": {"at": [number, number]}, f"key.{number}": number})
            until(lambda: state(ada).get("key.99") == 99)
            with client(url) as late:
                until(lambda: state(late) == state(ada))
                assert len(state(late)) == 102
        # What belongs to somebody goes with them.
        until(lambda: set(state(ada)) == {"note.ada"})
    """,
    )


def test_it_shares_a_room_with_clients_of_other_kinds() -> None:
    run_side(
        "alone",
        SERVER
        + """
    import json
    from websockets.sync.client import connect

    with server() as url, client(url) as ada:
        with connect(url, subprotocols=["change-buffers.json"]) as browser:
            assert "welcome" in json.loads(browser.recv(SOON))
            assert json.loads(browser.recv(SOON))["complete"]
            browser.send(json.dumps({"state": {"updates": {"cursor.x": {"x": 1}}}}))
            until(lambda: state(ada) == {"cursor.x": {"x": 1}})
            browser.send(json.dumps({"state": {"updates": 1}}))
            answer = json.loads(browser.recv(SOON))
            while "error" not in answer:
                answer = json.loads(browser.recv(SOON))
            update(ada, {"a": 1}, ["cursor.x"])
            message = json.loads(browser.recv(SOON))
            assert message["state"] == {"updates": {"a": 1}, "removals": ["cursor.x"]}
        # Commands and frames are not for this server, and do no harm.
        ada.send_message({"command": {"request": {"id": 1, "name": "x", "arguments": {}}}})
        update(ada, {"b": 2})
        until(lambda: state(ada) == {"a": 1, "b": 2})
    """,
    )
