"""The sides of `bench_encode.py`: `packers.py plain|encoding`."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from types import ModuleType
from typing import Any

import msgpack
import orjson
import ormsgpack

import change_buffers
from contenders import BY_NAME, OURS, Room
from measure import Side, Timed
from remote import serve

AVATARS = 100
VIEWS = 100
THREADS = 4

Packer = Callable[[Any], bytes]
PACKERS: dict[str, Packer] = {
    "msgpack": msgpack.packb,
    "ormsgpack": ormsgpack.packb,
    "orjson": orjson.dumps,
}


def avatar(rng: random.Random) -> dict[str, Any]:
    """About 400 bytes of MessagePack, like those of NanoVer's VR clients."""
    parts = ["headset", "hand.left", "hand.right"]
    return {
        "player_id": f"{rng.getrandbits(128):032x}",
        "components": [
            {
                "name": part,
                "position": [rng.uniform(-5, 5) for _ in range(3)],
                "rotation": [rng.uniform(-1, 1) for _ in range(4)],
            }
            for part in parts
        ],
        "name": f"player {rng.randrange(1000)}",
        "color": [rng.random() for _ in range(3)],
    }


class Tick:
    """All avatars have moved; every view flushes, and what it got is packed. Only that counts."""

    def __init__(
        self,
        pack: Callable[[Any], bytes],
        *,
        implementation: ModuleType = OURS,
        apart: bool = False,
    ) -> None:
        self._room = Room(implementation, views=VIEWS)
        self._rng = random.Random(1)
        self._pack = pack
        # Else all views are at the same position, and so send the same bytes.
        self._apart = apart

    def round(self) -> float:
        update = self._room.multi_view.update
        for number in range(AVATARS):
            update({f"avatar.{number}": avatar(self._rng)})
        pack = self._pack
        flushes = [view.flush_changed_blocking for view in self._room.views]
        seconds = 0.0
        for number, flush in enumerate(flushes):
            if self._apart:
                update({"clock": number})
            start = perf_counter()
            pack(flush())
            seconds += perf_counter() - start
        if self._apart:
            for view in self._room.views:
                view.flush_changed_nowait()
        return seconds


def by_hand(packb: Packer) -> Callable[[Any], bytes]:
    def pack(change: Any) -> bytes:
        return packb({"state": {"updates": change.updates, "removals": list(change.removals)}})

    return pack


def content() -> dict[str, Any]:
    rng = random.Random(2)
    return {f"avatar.{number}": avatar(rng) for number in range(AVATARS)}


class Threads:
    """Several threads encode changes of their own, or one thread all of them."""

    def __init__(self, encode: Callable[[Any], bytes], *, at_once: bool) -> None:
        self._room = Room(OURS, views=THREADS)
        self._encode = encode
        self._pool = ThreadPoolExecutor(THREADS if at_once else 1)

    def round(self) -> float:
        # Each is at a position of its own, so there are no bytes to share but those of the values.
        self._room.multi_view.update(content())
        changes = []
        for number, view in enumerate(self._room.views):
            self._room.multi_view.update({"clock": number})
            changes.append(view.flush_changed_blocking())
        self._encode(changes[0])
        for view in self._room.views:
            view.flush_changed_nowait()
        start = perf_counter()
        list(self._pool.map(self._encode_often, changes))
        return perf_counter() - start

    def _encode_often(self, change: Any) -> None:
        for _ in range(100):
            self._encode(change)


def begin_encoding(multi_view: Any, codec: Any) -> None:
    """Have a first change encoded: from then on values keep their bytes."""
    with multi_view.create_view() as view:
        view.update({"first": 1})
        view.flush_changed_blocking().encode(codec)


def updates(implementation: ModuleType, codec: Any = None) -> dict[str, Side]:
    """Updates of keys that are there: without views, with one, and with one that flushes each."""
    sides: dict[str, Side] = {}
    for what, views, statement in [
        ("update", 0, "update(avatars)"),
        ("update with a view", 1, "update(avatars)"),
        ("update and flush", 1, "update(avatars); flush().updates"),
    ]:
        room = Room(implementation, views=views)
        if codec is not None:
            begin_encoding(room.multi_view, codec)
        names = {"update": room.multi_view.update, "avatars": content(), "room": room}
        if views:
            names["flush"] = room.views[0].flush_changed_blocking
        sides[what] = Timed(statement, names)
    return sides


def passing_on(take: Callable[[bytes], Any], codec: Any) -> Side:
    """Avatars that come in as messages, one each, go out as one message."""
    room = Room(OURS, views=1)
    begin_encoding(room.multi_view, codec)
    messages = [msgpack.packb({"updates": {key: value}}) for key, value in content().items()]
    update, flush = room.multi_view.update, room.views[0].flush_changed_blocking

    def tick() -> bytes:
        for message in messages:
            update(take(message)["updates"])
        encoded: bytes = flush().encode(codec)
        return encoded

    return Timed("tick()", {"tick": tick, "room": room})


def plain() -> dict[str, Side]:
    fragments = [msgpack.packb(key) + msgpack.packb(value) for key, value in content().items()]
    return {
        **{
            f"{name}, {rival}": Tick(by_hand(packb), implementation=implementation)
            for name, packb in PACKERS.items()
            for rival, implementation in BY_NAME.items()
        },
        **{
            f"{what}, {rival}": side
            for rival, implementation in BY_NAME.items()
            for what, side in updates(implementation).items()
        },
        "join": Timed("b''.join(fragments)", {"fragments": fragments}),
    }


def encoding() -> dict[str, Side]:
    from change_buffers.codecs import JSONCodec, MessagePackCodec, unpack_around

    codecs = {
        "msgpack": MessagePackCodec(msgpack.packb),
        "ormsgpack": MessagePackCodec(ormsgpack.packb),
        "orjson": JSONCodec(orjson.dumps),
    }

    def encoder(name: str) -> Callable[[Any], bytes]:
        codec = codecs[name]
        return lambda change: change.encode(codec, "state")

    room = Room(OURS, views=1)
    begin_encoding(room.multi_view, codecs["msgpack"])
    room.multi_view.update(content())
    change = room.views[0].flush_changed_blocking()
    names = {"change": change, "codec": codecs["msgpack"], "room": room}
    opened = change_buffers.DictionaryChangeMultiView()
    begin_encoding(opened, codecs["msgpack"])
    with opened.create_view() as view:
        opened.update(content())
        looked_at = view.flush_changed_blocking()
    assert looked_at.updates
    return {
        **{name: Tick(encoder(name)) for name in codecs},
        **{f"{name} apart": Tick(encoder(name), apart=True) for name in codecs},
        **updates(OURS, codecs["msgpack"]),
        "encode": Timed("change.encode(codec)", names),
        "encode opened": Timed("change.encode(codec)", {**names, "change": looked_at}),
        "decoded": passing_on(msgpack.unpackb, codecs["ormsgpack"]),
        "packed": passing_on(lambda data: unpack_around(data, "updates"), codecs["ormsgpack"]),
        "one thread": Threads(encoder("msgpack"), at_once=False),
        "threads": Threads(encoder("msgpack"), at_once=True),
    }


if __name__ == "__main__":
    serve({"plain": plain, "encoding": encoding}[sys.argv[1]]())
