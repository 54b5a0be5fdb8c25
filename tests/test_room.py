"""The room demo, run as its users run it, and what it says about files it cannot replay."""

from __future__ import annotations

import gzip
import importlib
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ROOM = EXAMPLES / "room.py"
CHILD_TIMEOUT = 30
SMALL = ("--clients", "6", "--seconds", "1")

Kit = Callable[[str], ModuleType]


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, ROOM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Otherwise the box-drawing characters depend on the locale of whoever runs the tests.
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"},
        encoding="utf-8",
    )


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=CHILD_TIMEOUT)
    finally:
        child.kill()
    return child.returncode, out, err


def run(*arguments: str | Path) -> tuple[int, str, str]:
    return finish(start(*arguments))


def row(table: str, label: str) -> list[str]:
    """Return the cells beside a label of the table."""
    lines = [line for line in table.splitlines() if f" {label} " in line]
    assert len(lines) == 1, table
    return [cell.strip() for cell in re.split("[│|]", lines[0])[2:-1]]


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Kit:
    """Give access to the modules of the demo."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return lambda name: importlib.import_module(f"roomkit.{name}")


# Recordings: a scene that stays, an avatar that moves, another that comes and goes.


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


# Runs


def test_the_synthetic_room_ends_with_the_table_and_equal_replicas() -> None:
    status, out, err = run(*SMALL)
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    published, deliveries = (
        int(row(out, label)[0].replace(",", "")) for label in ("changes published", "deliveries")
    )
    # Five clients' worth of avatars at 30 Hz; the slowest pace is 5 Hz, the fastest 60 Hz.
    assert 100 < published < 200
    assert 30 < deliveries < 400
    assert float(row(out, "coalescing factor")[0]) >= 1
    for label in ("latency p50", "latency p99", "delay p50", "delay p99"):
        assert re.fullmatch(r"[0-9.]+ ms", row(out, label)[0])
    assert re.fullmatch(r"[0-9.]+ s", row(out, "CPU used")[0])
    assert row(out, "replicas equal the content") == ["yes, 5 of 5"]  # the sixth left for good


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


def test_compare_shows_the_model_beside_the_module() -> None:
    status, out, err = run(*SMALL, "--compare")
    assert (status, err) == (0, "")
    model, module, ratio = row(out, "changes published")
    assert model == module
    assert ratio == "1.00"
    assert "plain-Python model" in out
    assert "change-buffers" in out
    assert row(out, "replicas equal the content") == ["yes, 5 of 5", "yes, 5 of 5", ""]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("compare", [False, True])
def test_ctrl_c_ends_it_with_the_table(compare: bool) -> None:
    child = start("--clients", "6", "--seconds", "60", *(["--compare"] if compare else []))
    assert child.stdout is not None
    assert child.stdout.readline().endswith("...\n")
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    begin = time.monotonic()
    status, out, err = finish(child)
    assert time.monotonic() - begin < 5
    assert (status, err) == (130, "")
    assert "(interrupted)" in out
    assert int(row(out, "changes published")[0]) > 0
    assert row(out, "replicas equal the content")[0].startswith("yes, ")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_gets_live_figures() -> None:
    import pty

    main, side = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen([sys.executable, ROOM, *SMALL], stdout=side, stderr=side, env=env)
    os.close(side)
    out = b""
    try:
        while data := os.read(main, 65536):
            out += data
    except OSError:
        pass  # how Linux says that the other side has closed
    finally:
        os.close(main)
    assert child.wait(CHILD_TIMEOUT) == 0
    assert b"published/s" in out
    assert b"yes, 5 of 5" in out


# The check of the replicas


def test_a_replica_that_missed_a_removal_is_reported() -> None:
    # As if the deliveries lacked their removals.
    code = """
