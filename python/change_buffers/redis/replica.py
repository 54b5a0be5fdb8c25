"""The content as it is in this process: what the reader tells, as changes of the multi-view."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from change_buffers.codecs import MessagePackCodec
from change_buffers.redis.entries import Entry
from change_buffers.redis.errors import OutOfStep, RedisRefusedError
from change_buffers.redis.fragments import Fragments
from change_buffers.redis.keys import to_text
from change_buffers.redis.link import Link
from change_buffers.redis.reader import Snapshot
from change_buffers.redis.writer import Sent, Writer

if TYPE_CHECKING:
    from change_buffers.redis.multi_view import RedisMultiView
    from change_buffers.redis.publisher import RedisPublisher


class Replica:
    """What a multi-view has to do with what was read. All but `claims` is the reader's."""

    def __init__(
        self,
        room: RedisMultiView,
        link: Link,
        writer: Writer,
        codec: MessagePackCodec,
        fragments: Fragments,
    ) -> None:
        # The threads of a room that nobody has any more end.
        self._room = weakref.ref(room)
        self._link = link
        self._writer = writer
        self._codec = codec
        self._fragments = fragments
        self._publishers: weakref.WeakSet[RedisPublisher] = weakref.WeakSet()
        self._leaving: list[RedisPublisher] = []
        # Held while the content changes.
        self._lock = threading.Lock()
        self.claims: dict[str, bytes] = {}
        """Keys of exclusive publishers, with what these are called."""
        self.round_trip: float | None = None

    def reference(self) -> Callable[[], Replica | None]:
        """Give what gives the replica, as long as somebody has the room."""
        room = self._room

        def replica() -> Replica | None:
            return self if room() is not None else None

        return replica

    def add_publisher(self, publisher: RedisPublisher) -> None:
        """Note a publisher of this process."""
        self._publishers.add(publisher)

    def publishers(self) -> list[RedisPublisher]:
        """Give the publishers that are open."""
        return [publisher for publisher in self._publishers if not publisher.closed]

    def apply(self, entry: Entry) -> None:
        """Apply the next update of the room.

        Raises:
            OutOfStep: It is not one.
        """
        room = self._there()
        sent = self._sent(entry)
        fragments = entry.updates[1::2]
        try:
            values = self._values(fragments)
            updates = dict(zip(map(to_text, entry.updates[::2]), values, strict=True))
            removals = [to_text(key) for key in entry.removals]
            claims = {to_text(name): owner for name, owner in entry.claims.items()}
        except ValueError as error:
            raise OutOfStep(f"garbage in the stream: {error}", diverged=True) from error
        self._fragments.remember(values, fragments)
        if self.claims or claims:
            kept = {name: by for name, by in self.claims.items() if name not in updates}
            for gone in removals:
                kept.pop(gone, None)
            self.claims = kept | claims
        with self._lock:
            room._replay(updates, removals, entry.version, sent.marks if sent else None)
        if sent is not None:
            self.round_trip = time.monotonic() - sent.at
        self.have_left(sent.leaves if sent is not None else [])
        if entry.freezes:
            room._freeze_here()

    def replace(self, snapshot: Snapshot) -> None:
        """Take over a snapshot, as one change: what is different to what is here.

        Raises:
            RedisRefusedError: Somebody else has written to it.
        """
        room = self._there()
        here = room.copy_content()
        encode, decode = self._codec.encode_value, self._codec.decode_value
        updates: dict[str, Any] = {}
        for name, fragment in snapshot.content.items():
            try:
                key = to_text(name)
                if key in here:
                    known = encode(here.pop(key))
                    if known == fragment:
                        continue
                    value = decode(fragment)
                    # Another library may have other bytes for the same.
                    if encode(value) == known:
                        continue
                else:
                    value = decode(fragment)
            except ValueError as error:
                raise RedisRefusedError(
                    f"the content of room {self._link.name!r} has a key {name!r} that was "
                    f"written by somebody else: {error}"
                ) from error
            updates[key] = value
        self.claims = {
            to_text(key): owner for key, owner in snapshot.owners.items() if owner.endswith(b"x")
        }
        left = self._writer.forget_sent(snapshot.known.version)
        with self._lock:
            if snapshot.known.version > room.version:
                room._replay(updates, here, snapshot.known.version, None)
            elif updates or here:
                raise OutOfStep("the room has gone back")
        self.have_left(left)
        if snapshot.frozen:
            room._freeze_here()

    def have_left(self, publishers: list[RedisPublisher]) -> None:
        """Close publishers here once their keys have gone: these must go by Redis alone."""
        if not (publishers or self._leaving):
            return
        with self._lock:
            leaving = [*self._leaving, *publishers]
            self._leaving = [each for each in leaving if each.owned_keys]
            for each in leaving:
                if not each.owned_keys:
                    each._has_left()

    def _values(self, fragments: list[bytes]) -> list[Any]:
        # As one array: most of the time that a value takes goes by around its decoding.
        if not fragments:
            return []
        array = b"\xdd" + len(fragments).to_bytes(4, "big") + b"".join(fragments)
        values: list[Any] = self._codec.decode_value(array)
        return values

    def _sent(self, entry: Entry) -> Sent | None:
        origin, _, number = entry.token.partition(":")
        if origin != self._link.origin or not number.isdigit():
            return None
        return self._writer.sent.pop(int(number), None)

    def _there(self) -> RedisMultiView:
        room = self._room()
        if room is None:
            self._link.closing.set()
            raise OutOfStep("nobody has the room any more")
        return room
