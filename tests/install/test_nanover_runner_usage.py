"""What `python -m change_buffers.nanover` says when it is given nothing that it can run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from program_runs import Python, assert_refused, output, write


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_goes_to_the_output(run: Python, option: str) -> None:
    text = output(run(option))
    assert text.startswith("usage: python -m change_buffers.nanover [--encode] PROGRAM")
    assert "-m MODULE" in text


def test_no_arguments_give_the_usage_as_an_error(run: Python) -> None:
    result = run()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == run("-h").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_program"], ["'no_such_program'", "no such file"]),
        (["no/such/program.py"], ["'no/such/program.py'", "no such file"]),
        ([""], ["''", "no such file"]),
        (["empty"], ["'empty'", "__main__"]),
        (["-m"], ["-m needs"]),
        (["-m", "no_such_module"], ["'no_such_module'"]),
        (["-m", "no_such_package.module"], ["'no_such_package.module'"]),
        (["-m", "package.no_such_module"], ["'package.no_such_module'"]),
        (["-m", "module.py"], ["'module.py'"]),
        (["-m", "package"], ["'package'", "__main__"]),
        (["-m", ""], ["''"]),
        (["-m", ".module"], ["'.module'"]),
        (["-m", "sys"], ["'sys'"]),
        (["-m", "nanover.utilities.change_buffers"], ["no Python code"]),
        (["-m", "nanover.utilities.timing"], ["'nanover.utilities.timing'"]),
        (["-x", "program"], ["'-x'"]),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_named_in_one_line(
    run: Python, folder: Path, arguments: list[str], words: list[str]
) -> None:
    (folder / "empty").mkdir()
    write(folder, "package/__init__.py", "")
    write(folder, "module.py", "")
    assert_refused(run(*arguments), *words)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything can be read here"
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(run: Python, folder: Path) -> None:
    write(folder, "program.py", "").chmod(0)
    assert_refused(run("program.py"), "'program.py'")
