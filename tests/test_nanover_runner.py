"""What `python -m change_buffers.nanover` promises: the same as plain Python, on our module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import change_buffers

RUNNER = ["-m", "change_buffers.nanover"]

REPORT = """
    import json, sys
    import __main__
    print(json.dumps({
        "argv": sys.argv,
        "path": sys.path,
        "name": __name__,
        "file": __file__,
        "package": __package__,
        "doc": __doc__,
        "spec": __spec__ and [__spec__.name, __spec__.origin],
        "loader": type(__loader__).__name__,
        "builtins": type(__builtins__).__name__,
        "main": __main__.__dict__ is globals(),
        "names": sorted(globals().keys() - {"__annotations__", "__cached__", "__path__"}),
    }))
"""

USES_OURS = """
    from nanover.utilities.change_buffers import DictionaryChange
    import change_buffers
    assert DictionaryChange is change_buffers.DictionaryChange
    print("ours")
"""

Result = subprocess.CompletedProcess[str]
Python = Callable[..., Result]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which this package, and nothing else, is installed."""
    folder = tmp_path_factory.mktemp("library")
    assert change_buffers.__file__ is not None
    package = Path(change_buffers.__file__).parent
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    version = metadata.version("change-buffers")
    info = folder / f"{package.name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: change-buffers\nVersion: {version}\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which the programs are, and where Python is started."""
    path = tmp_path / "here"
    path.mkdir()
    return path


@pytest.fixture
def python(library: Path, folder: Path) -> Python:
    """Run the interpreter of the tests, with no installed package but ours."""

    # The programs' folder too, since -P keeps Python from looking there on its own.
    search_path = os.pathsep.join([str(library), str(folder)])

    def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
        return subprocess.run(
            [sys.executable, "-S", "-W", "error", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": search_path, **environment},
            check=False,
        )

    return run


@pytest.fixture
def run(python: Python) -> Python:
    """Run a program by way of the runner."""
    return lambda *arguments, **environment: python(*RUNNER, *arguments, **environment)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def output(result: Result) -> str:
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout


def report(result: Result) -> dict[str, Any]:
    content = json.loads(output(result))
    assert isinstance(content, dict)
    return content


def assert_refused(result: Result, *words: str) -> None:
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    for word in ["change_buffers.nanover", *words]:
        assert word in line


def a_file(folder: Path) -> list[str]:
    return [str(write(folder, "scripts/program.py", REPORT))]


def a_relative_file(folder: Path) -> list[str]:
    write(folder, "scripts/program", REPORT)
    return [os.path.join("scripts", "program")]


def a_link(folder: Path) -> list[str]:
    try:
        (folder / "link.py").symlink_to(write(folder, "scripts/program.py", REPORT))
    except OSError:
        pytest.skip("no right to make symbolic links")
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


# How a program ends


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "import sys; sys.exit()",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('an explanation')",
        "raise SystemExit(True)",
        "import os; os._exit(7)",
        "raise KeyboardInterrupt",
        "import signal, os; os.kill(os.getpid(), signal.SIGTERM)",
        "raise ImportError('no module')",
        "import no_such_module",
        "1 / 0",
        "def",
    ],
)
@pytest.mark.parametrize("form", [["program.py"], ["-m", "program"]], ids=["file", "module"])
def test_a_program_ends_as_it_does_without_us(
    python: Python, run: Python, folder: Path, form: list[str], ending: str
) -> None:
    write(folder, "program.py", "print('out', flush=True)\n" + ending)
    expected, result = python(*form), run(*form)
    assert result.returncode == expected.returncode
    assert result.stdout == expected.stdout
    assert result.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_a_traceback_shows_the_program(run: Python, folder: Path) -> None:
    program = write(folder, "program.py", "def fail():\n    1 / 0\n\nfail()\n")
    result = run("program.py")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"
    _, _, shown = result.stderr.partition(f'  File "{program}", line 4, in <module>\n')
    assert shown.startswith("    fail()\n")
    assert f'File "{program}", line 2, in fail\n    1 / 0\n' in shown


def test_a_package_that_cannot_be_imported_says_why(run: Python, folder: Path) -> None:
    write(folder, "package/__init__.py", "import missing_dependency")
    write(folder, "package/program.py", "")
    result = run("-m", "package.program")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith("No module named 'missing_dependency'")
    assert os.path.join("package", "__init__.py") in result.stderr


# Console scripts

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


# When there is nothing to run


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_goes_to_the_output(run: Python, option: str) -> None:
    text = output(run(option))
    assert text.startswith("usage: python -m change_buffers.nanover PROGRAM")
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
