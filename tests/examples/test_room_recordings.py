"""Recordings that the room demo replays."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from room_recordings import as_lines, records, write_records_zip
from room_runs import Kit, row, run


@pytest.mark.parametrize("kind", ["plain", "gz", "zip"])
def test_a_recording_is_replayed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "session"  # the format is not told by the name
    if kind == "zip":
        write_records_zip(path)
    else:
        data = as_lines(records())
        path.write_bytes(gzip.compress(data) if kind == "gz" else data)
    status, out, err = run("--clients", "3", "--recording", path, "--speed", "2")
    assert (status, err) == (0, "")
    assert row(out, "changes published") == ["50"]
    assert row(out, "replicas equal the content") == ["yes, 3 of 3"]


def test_missing_parts_unknown_members_and_blank_lines_are_fine(kit: Kit, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'{"t": 1, "removals": null}\n\n{"t": 1, "updates": {"a": null}, "b": 0}')
    read = kit("recording").read_recording(path)
    assert [(r.t, r.updates, r.removals) for r in read] == [(1, {}, []), (1, {"a": None}, [])]


def test_the_formats_give_the_same_records(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(as_lines(records()))
    archive, lines = (
        kit("recording").read_recording(path)
        for path in (write_records_zip(tmp_path / "zip"), tmp_path / "lines")
    )
    assert len(lines) == 50
    assert [(r.updates, r.removals) for r in archive] == [(r.updates, r.removals) for r in lines]
    assert [r.t for r in archive] == pytest.approx([r.t for r in lines])
