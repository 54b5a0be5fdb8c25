"""How `python -m change_buffers.nanover` finds console scripts, and which of them it runs."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

import pytest

from program_runs import REPORT, Python, assert_refused, output, report, write

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows has no #! lines")


def install_script(folder: Path, name: str, text: str) -> Path:
    path = write(folder, f"bin/{name}", text)
    path.chmod(0o755)
    return path


@posix_only
@pytest.mark.parametrize(
    "first_lines",
    [
        f"#!{sys.executable}\n",
        "#!/usr/bin/env python3\n",
        "#!/usr/bin/pypy3\n",
        "#!/bin/sh\n'''exec' '/a/long path/python' \"$0\" \"$@\"\n' '''\n",
    ],
    ids=["interpreter", "env", "pypy", "sh"],
)
def test_a_console_script_is_found_on_the_path(
    python: Python, run: Python, folder: Path, first_lines: str
) -> None:
    script = install_script(folder, "program", first_lines + textwrap.dedent(REPORT))
    path = os.pathsep.join([str(script.parent), os.environ["PATH"]])
    assert report(run("program", "argument", PATH=path)) == report(python(str(script), "argument"))


@posix_only
def test_a_script_of_this_interpreter_comes_first(python: Python, folder: Path) -> None:
    own = install_script(folder / "own", "program", "#!/usr/bin/python\nprint('own')")
    other = install_script(folder / "other", "program", "#!/usr/bin/python\nprint('other')")
    code = f"""if True:
        import sysconfig
        sysconfig.get_path = lambda name: {{"scripts": {str(own.parent)!r}}}[name]
        from change_buffers.nanover import main
        main(["program"])
    """
    assert output(python("-c", code, PATH=str(other.parent))) == "own\n"


@posix_only
def test_a_file_comes_before_a_console_script(run: Python, folder: Path) -> None:
    script = install_script(folder, "program", "#!/usr/bin/python\nprint('script')")
    write(folder, "program", "print('file')")
    assert output(run("program", PATH=str(script.parent))) == "file\n"


@posix_only
@pytest.mark.parametrize(
    "text", ["#!/bin/sh\nexec python\n", "\x7fELF", "", "python\n'''exec' python"]
)
def test_a_script_in_another_language_is_refused(run: Python, folder: Path, text: str) -> None:
    script = install_script(folder, "program", text)
    assert_refused(run("program", PATH=str(script.parent)), str(script), "not a Python script")
