"""Reading NanoVer's own recordings, the `.nanover.zip` files.

Such a file is a zip archive with two members:

`index.msgpack`
    one msgpack array with a map for each message: `offset` and `length` are the bytes it
    takes in the other member; `metadata` is a map with `timestamp` (microseconds) and
    optionally `types`, the parts that the message has.
`messages.msgpack`
    the messages, each a msgpack map. Its part `state`, if there is one, is a map with
    `updates` (a map) and `removals` (an array of strings); either may be missing or nil.

Only the state is read: messages without it (those with simulation frames alone) are passed
over, and where `types` says so they are not even unpacked. They need no timestamp; messages
with a state do. Other members of the archive and of all these maps are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO
from zipfile import ZipFile

import msgpack  # type: ignore[import-untyped]

from roomkit.load import Record
from roomkit.records import BadRecordError, RecordingError, make_record, named

INDEX = "index.msgpack"
MESSAGES = "messages.msgpack"
MICROSECOND = 1e-6


@dataclass
class Progress:
    """How far reading has come, for the message if it fails."""

    place: str


def read_nanover_zip(path: Path, file: BinaryIO) -> list[Record]:
    """Return the state changes that an open archive holds."""
    # The directory of a zip is its end, so a file that is cut off fails there.
    progress = Progress(f"byte {path.stat().st_size}")
    try:
        with ZipFile(file) as archive:
            return read_archive(archive, progress)
    except BadRecordError as error:
        raise RecordingError(path, progress.place, str(error)) from None
    except Exception as error:
        # Depending on which bytes of an archive are wrong, zipfile raises nearly anything.
        why = f"the zip is cut off or damaged ({type(error).__name__}: {error})"
        raise RecordingError(path, progress.place, why) from None


def read_archive(archive: ZipFile, progress: Progress) -> list[Record]:
    """Return the records in the order of the index."""
    for member in (MESSAGES, INDEX):
        progress.place = member
        if member not in archive.namelist():
            raise BadRecordError("not a recording: the zip has no such member")
    entries = read_index(archive)
    size = archive.getinfo(MESSAGES).file_size
    records: list[Record] = []
    with archive.open(MESSAGES) as messages:
        for number, entry in enumerate(entries, start=1):
            progress.place = f"{INDEX}, record {number}"
            offset, length, metadata = check_entry(entry, size)
            if "state" not in types_of(metadata):
                continue
            progress.place = f"{MESSAGES}, record {number}, byte {offset}"
            state = read_state(messages, offset, length)
            if state is not None:
                after = records[-1].t if records else 0.0
                t = metadata.get("timestamp")
                records.append(make_record(t, state, after=after, unit=MICROSECOND))
    if not records:
        progress.place = INDEX
        raise BadRecordError(f"none of the {len(entries)} records has a state to replay")
    return records


def read_index(archive: ZipFile) -> list[object]:
    """Return the entries of the index, unchecked."""
    entries = unpack(archive.read(INDEX))
    if not isinstance(entries, list):
        raise BadRecordError(f"the index is {named(entries)}, not a list")
    return entries


def check_entry(entry: object, size: int) -> tuple[int, int, dict[str, object]]:
    """Return offset, length and metadata of a message that lies within `size` bytes."""
    if not isinstance(entry, dict):
        raise BadRecordError(f"the entry is {named(entry)}, not a map")
    offset, length = (bytes_in(entry, name) for name in ("offset", "length"))
    if offset + length > size:
        raise BadRecordError(f"bytes {offset} to {offset + length} of a {MESSAGES} of {size} bytes")
    metadata = {} if entry.get("metadata") is None else entry["metadata"]
    if not isinstance(metadata, dict):
        raise BadRecordError(f"'metadata' is {named(metadata)}, not a map")
    return offset, length, metadata


def bytes_in(entry: dict[str, object], name: str) -> int:
    """Return a number of bytes that an entry of the index gives."""
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRecordError(f"'{name}' is {value!r:.40}, not a number of bytes")
    return value


def types_of(metadata: dict[str, object]) -> list[object]:
    """Return the parts that a message may have."""
    types = metadata.get("types", ["state"])
    if not isinstance(types, list):
        raise BadRecordError(f"'types' is {named(types)}, not a list")
    return types


def read_state(messages: IO[bytes], offset: int, length: int) -> dict[str, object] | None:
    """Return the state part of one message, `None` if it has none."""
    messages.seek(offset)
    message = unpack(messages.read(length))
    if not isinstance(message, dict):
        raise BadRecordError(f"the message is {named(message)}, not a map")
    state = message.get("state")
    if state is not None and not isinstance(state, dict):
        raise BadRecordError(f"'state' is {named(state)}, not a map")
    return state


def unpack(data: bytes) -> object:
    """Return the one msgpack value that `data` is."""
    try:
        # Frames may have any keys; those of the state are checked when the record is made.
        value: object = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError) as error:
        raise BadRecordError(f"not valid msgpack ({error})") from None
    return value
