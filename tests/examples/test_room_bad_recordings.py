"""What the room demo says about files that it cannot replay."""

from __future__ import annotations

import gzip
import os
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from room_recordings import FIRST_MESSAGE, as_lines, records, write_records_zip
from room_runs import Kit, run


def refused(path: Path) -> str:
    """Run the demo on a bad recording; return what its one line says about the file."""
    status, out, err = run("--recording", path)
    assert (status, out) == (2, "")
    start_of_line = f"room.py: error: {path}: "
    assert err.startswith(start_of_line)
    assert err.count("\n") == 1
    return err[len(start_of_line) : -1]


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl.gz"
    # Random numbers: the file must be longer than what is read ahead.
    items = [{"t": n, "updates": {"x": os.urandom(500).hex()}} for n in range(1000)]
    whole = gzip.compress(as_lines(items))
    path.write_bytes(whole[: len(whole) // 2])
    said = refused(path)
    assert re.fullmatch(
        rf"byte {len(whole) // 2}, after line \d+: the gzip data end early, the file is cut off",
        said,
    )
    assert 300 < int(said.split("line ")[1].split(":")[0]) < 505


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = write_records_zip(tmp_path / "session.nanover.zip")
    path.write_bytes(path.read_bytes()[:1500])
    assert refused(path).startswith("byte 1500: the zip is cut off or damaged (BadZipFile: ")


def test_a_truncated_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(as_lines(records())[:-10])
    assert refused(path).startswith("line 50: the file ends inside this record, it is cut off (")


def test_wrong_types_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(as_lines([*records(), {"t": 11, "updates": [], "removals": []}]))
    assert refused(path) == "line 51: 'updates' is a list, not a map"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.touch()
    assert refused(path) == "byte 0: the file is empty"


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert refused(path) == "line 1: not a recording: byte 1 of the line is not text"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing.jsonl") == os.strerror(2)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\n \n", "line 2: the file ends without a single record"),
        (gzip.compress(b"", mtime=0), "line 0: the file ends without a single record"),
        (b"hello\n", "line 1: not a JSON record (Expecting value: line 1 column 1 (char 0))"),
        (b"[1]\n", "line 1: a record is a JSON object, this is a list"),
        (b"3\n", "line 1: a record is a JSON object, this is a number"),
        (b'{"name": "x"}\n', "line 1: not a recording: the record has no time 't'"),
        (b'{"t": "1"}\n', "line 1: the time is a string, not a number"),
        (b'{"t": true}\n', "line 1: the time is a boolean, not a number"),
        (b'{"t": null}\n', "line 1: the time is null, not a number"),
        (b'{"t": NaN}\n', "line 1: the time is nan, not a finite number from 0 on"),
        (b'{"t": -1}\n', "line 1: the time is -1, not a finite number from 0 on"),
        (b'{"t": 1' + b"0" * 400 + b"}\n", "not a finite number from 0 on"),
        (b'{"t": 1' + b"0" * 5000 + b"}\n", "line 1: "),
        (b'{"t": 2}\n\n{"t": 1}\n', "line 3: the time goes back from 2 to 1 s"),
        (b'{"t": 0, "removals": "a"}\n', "line 1: 'removals' is a string, not a list"),
        (b'{"t": 0, "removals": [1]}\n', "line 1: the key 1 is a number, not a string"),
        (b"[" * 100_000, "line 1: "),
        (b'{"t": 0}\n\xff\n', "line 2: not a recording: byte 1 of the line is not text"),
        (
            gzip.compress(b'{"t": 0}\n', mtime=0) + b"junk",
            "after line 1: the gzip data are damaged",
        ),
        (
            gzip.compress(b"x" * 99, mtime=0)[:-8] + bytes(8),
            "the gzip data are damaged (CRC check failed",
        ),
    ],
)
def test_lines_that_are_no_recording(kit: Kit, tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(kit("records").RecordingError) as caught:
        kit("recording").read_recording(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"offset": -1}, "index.msgpack, record 2: 'offset' is -1, not a number of bytes"),
        ({"offset": None}, "index.msgpack, record 2: 'offset' is None, not a number of bytes"),
        ({"length": 10**9}, "of a messages.msgpack of "),
        ({"metadata": 3}, "index.msgpack, record 2: 'metadata' is a number, not a map"),
        ({"metadata": {"types": "state"}}, "record 2: 'types' is a string, not a list"),
        ({"length": 0}, f"record 2, byte {len(FIRST_MESSAGE)}: not valid msgpack"),
        ({"offset": 1, "length": 6}, "record 2, byte 1: the message is a string, not a map"),
        ({"offset": 0, "length": len(FIRST_MESSAGE)}, "byte 0: the time is null, not a number"),
    ],
)
def test_index_entries_that_are_wrong(
    kit: Kit, tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    path = write_records_zip(tmp_path / "x.nanover.zip", **change)
    with pytest.raises(kit("records").RecordingError) as caught:
        kit("recording").read_recording(path)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "messages.msgpack: not a recording: the zip has no such member"),
        ({"messages.msgpack": b""}, "index.msgpack: not a recording: the zip has no such"),
        ({"index.msgpack": b"\x90", "messages.msgpack": b""}, "none of the 0 records has a state"),
        ({"index.msgpack": b"\x80", "messages.msgpack": b""}, "the index is a map, not a list"),
        (
            {"index.msgpack": b"\x91\x01", "messages.msgpack": b""},
            "record 1: the entry is a number",
        ),
        ({"index.msgpack": b"\x92", "messages.msgpack": b""}, "index.msgpack: not valid msgpack"),
    ],
)
def test_zips_that_are_no_recording(
    kit: Kit, tmp_path: Path, members: dict[str, bytes], expected: str
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(kit("records").RecordingError, match=re.escape(expected)):
        kit("recording").read_recording(path)


def test_a_damaged_zip_member_is_refused(kit: Kit, tmp_path: Path) -> None:
    path = write_records_zip(tmp_path / "x.nanover.zip")
    data = path.read_bytes()
    at = data.rindex(b"timestamp")
    path.write_bytes(data[:at] + b"X" + data[at + 1 :])
    with pytest.raises(kit("records").RecordingError, match="the zip is cut off or damaged"):
        kit("recording").read_recording(path)


def test_whatever_is_wrong_with_a_file_it_takes_one_line_to_say(kit: Kit, tmp_path: Path) -> None:
    lines = as_lines(records())
    files = [lines, gzip.compress(lines), write_records_zip(tmp_path / "zip").read_bytes()]
    rng = random.Random(0)
    path = tmp_path / "x"
    refusals: list[str] = []
    for turn in range(300):
        data = bytearray(files[turn % 3])
        for _ in range(rng.choice([1, 1, 3])):
            # The end of a zip is where its directory is.
            at = rng.randrange(len(data)) if rng.random() < 0.5 else -rng.randrange(1, 200)
            data[at] = rng.randrange(256)
        path.write_bytes(data)
        try:
            kit("recording").read_recording(path)
        except kit("records").RecordingError as error:
            refusals.append(str(error))
    assert len(refusals) > 200
    assert all(refusal.isprintable() for refusal in refusals)