import sys, room, roomkit.clients
roomkit.clients.apply = lambda replica, change: replica.update(change.updates)
sys.exit(room.main(sys.argv[1:]))
"""
    child = subprocess.run(
        [sys.executable, "-c", code, *SMALL],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=CHILD_TIMEOUT,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")]),
        },
    )
    assert child.returncode == 1
    assert row(child.stdout, "replicas equal the content")[0].startswith("NO, ")
    assert re.search(r"client 0: 2 that should be gone \(such as 'avatar\.", child.stderr)


@pytest.mark.parametrize(
    ("replica", "expected"),
    [
        ({"a": [1], "b": 2}, None),
        ({"a": [1]}, "1 missing (such as 'b')"),
        ({"a": [0], "b": 2}, "1 stale (such as 'a')"),
        ({"a": [1], "b": 2, "c": 3}, "1 that should be gone (such as 'c')"),
        ({}, "2 missing (such as 'a')"),
    ],
)
def test_a_corrupted_replica_is_told_from_the_content(
    kit: Kit, replica: dict[str, Any], expected: str | None
) -> None:
    assert kit("clients").difference(replica, {"a": [1], "b": 2}) == expected


def test_a_failing_client_is_reported(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=2, seconds=0.2, seed=0)

    class Broken:
        def update(self, updates: object, removals: object) -> None:
            raise RuntimeError("no room")

        def subscribe_changes(self, interval: float) -> list[object]:
            return []

        def freeze(self) -> None: ...

        def copy_content(self) -> dict[str, object]:
            return {}

    broken = kit("implementations").Implementation("broken", Broken)
    outcome = kit("threads").ThreadedRoom(load, broken).run(lambda: False, lambda status: None)
    assert not outcome.is_right
    assert sorted(outcome.failures) == [
        "publisher 0: RuntimeError: no room",
        "publisher 1: RuntimeError: no room",
    ]


# Measuring


def test_an_avatar_is_as_large_as_a_real_one(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=1, seconds=1, seed=0)
    sizes = [
        len(msgpack.packb(value))
        for record in load.tracks[0]()
        for key, value in record.updates.items()
        if key.startswith("avatar.")
    ]
    assert len(sizes) in (29, 30)
    assert all(350 < size < 450 for size in sizes)


def test_a_load_can_be_repeated_and_depends_on_the_seed(kit: Kit) -> None:
    def played(seed: int) -> list[Any]:
        load = kit("avatars").synthetic(clients=6, seconds=1, seed=seed)
        first, second = ([list(track()) for track in load.tracks] for _ in range(2))
        assert first == second
        return first

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_in_the_synthetic_room_avatars_go_and_come_back(kit: Kit) -> None:
    load = kit("avatars").synthetic(clients=6, seconds=1, seed=0)
    removing = [sum(bool(record.removals) for record in track()) for track in load.tracks]
    assert removing == [0, 0, 0, 0, 1, 1]
    assert [len(visits) for visits in load.clients] == [1, 1, 1, 1, 1, 2]
    last = list(load.tracks[5]())[-1]
    assert last.updates
    for track in load.tracks:
        times = [record.t for record in track()]
        assert times == sorted(times)
        assert 0 <= times[0] < times[-1] < 1 + 1 / 30


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (99, 10), (10, 1), (100, 10)])
def test_percentiles(kit: Kit, percent: float, expected: float) -> None:
    assert kit("measure").percentile([10, *range(1, 10)], percent) == expected


def test_latency_is_measured_from_the_update_that_set_the_delivered_value(kit: Kit) -> None:
    times = kit("measure").PublishTimes()
    early, late, number = {"x": 1}, [2], 1.5
    times.note({"a": early})
    time.sleep(0.02)
    times.note({"a": late, "b": number})
    assert times.oldest({"a": early, "b": late}) + 0.02 <= times.oldest({"b": late, "c": number})
    assert times.oldest({"b": number}) == times.oldest({}) == math.inf


# Files that cannot be replayed


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
        (gzip.compress(b""), "line 0: the file ends without a single record"),
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
        (gzip.compress(b'{"t": 0}\n') + b"junk", "after line 1: the gzip data are damaged"),
        (gzip.compress(b"x" * 99)[:-8] + bytes(8), "the gzip data are damaged (CRC check failed"),
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


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--clients", "0"], "argument --clients: must be 1 or more, not 0"),
        (["--clients", "-3"], "argument --clients: must be 1 or more, not -3"),
        (["--clients", "many"], "argument --clients: invalid whole number value: 'many'"),
        (["--seconds", "0"], "argument --seconds: must be a number above 0, not 0"),
        (["--seconds", "nan"], "argument --seconds: must be a number above 0, not nan"),
        (["--speed", "inf"], "argument --speed: must be a number above 0, not inf"),
        (["--speed", "2"], "--speed is of a replay: it needs --recording FILE"),
    ],
)
def test_options_that_are_wrong(
    kit: Kit, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    kit("load")  # for the path
    with pytest.raises(SystemExit) as caught:
        importlib.import_module("room").main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"room.py: error: {expected}\n")


def test_compare_without_the_source_tree_says_so(kit: Kit, tmp_path: Path) -> None:
    implementations = kit("implementations")
    with pytest.raises(implementations.UnavailableError, match="source tree"):
        implementations.model(tmp_path / "reference.py")
