"""Reading recordings of a shared state, in any of the formats that there are.

The format is told by the first bytes of a file, not by its name. The whole recording is read
and checked before anything is replayed.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from roomkit.json_lines import read_json_lines
from roomkit.load import Record
from roomkit.nanover_zip import read_nanover_zip
from roomkit.records import RecordingError

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK"


def read_recording(path: Path) -> list[Record]:
    """Return the records of the file, or raise `RecordingError` or `OSError`."""
    with path.open("rb") as file:
        magic = file.read(2)
        if not magic:
            raise RecordingError(path, "byte 0", "the file is empty")
        file.seek(0)
        if magic == ZIP_MAGIC:
            return read_nanover_zip(path, file)
        if magic == GZIP_MAGIC:
            with gzip.open(file) as unpacked:
                return read_json_lines(path, unpacked)
        return read_json_lines(path, file)
