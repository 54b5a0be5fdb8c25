"""NanoVer's own WebSocket server and client do the same on our module as on their own."""

from __future__ import annotations

import json

import own  # noqa: F401
from sides import SIDES, Child, run_side


def test_clients_follow_each_other(child: Child) -> None:
    child("""
        with room() as (application, url), client(url) as ada:
            with client(url) as bob:
                update(bob, {"avatar.bob": {"at": numpy.array([1.0, 2.0])}, "note.bob": "here"})
                until(lambda: state(ada).get("avatar.bob") == {"at": [1.0, 2.0]})
                update(ada, {"note.ada": [1, 2.5, None, {"a": b"bytes"}]}, ["no such key"])
                until(lambda: state(bob).get("note.ada") == [1, 2.5, None, {"a": b"bytes"}])
                update(application, {"number": numpy.float32(0.5)}, ["note.ada"])
                until(lambda: state(ada).get("number") == 0.5)
                until(lambda: state(bob) == state(ada))
                assert "note.ada" not in state(bob)
                with client(url) as late:
                    until(lambda: state(late) == state(ada))
            # What belongs to somebody goes with them.
            until(lambda: not any("bob" in key for key in state(ada)))
            assert "number" in state(ada)
            assert not any("bob" in key for key in application.copy_state())
    """)


def test_a_room_that_is_closed_ends_its_clients(child: Child) -> None:
    child("""
        with room() as (application, url):
            with client(url) as ada, raw_client(url) as connection:
                update(application, {"a": 1})
                until(lambda: state(ada).get("a") == 1)
                application.close()
        try:
            update(application, {"a": 2})
        except nanover.utilities.change_buffers.ObjectFrozenError:
            pass
        else:
            raise AssertionError
    """)


MESSAGES = """
    import json
    with room() as (application, url), raw_client(url) as connection:
        messages = [connection.recv(SOON)]
        for updates, removals in [
            ({"avatar": {"at": [0.5, -1.0], "name": "Ada \\U0001f600", "parts": [{}, None]}}, []),
            ({"array": numpy.arange(6.0).reshape(2, 3)}, []),
            ({"numbers": [numpy.float32(0.1), numpy.int64(3), numpy.uint8(4), True, 2**63]}, []),
            ({"": "", "long" * 100: "x" * 70_000, "bytes": b"\\0" * 300}, ["avatar"]),
            ({"infinite": [float("inf"), float("nan"), -0.0]}, ["array"]),
            ({f"key.{number}": number for number in range(20)}, []),
            ({f"key.{number}": [number] for number in range(70_000)}, ["numbers"]),
            (None, ["no such key"]),
            ({"again": 1}, ["again"]),
        ]:
            update(application, updates, removals)
            messages.append(connection.recv(SOON))
    print(json.dumps([message.hex() for message in messages]))
"""


def test_every_message_is_the_same_byte_for_byte() -> None:
    messages = {side: json.loads(run_side(side, MESSAGES)) for side in SIDES}
    assert len(messages["alone"]) == 10
    assert messages["installed"] == messages["alone"]
    assert messages["encoding"] == messages["alone"]


FOLLOWERS = """
    with room() as (application, url):
        update(application, {"array": numpy.arange(9.0).view(CountedArray)})
        for number in range(5):
            with raw_client(url) as connection:
                assert b"array" in connection.recv(SOON)
    print(CountedArray.packed)
"""


def test_a_value_is_packed_once_however_many_follow() -> None:
    assert {side: int(run_side(side, FOLLOWERS)) for side in SIDES} == {
        "alone": 5,
        "installed": 5,
        "encoding": 1,
    }


UNPACKABLE = """
    import traceback
    from nanover.websocket import server

    # What becomes of the task that sends is told to nobody.
    def send_state_update(self, change, own=server._WebSocketClientHandler.send_state_update):
        try:
            own(self, change)
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            where = [frame.name for frame in frames if "nanover" in frame.filename]
            where = where[where.index("send_message"):]
            print(type(error).__name__, error, error.__cause__, error.__context__, where)
            raise

    server._WebSocketClientHandler.send_state_update = send_state_update
    with room() as (application, url), raw_client(url) as connection:
        connection.recv(SOON)
        update(application, {"a": 1, "b": {"c": 1j}})
        try:
            print(connection.recv(0.5))
        except TimeoutError:
            print("nothing is sent")
        connection.close()
"""


def test_a_value_that_cannot_be_packed_has_the_same_effect() -> None:
    printed = {side: run_side(side, UNPACKABLE) for side in SIDES}
    assert "TypeError Unknown type: 1j None None ['send_message'" in printed["alone"]
    assert printed["alone"].endswith("nothing is sent\n")
    assert printed["installed"] == printed["alone"]
    assert printed["encoding"] == printed["alone"]
