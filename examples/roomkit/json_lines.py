"""Reading recordings that are JSON lines.

Such a file is UTF-8 text with one JSON object per line: `t` (seconds), `updates` (an object)
and `removals` (an array of strings). Other members are ignored, and so are blank lines.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from roomkit.load import Record
from roomkit.records import BadRecordError, RecordingError, make_record, named


def read_json_lines(path: Path, file: Iterable[bytes]) -> list[Record]:
    """Return the records of an open file of JSON lines."""
    records: list[Record] = []
    number = 0
    for number, line in enumerate(lines_of(path, file), start=1):
        if line.isspace():
            continue
        try:
            records.append(parse_line(line, after=records[-1].t if records else 0.0))
        except BadRecordError as error:
            raise RecordingError(path, f"line {number}", str(error)) from None
    if not records:
        raise RecordingError(path, f"line {number}", "the file ends without a single record")
    return records


def lines_of(path: Path, file: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines; say after which one the compressed data are at fault, if they are."""
    number = 0
    try:
        for line in file:
            yield line
            number += 1
    except EOFError:
        place = f"byte {path.stat().st_size}, after line {number}"
        raise RecordingError(path, place, "the gzip data end early, the file is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        why = f"the gzip data are damaged ({error})"
        raise RecordingError(path, f"after line {number}", why) from None


def parse_line(line: bytes, *, after: float) -> Record:
    """Return the record that is written on one line."""
    try:
        item = json.loads(line.decode())
    except UnicodeDecodeError as error:
        why = f"not a recording: byte {error.start + 1} of the line is not text"
        raise BadRecordError(why) from None
    except (ValueError, RecursionError) as error:
        if not line.endswith(b"\n"):
            raise BadRecordError(
                f"the file ends inside this record, it is cut off ({error})"
            ) from None
        raise BadRecordError(f"not a JSON record ({error})") from None
    if not isinstance(item, dict):
        raise BadRecordError(f"a record is a JSON object, this is {named(item)}")
    if "t" not in item:
        raise BadRecordError("not a recording: the record has no time 't'")
    return make_record(item["t"], item, after=after)
