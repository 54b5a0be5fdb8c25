"""A program in C with Python inside, which ends it and starts it again."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PROGRAM = r"""
#include <Python.h>

static int run(const char *executable, const char *code)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    /* So that it finds what is installed beside this interpreter. */
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, executable);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    return PyRun_SimpleString(code) != 0 || Py_FinalizeEx() != 0;
}

int main(int count, char **arguments)
{
    for (int i = 2; i < count; i++)
        if (run(arguments[1], arguments[i]) != 0)
            return 1;
    return 0;
}
"""

USE = """
from change_buffers import *
import asyncio, change_buffers

async def flush(view):
    asyncio.get_running_loop().call_later(0.001, room.update, {"b": 2})
    while "b" not in (change := await view.flush_changed()).updates:
        pass

room = DictionaryChangeMultiView()
room.update({"a": room})
with room.create_view() as view:
    asyncio.run(flush(view))
try:
    view.flush_changed_blocking()
except ObjectFrozenError:
    print("used", flush=True)
"""

REFUSED = """
for _ in range(2):
    try:
        import change_buffers
    except ImportError as error:
        assert "initialized again" in str(error), error
        print("refused", flush=True)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled for the interpreter that runs the tests."""
    variables = sysconfig.get_config_vars()
    library = next(
        (
            path
            for folder in ("LIBDIR", "LIBPL")
            for name in ("LDLIBRARY", "LIBRARY")
            if (path := Path(variables.get(folder) or ".", variables.get(name) or "-")).is_file()
        ),
        None,
    )
    header = Path(sysconfig.get_path("include"), "Python.h")
    # What made this interpreter is for the same C library, which is not always the machine's.
    own, flags = (shlex.split(variables.get(name) or "") for name in ("CC", "LDFLAGS"))
    compiler = [*own, *flags] if own and shutil.which(own[0]) else ["cc"]
    if shutil.which(compiler[0]) is None or library is None or not header.is_file():
        pytest.skip("needs a C compiler and a Python that can be embedded")
    folder = tmp_path_factory.mktemp("embedding")
    (folder / "program.c").write_text(PROGRAM)
    systems = [*variables["LIBS"].split(), *variables["SYSLIBS"].split()]
    # Extensions find the interpreter's functions in the program, if they are not in a library.
    exported = variables["LINKFORSHARED"].split() if library.suffix == ".a" else []
    subprocess.run(
        [
            *[*compiler, "program.c", "-o", "program", f"-I{header.parent}", str(library)],
            *[f"-Wl,-rpath,{library.parent}", *exported, *systems],
        ],
        cwd=folder,
        check=True,
        timeout=60,
    )
    return folder / "program"


def run(program: Path, *codes: str) -> str:
    done = subprocess.run(
        [program, sys.executable, *codes], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr)
    return done.stdout


def test_a_second_life_of_python_is_refused(program: Path) -> None:
    assert run(program, USE, REFUSED, REFUSED) == "used\n" + 4 * "refused\n"


def test_the_first_life_that_imports_it_may_be_a_later_one(program: Path) -> None:
    assert run(program, "import json", USE) == "used\n"


def test_the_same_life_may_import_it_anew(program: Path) -> None:
    again = "import sys; del sys.modules['change_buffers'], sys.modules['change_buffers._core']"
    assert run(program, f"{USE}\n{again}\n{USE}") == 2 * "used\n"
