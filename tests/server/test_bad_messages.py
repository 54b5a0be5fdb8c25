"""Messages that are no good, over real sockets: they are answered, and change nothing."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from change_buffers.server import Limits
from lines import CLOSE, CONT, PING, TEXT, frame, open_line, text
from sites import JSON, in_loop, site, until

HELLO = text({"state": {"updates": {"hello": "x" * 300}}, "id": 1})


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (frame(b"x" * 2000, TEXT), 1009),
        (frame(b"", TEXT, size=2000), 1009),
        (frame(b"", TEXT, size=1 << 62), 1009),
        (b"".join(frame(b"x" * 600, TEXT if not n else CONT, fin=False) for n in range(3)), 1009),
        (frame(b"", TEXT, fin=False) + frame(b"", CONT, fin=False) * 1001, 1008),
        (frame(b'{"state"', TEXT, fin=False) + HELLO, 1002),
        (frame(b"x", CONT), 1002),
        (frame(b"\xff\xfe", TEXT), 1007),
        (frame(b'{"a":"\xc3', TEXT), 1007),
        (frame(b"{", TEXT, is_masked=False), 1002),
        (frame(b"{", TEXT, reserved=4), 1002),
        (frame(b"{", 5), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame(b"", PING, fin=False), 1002),
        (frame(b"\x03", CLOSE), 1002),
        (frame(b"\x03\xe8\xff", CLOSE), 1007),
    ],
)
@in_loop
async def test_what_is_no_websocket_ends_the_connection(attack: bytes, code: int) -> None:
    async with site(limits=Limits(message_bytes=1000)) as where:
        line = await open_line(where)
        line.send(attack)
        assert await line.close_code() == code
        assert where.room.copy_content() == {}
        await where.is_well()


def nested(levels: int, inner: Any = 1) -> Any:
    for _ in range(levels):
        inner = [inner]
    return inner


BAD_TEXT = [
    ("", "this is not JSON"),
    ("hello", "this is not JSON"),
    ("{", "this is not JSON"),
    ("3", "expected a map, found 3"),
    ("null", "expected a map, found null"),
    ("[]", "expected a map, found a list"),
    ('{"state": 1}', "expected a map, found 1"),
    ('{"state": {"update": {}}}', "expected updates, removals or both"),
    ('{"state": {"updates": []}}', "expected a map, found a list"),
    ('{"state": {"updates": {"a": 1}, "removals": "b"}}', "expected a list, found a text ('b')"),
    ('{"state": {"updates": {"a": 1}, "removals": {"b": 1}}}', "expected a list, found a map"),
    ('{"state": {"updates": {"a": 1}, "removals": [null]}}', "expected a text, found null"),
    ('{"state": {"updates": {"a": NaN}}}', "this is not JSON"),
    ('{"state": {"updates": {"a": "\\ud800"}}}', None),
    ('{"state": {"updates": {"\\ud800": 1}}}', None),
    ('{"state": {"updates": {"a": 1}, "removals": ["\\ud800"]}}', None),
    ('{"state": {"updates": {"a": 1}}, "id": []}', "expected a number or a text"),
    ('{"state": {"updates": {"a": 1}}, "id": 1.5}', "expected a number or a text"),
    ('{"state": {"updates": {"a": 1}}, "unchanged_since": "x"}', "expected a version"),
    ('{"state": {"updates": {"a": 1}}, "unchanged_since": -1}', "expected a version"),
    ('{"state": {"updates": {"a": 1}}, "unchanged_since": true}', "expected a version"),
    ('{"state": {"updates": {"a": 1}}, "follow": []}', "expected a map, found a list"),
    ('{"state": {"updates": {"a": 1}}, "follow": {"interval": "x"}}', "a number of seconds"),
    ('{"state": {"updates": {"a": 1}}, "follow": {"interval": -1}}', "a number of seconds"),
    ('{"state": {"updates": {"a": 1}}, "follow": {"prefixes": "x"}}', "expected a list of texts"),
    ('{"state": {"updates": {"a": 1}}, "follow": {"prefixes": [1]}}', "expected a list of texts"),
    ('{"state": {"updates": {"a": ' + "[" * 33 + "]" * 33 + "}}}", "in each other"),
    ('{"state": {"updates": {"a": ' + "[" * 5000 + "]" * 5000 + "}}}", None),
    ("[" * 200_000, None),
]


@pytest.mark.parametrize(("message", "expected"), BAD_TEXT, ids=[m[:40] for m, _ in BAD_TEXT])
@in_loop
async def test_a_bad_message_is_answered_and_changes_nothing(
    message: str, expected: str | None
) -> None:
    async with site() as where, where.client("", JSON) as ada, where.client() as bob:
        await ada.connection.send(message)
        error = await ada.error()
        assert error["kind"] == "malformed"
        assert expected is None or expected in error["message"]
        await ada.update({"end": 1})
        await bob.has({"end": 1})
        assert where.room.version == 1
        assert bob.errors == []


BAD_BINARY = [
    (b"", "this is not MessagePack"),
    (b"\xc1", "this is not MessagePack"),
    (b"\x81\xa5state", "this is not MessagePack"),
    (msgpack.packb({}) + b"\0", "something follows the message"),
    (msgpack.packb(1), "expected a map, found 1"),
    (msgpack.packb({"state": {"updates": {b"a": 1}}}), "expected keys that are text, found bytes"),
    (msgpack.packb({"state": {"updates": {"a": 1}, "removals": [b"a"]}}), "expected a text"),
    (msgpack.packb({"state": {"updates": {"a": msgpack.ExtType(5, b"")}}}), "of type 5"),
    (b"\x81\xa5state\x81\xa7updates\x81\xa1\xff\x01", "this is not MessagePack"),
    (b"\x81\x01\x02", "this is not MessagePack"),
    (b"\xdf\xff\xff\xff\xff", "this is not MessagePack"),
    (b"\xdd\xff\xff\xff\xff" * 100, "this is not MessagePack"),
    (msgpack.packb({"state": {"updates": {"a": nested(33)}}}), "in each other"),
    (b"\x81\xa5state\x81\xa7updates\x81\xa1a" + b"\x91" * 100_000 + b"\x01", None),
]


@pytest.mark.parametrize(("message", "expected"), BAD_BINARY, ids=range(len(BAD_BINARY)))
@in_loop
async def test_a_bad_binary_message_is_answered_and_changes_nothing(
    message: bytes, expected: str | None
) -> None:
    async with site() as where, where.client() as ada, where.client() as bob:
        await ada.connection.send(message)
        error = await ada.error()
        assert error["kind"] == "malformed"
        assert expected is None or expected in error["message"]
        await ada.update({"end": nested(32)})
        await bob.has({"end": nested(32)})
        assert where.room.version == 1


@in_loop
async def test_the_wrong_kind_of_message_is_answered() -> None:
    async with site() as where, where.client("", JSON) as ada, where.client() as bob:
        await ada.connection.send(b"\x80")
        assert "expected JSON in a text message" in (await ada.error())["message"]
        await bob.connection.send("{}")
        assert "expected MessagePack in a binary message" in (await bob.error())["message"]


@in_loop
async def test_what_one_format_has_and_the_other_has_not_ends_nobody() -> None:
    odd = {
        "bytes": b"\0\xff", "nan": float("nan"), "inf": [float("-inf")], "big": 2**64 - 1,
        "keys": {b"k": {b"\xff": [b"x"]}}, "text": "\0\N{SNOWMAN}", "time": msgpack.Timestamp(5),
    }  # fmt: skip
    async with site() as where, where.client("", JSON) as browser, where.client() as ada:
        await ada.update(odd)
        await until(lambda: len(browser.replica) == len(odd) == len(ada.replica))
        assert browser.replica["bytes"] == "AP8="
        assert browser.replica["nan"] is None
        assert browser.replica["inf"] == [None]
        assert browser.replica["big"] == 2**64 - 1
        assert browser.replica["keys"] == {"aw==": {"/w==": ["eA=="]}}
        assert browser.replica["time"] == ada.replica["time"] == 5.0
        assert ada.replica["bytes"] == b"\0\xff"
