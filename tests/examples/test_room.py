"""The room demo, run as its users run it."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from room_runs import CHILD_TIMEOUT, ROOM, SMALL, Kit, interrupted, row, run


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


def test_compare_shows_the_model_beside_the_module() -> None:
    status, out, err = run(*SMALL, "--compare")
    assert (status, err) == (0, "")
    model, module, ratio = row(out, "changes published")
    assert model == module
    assert ratio == "1.00"
    model, module, ratio = (float(value.split()[0]) for value in row(out, "CPU used"))
    # As on the performance page: above 1, the module is better. The CPU is rounded to 0.01 s.
    assert (model - 0.005) / (module + 0.005) - 0.005 <= ratio
    assert ratio <= (model + 0.005) / max(module - 0.005, 1e-9) + 0.005
    assert "above 1 the module is faster" in out
    assert "plain-Python model" in out
    assert "change-buffers" in out
    assert row(out, "replicas equal the content") == ["yes, 5 of 5", "yes, 5 of 5", ""]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("compare", [False, True])
def test_ctrl_c_ends_it_with_the_table(compare: bool) -> None:
    interrupted("--clients", "6", "--seconds", "60", *(["--compare"] if compare else []))


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
        (["--rate", "0"], "argument --rate: must be a number above 0, not 0"),
        (["--publishers", "0"], "argument --publishers: must be 1 or more, not 0"),
        (
            ["--clients", "3", "--publishers", "4"],
            "--publishers must be at most --clients, which is 3",
        ),
        (
            ["--publishers", "1", "--recording", "x"],
            "--publishers is of the synthetic room: a recording has one publisher",
        ),
        (
            ["--asyncio", "--compare"],
            "--compare needs threads: the plain-Python model does not support --asyncio",
        ),
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
