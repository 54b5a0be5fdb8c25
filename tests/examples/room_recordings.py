"""A recording to replay in the room demo, in each of the formats that it can have.

Its scene stays, one avatar moves, another comes and goes.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]


def records() -> list[dict[str, Any]]:
    moves: list[dict[str, Any]] = [
        {"t": 10 + n / 100, "updates": {"avatar.a": {"x": [n]}, "index": n}, "removals": []}
        for n in range(50)
    ]
    moves[0]["updates"]["scene"] = [0.0, 1.0]
    moves[20]["updates"]["avatar.b"] = {}
    moves[40]["removals"] = ["avatar.b", "never there"]
    return moves


FIRST_MESSAGE = msgpack.packb(
    {"state": {part: records()[0][part] for part in ("updates", "removals")}}
)


def as_lines(items: list[Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def write_zip(
    path: Path, messages: list[bytes], metadata: list[Any], change: dict[str, Any] | None = None
) -> Path:
    """Write an archive as NanoVer does; `change` replaces fields of the second index entry."""
    index: list[Any] = []
    offset = 0
    for message, data in zip(messages, metadata, strict=True):
        index.append({"offset": offset, "length": len(message), "metadata": data})
        offset += len(message)
    if change is not None:
        index[1].update(change)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("messages.msgpack", b"".join(messages))
        archive.writestr("index.msgpack", msgpack.packb(index))
    return path


def write_records_zip(path: Path, **change: Any) -> Path:
    """Write `records()`, with frames between them of which only some are declared as such."""
    messages: list[bytes] = []
    metadata: list[Any] = []
    for number, record in enumerate(records()):
        timestamp = round(record.pop("t") * 1e6)
        messages += [msgpack.packb({"state": record}), msgpack.packb({"frame": {1: b"\0"}})]
        frame: Any = {"timestamp": timestamp, "types": ["frame"]} if number % 2 else {}
        metadata += [{"timestamp": timestamp, "types": ["state"]}, frame]
    return write_zip(path, messages, metadata, change)
