"""`python -m change_buffers.nanover --encode PROGRAM`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nanover_trees import NANOVER_WITH_SERVER, write
from program_runs import Python, assert_refused, output
from program_runs import write as write_program

msgpack = pytest.importorskip("msgpack")


def test_the_runner_encodes_when_told_to(run: Python, folder: Path) -> None:
    write(folder, NANOVER_WITH_SERVER)
    write_program(
        folder,
        "program.py",
        """
        import sys
        from nanover.websocket.server import _WebSocketClientHandler
        print(sys.argv[1:], _WebSocketClientHandler.send_state_update.__code__.co_filename)
        """,
    )
    shutil.copytree(Path(msgpack.__file__).parent, folder / "msgpack")
    for options, is_own in ([], True), (["--encode"], False):
        result = run(*options, "program.py", "--encode")
        arguments, file = output(result).split()
        assert arguments == "['--encode']"
        assert file.endswith("server.py") is is_own


def test_the_runner_says_in_one_line_that_msgpack_is_missing(run: Python, folder: Path) -> None:
    write_program(folder, "program.py", "raise SystemExit(1)")
    assert_refused(run("--encode", "program.py"), "--encode", "pip install msgpack")


def test_the_runner_with_nothing_to_encode_for_gives_the_usage(run: Python) -> None:
    result = run("--encode")
    assert (result.returncode, result.stdout) == (2, "")
    assert "[--encode]" in result.stderr
    assert result.stderr == run("-h").stdout
