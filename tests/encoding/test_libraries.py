"""What codecs without functions of their own encode: every row of the guide's tables."""

from __future__ import annotations

import json
import re
import sys
from collections import namedtuple
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgpack
import pytest

from change_buffers import DictionaryChange
from change_buffers.codecs import JSONCodec, MessagePackCodec
from doc_blocks import ROOT
from encoding import MISSING

PAGE = ROOT / "docs" / "guide" / "encoding.md"
LIBRARIES = {"MessagePack": ["msgpack", "ormsgpack"], "JSON": ["json", "orjson"]}

Point = namedtuple("Point", ["x", "y"])


class Metres(float):
    pass


class Name(str):
    pass


class Blob(bytes):
    pass


class Level(IntEnum):
    LOW = 1


class Color(Enum):
    RED = "red"


@dataclass
class Player:
    name: str


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


EXAMPLES = {
    **{kind.__name__: kind for kind in (Point, Metres, Name, Blob, Level, Color, Player)},
    "UUID": UUID,
    "date": date,
    "nested": nested,
    "packed": msgpack.packb,
    "ExtType": msgpack.ExtType,
    "Timestamp": msgpack.Timestamp,
}


class Cell(NamedTuple):
    """What a table says about one value and one library."""

    library: str
    decodes: bool
    example: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.library}: {self.example}"


def cells() -> list[Cell]:
    text = PAGE.read_text(encoding="utf-8")
    found = []
    for format_name, libraries in LIBRARIES.items():
        section = text.split(f"### {format_name}\n")[1].split("\n### ")[0]
        for table in re.findall(r"^\|.*?\n(?!\|)", section, re.MULTILINE | re.DOTALL):
            head, _, *rows = table.splitlines()
            for row in rows:
                what, *codes = row.strip("| ").split(" | ")
                example, *outcomes = [re.fullmatch("`(.*)`", code)[1] for code in codes]
                assert what
                outcomes *= 2 // len(outcomes)
                for library, outcome in zip(libraries, outcomes, strict=True):
                    found.append(Cell(library, "in the message" in head, example, outcome))
    return found


CELLS = cells()


def test_the_tables_are_found():
    assert len(CELLS) > 70
    assert {cell.library for cell in CELLS} == {"msgpack", "ormsgpack", "json", "orjson"}
    assert {cell.decodes for cell in CELLS} == {True, False}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_library_does_what_the_guide_says(monkeypatch, cell):
    if cell.library in MISSING:
        pytest.skip(f"{cell.library} is not installed")
    # With this library alone, but for what only the presence of the other one brings about.
    others = {"msgpack": ["ormsgpack"], "ormsgpack": ["msgpack"] * cell.decodes, "json": ["orjson"]}
    for other in others.get(cell.library, []):
        monkeypatch.setitem(sys.modules, other, None)
    kind = MessagePackCodec if "msgpack" in cell.library else JSONCodec
    codec = kind()
    value = eval(cell.example, EXAMPLES)
    if cell.decodes:
        value, rest = value if isinstance(value, tuple) else (value, b"")

        def outcome():
            return codec.decode(message_of(kind, value) + rest).updates["key"]
    else:

        def outcome():
            return read(kind, DictionaryChange({"key": value}).encode(codec))["updates"]["key"]

    if cell.outcome == "ValueError":
        with pytest.raises(ValueError, match=None if cell.decodes else r"updates\['key'\]"):
            outcome()
    else:
        # In writing, since NaN is not equal to itself.
        assert repr(outcome()) == repr(eval(cell.outcome, EXAMPLES))


def message_of(kind: type, value: bytes) -> bytes:
    """Make a message with a value that is encoded already."""
    codec = kind(lambda _: value, len)
    return DictionaryChange({"key": None}).encode(codec)


def read(kind: type, message: bytes) -> Any:
    """Read a message as leniently as can be."""
    if kind is MessagePackCodec:
        return msgpack.unpackb(message, strict_map_key=False)
    return json.loads(message)
