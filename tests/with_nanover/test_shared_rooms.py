"""NanoVer's `StateDictionary`, servers and clients, unmodified, on a room that processes share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import own  # noqa: F401
from sides import run_side

sys.path.append(str(Path(__file__).parents[1] / "shared_rooms"))

pytest.importorskip("redis")

from servers import PROGRAMS, Server

ROOM = """
    import msgpack
    from functools import partial
    from change_buffers.codecs import MessagePackCodec
    from change_buffers.redis import RedisMultiView
    import nanover.utilities.state_dictionary as state_dictionary

    def plain(value):
        if hasattr(value, "tolist"):
            return value.tolist()
        raise TypeError(type(value).__name__)

    codec = MessagePackCodec(partial(msgpack.packb, default=plain), msgpack.unpackb)

    def shared():
        return RedisMultiView(URL, "nanover", codec=codec).join()
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    if not PROGRAMS:
        pytest.skip("found no Redis server")
    with Server(tmp_path) as server:
        yield server.url


def test_two_state_dictionaries_are_one(url: str) -> None:
    run_side(
        "installed",
        f"\n    URL = {url!r}\n"
        + ROOM
        + """
    state_dictionary.DictionaryChangeMultiView = shared
    here, there = state_dictionary.StateDictionary(), state_dictionary.StateDictionary()
    with there.get_change_buffer() as view:
        here.update_state("ada", DictionaryChange({"avatar.ada": {"at": numpy.array([1.0, 2.0])}}))
        assert view.flush_changed_blocking(10).updates == {"avatar.ada": {"at": [1.0, 2.0]}}
        here.update_locks("ada", {"locked": 10.0})
        try:
            here.update_state("bob", DictionaryChange({"locked": 1, "free": 1}))
        except state_dictionary.ResourceLockedError:
            pass
        else:
            raise AssertionError("the lock was of no use")
        there.update_state("bob", DictionaryChange({"free": 1}, ["avatar.ada"]))
        until(lambda: here.copy_content() == there.copy_content() == {"free": 1})
        here.freeze()
        for change in view.subscribe_changes():
            assert set(change.updates) <= {"free"}
    for room in (here, there):
        room._change_views.close()
    """,
    )


def test_clients_of_two_servers_meet(url: str) -> None:
    run_side(
        "installed",
        f"\n    URL = {url!r}\n"
        + ROOM
        + """
    state_dictionary.DictionaryChangeMultiView = shared
    with room() as (_, first), room() as (_, second):
        with client(first) as ada, client(second) as bob:
            update(ada, {"avatar.ada": {"at": numpy.array([1.0, 2.0])}})
            until(lambda: state(bob).get("avatar.ada") == {"at": [1.0, 2.0]})
            update(bob, {"note.bob": "here"}, ["avatar.ada"])
            until(lambda: state(ada).get("note.bob") == "here")
            until(lambda: "avatar.ada" not in state(ada) and state(ada) == state(bob))
    """,
    )
