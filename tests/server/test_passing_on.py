"""Values that came in MessagePack are passed on as they came, if everybody can be sent them."""

from __future__ import annotations

import gc
import random
from typing import Any

import pytest

pytest.importorskip("msgpack")
pytest.importorskip("websockets")

import msgpack

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Limits, Room, Session
from talks import join, make_room, state, taken


def enter(room: Room) -> Session:
    """Join in MessagePack, and take what there is."""
    session = Session(room)
    messages(session)
    return session


def messages(session: Session) -> list[bytes]:
    found = []
    while (message := session.take()) is not None:
        session.taken()
        assert not message.is_text
        found.append(message.data)
    return found


def sent(value: bytes, key: str = "a") -> bytes:
    """The message that sets a key to a value that is packed already."""
    return b"\x81\xa5state\x81\xa7updates\x81" + msgpack.packb(key) + value


LONG_ONE = b"\xd3" + (1).to_bytes(8, "big")
"""The longest way to write 1: who packs it again writes one byte."""


def test_bytes_go_out_as_they_came_and_others_see_what_they_stand_for() -> None:
    room = make_room()
    ada, bob, eve = enter(room), enter(room), join(room)
    taken(eve)
    ada.receive(sent(b"\x92" + LONG_ONE + b"\xa1x"))
    room.flush()
    [for_ada], [for_bob] = messages(ada), messages(bob)
    assert for_ada is for_bob
    assert b"\x92" + LONG_ONE + b"\xa1x" in for_bob
    assert taken(eve) == [state(1, {"a": [1, "x"]})]
    assert room.multi_view.get("a") == [1, "x"]
    assert room.multi_view.copy_content() == {"a": [1, "x"]}


def test_the_rest_of_a_message_is_heeded() -> None:
    room = make_room()
    session = enter(room)
    content = {"updates": {"a": 1, "b": {"c": 2}}, "removals": ["b"]}
    session.receive(msgpack.packb({"state": content, "id": 3, "unchanged_since": 0}))
    assert [msgpack.unpackb(data) for data in messages(session)] == [{"done": 3, "version": 1}]
    assert room.multi_view.copy_content() == {"a": 1}
    session.receive(msgpack.packb({"state": {"updates": {"a": 2}}, "unchanged_since": 0}))
    [error] = messages(session)
    assert msgpack.unpackb(error)["error"]["kind"] == "conflict"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # Some receivers give up at a key that is there already.
        (b"\x82\xa1x\x01\xa1x\x02", {"x": 2}),
        (b"\x91\x82\xa1x\x01\xd9\x01x\x02", [{"x": 2}]),
        (msgpack.packb(msgpack.Timestamp(5, 0)), 5.0),
        (b"\x91\x81\xc5\0\x01k\x01", [{b"k": 1}]),
    ],
    ids=["twice", "twice, written otherwise", "a time", "a key of bytes"],
)
def test_what_not_everybody_can_read_is_packed_anew(value: bytes, expected: Any) -> None:
    room = make_room()
    ada, bob = enter(room), enter(room)
    ada.receive(sent(value))
    room.flush()
    [message] = messages(bob)
    assert value not in message
    assert msgpack.packb(expected) in message
    assert room.multi_view.get("a") == expected


def test_a_value_that_is_deeper_than_what_is_passed_on_is_taken_if_the_limit_allows_it() -> None:
    room = make_room(limits=Limits(depth=200))
    ada, bob = enter(room), enter(room)
    ada.receive(sent(b"\x91" * 199 + b"\x90"))
    room.flush()
    [message] = messages(bob)
    assert b"\x91" * 199 + b"\x90" in message
    ada.receive(sent(b"\x91" * 200 + b"\x90"))
    [error, _] = messages(ada)
    assert "more than 200 lists and maps" in msgpack.unpackb(error)["error"]["message"]


@pytest.mark.parametrize("as_came", [True, False])
def test_entries_count_as_memory_however_a_value_is_kept(as_came: bool) -> None:
    """A hundred bytes of empty lists take a hundred objects."""
    # Beside the hundred entries and their bytes there is room for some bytes, not for an entry.
    room = make_room(limits=Limits(state_bytes=100 * 64 + 100 + 60))
    session = enter(room)
    lists = [[]] * 100
    session.receive(sent(msgpack.packb(lists)))
    assert messages(session) == []
    assert room.multi_view.get("a") == lists
    more = msgpack.packb([[]] * 101)
    if not as_came:
        more = more[:-1] + msgpack.packb({b"k": []})
    session.receive(sent(more))
    [error] = messages(session)
    assert msgpack.unpackb(error)["error"]["kind"] == "too_large"
    assert room.multi_view.get("a") == lists


def test_a_value_is_made_into_objects_for_whoever_looks_alone() -> None:
    multi_view = DictionaryChangeMultiView()
    ada = enter(Room(multi_view))
    # Numbers that nobody else has.
    first = random.getrandbits(60)
    ada.receive(sent(msgpack.packb([[first + number] for number in range(1000)])))

    def objects() -> int:
        lists = [it[:1] for it in gc.get_objects() if type(it) is list and len(it) == 1]
        return sum(type(it) is int and 0 <= it - first < 1000 for only in lists for it in only)

    gc.collect()
    assert objects() == 0
    value = multi_view.get("a")
    assert value[999] == [first + 999]
    assert objects() == 1000
