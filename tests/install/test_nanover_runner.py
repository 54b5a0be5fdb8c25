"""What `python -m change_buffers.nanover` promises: the same as plain Python, on our module."""

from __future__ import annotations

import os
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from program_runs import REPORT, RUNNER, Python, output, report, write

USES_OURS = """
    from nanover.utilities.change_buffers import DictionaryChange
    import change_buffers
    assert DictionaryChange is change_buffers.DictionaryChange
    print("ours")
"""


def a_file(folder: Path) -> list[str]:
    return [str(write(folder, "scripts/program.py", REPORT))]


def a_relative_file(folder: Path) -> list[str]:
    write(folder, "scripts/program", REPORT)
    return [os.path.join("scripts", "program")]


def a_link(folder: Path) -> list[str]:
    link = folder / "link.py"
    try:
        link.symlink_to(write(folder, "scripts/program.py", REPORT))
        link.read_text()
    except OSError:
        pytest.skip("symbolic links can't be made or read here")
    return ["link.py"]


def a_directory(folder: Path) -> list[str]:
    write(folder, "program/__main__.py", REPORT)
    return ["program"]


def a_zip_archive(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "program.pyz", "w") as archive:
        archive.writestr("__main__.py", textwrap.dedent(REPORT))
    return ["program.pyz"]


def a_module(folder: Path) -> list[str]:
    write(folder, "program.py", "'A docstring.'\n" + textwrap.dedent(REPORT))
    return ["-m", "program"]


def a_module_in_a_package(folder: Path) -> list[str]:
    write(folder, "outer/__init__.py", "")
    write(folder, "outer/inner.py", REPORT)
    return ["-m", "outer.inner"]


def a_package(folder: Path) -> list[str]:
    write(folder, "outer/__init__.py", "import sys; assert sys.argv[0] == '-m'")
    write(folder, "outer/__main__.py", REPORT)
    return ["-m", "outer"]


def a_namespace_package(folder: Path) -> list[str]:
    write(folder, "outer/inner/__main__.py", REPORT)
    return ["-m", "outer.inner"]


PROGRAMS = [
    a_file,
    a_relative_file,
    a_link,
    a_directory,
    a_zip_archive,
    a_module,
    a_module_in_a_package,
    a_package,
    a_namespace_package,
]

OPTIONS = [[], ["-P"]] if sys.version_info >= (3, 11) else [[]]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_sees_what_it_sees_without_us(
    python: Python, folder: Path, program: Callable[[Path], list[str]], options: list[str]
) -> None:
    command = program(folder)
    arguments = ["-x", "--", "-m", "--help", "two words", ""]
    expected = report(python(*options, *command, *arguments))
    assert expected["argv"][1:] == arguments
    assert expected["main"] is True
    assert report(python(*options, *RUNNER, *command, *arguments)) == expected


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_gets_our_module(
    run: Python,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Callable[[Path], list[str]],
) -> None:
    monkeypatch.setitem(globals(), "REPORT", USES_OURS)
    assert output(run(*program(folder))) == "ours\n"


def test_a_program_of_nanover_gets_our_module(run: Python, folder: Path) -> None:
    write(folder, "nanover/__init__.py", "")
    write(folder, "nanover/utilities/__init__.py", "")
    write(folder, "nanover/utilities/change_buffers.py", "DictionaryChange = None")
    write(folder, "nanover/server.py", USES_OURS)
    assert output(run("-m", "nanover.server")) == "ours\n"


def test_a_program_imports_its_neighbours(run: Python, folder: Path) -> None:
    write(folder, "scripts/neighbour.py", "NAME = 'neighbour'")
    program = write(folder, "scripts/program.py", "import neighbour; print(neighbour.NAME)")
    assert output(run(str(program))) == "neighbour\n"


def test_a_program_reads_its_input(run: Python, folder: Path) -> None:
    write(folder, "program.py", "print(input())")
    assert output(run("program.py", stdin="typed\n")) == "typed\n"


def test_a_program_is_compiled_as_it_is(run: Python, folder: Path) -> None:
    # With the runner's own __future__ imports, the annotation would be a string.
    write(folder, "program.py", "def f(a: 1): pass\nprint(f.__annotations__)")
    assert output(run("program.py", PYTHONDONTWRITEBYTECODE="")) == "{'a': 1}\n"
    assert not list(folder.rglob("*.pyc")), "Python leaves none behind for a script"


def test_a_program_is_main_until_the_process_ends(run: Python, folder: Path) -> None:
    write(
        folder,
        "program.py",
        """
        import atexit, pickle, sys, threading

        class Thing: pass

        def check(when):
            assert sys.modules["__main__"].Thing is Thing
            assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
            print(when)

        def later():
            threading.main_thread().join()
            check("thread")

        atexit.register(check, "exit")
        threading.Thread(target=later).start()
        sys.exit()
        """,
    )
    assert output(run("program.py")) == "thread\nexit\n"
