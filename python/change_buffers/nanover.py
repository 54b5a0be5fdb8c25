"""Run an unmodified program on this package instead of ``nanover.utilities.change_buffers``.

    python -m change_buffers.nanover [--encode] PROGRAM ARGS...
    python -m change_buffers.nanover [--encode] -m MODULE ARGS...

``change_buffers.install()`` is called first, or ``install(encode=True)``; the rest is as after
``python PROGRAM ARGS...`` or ``python -m MODULE ARGS...``: ``sys.argv``, ``sys.path[0]``,
``__main__``, the exit code, what is raised. A traceback starts with a few lines more. PROGRAM is a
Python file, a directory or zip archive with a ``__main__.py``, or the name of a console script,
looked for beside this interpreter and then on ``PATH``. A Python that the program starts anew uses
NanoVer's own module, unless it is started in the same way; that includes the spawn and forkserver
methods of ``multiprocessing``.

Exit codes of its own: 0 after ``-h``, 2 with one line on stderr when there is nothing to run.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import pkgutil
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import NamedTuple

from change_buffers import install

__all__ = ["main"]

_USAGE = """\
usage: python -m change_buffers.nanover [--encode] PROGRAM [ARGS...]
       python -m change_buffers.nanover [--encode] -m MODULE [ARGS...]

Run a program with nanover.utilities.change_buffers served by change_buffers.

PROGRAM is a Python file, a directory or zip archive with a __main__.py, or the
name of an installed console script.

  --encode  NanoVer's WebSocket server encodes each state update once for all
            clients. This needs msgpack.
"""

# Then Python puts nothing at sys.path[0] for -m or a file. Before 3.11 only -I did that.
_SAFE_PATH = bool(sys.flags.isolated or getattr(sys.flags, "safe_path", False))


class _Program(NamedTuple):
    """A program that is ready to run: its code and the ``__main__`` to run it in."""

    code: CodeType
    main: ModuleType
    argv0: str


class _NothingToRunError(Exception):
    """The command line names no program that Python could run; the message says why."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program that the command line names, as the ``__main__`` of this process.

    Returns when the program ends by itself, and lets through whatever it raises. ``sys.argv``,
    ``sys.path[0]`` and ``sys.modules["__main__"]`` are the program's from then on, as its threads
    and exit handlers may still need them. To be called once, from the main thread.

    Args:
        argv: The command line without the name of the interpreter or of this module;
            ``sys.argv[1:]`` unless given.

    Raises:
        SystemExit: There is nothing to run (code 2), only help was wanted (code 0), or the
            program exits.

    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    encode = arguments[:1] == ["--encode"]
    if encode:
        del arguments[0]
    if not arguments:
        sys.stderr.write(_USAGE)
        sys.exit(2)
    first, *rest = arguments
    if first in ("-h", "--help"):
        sys.stdout.write(_USAGE)
        sys.exit(0)
    try:
        _install(encode)
        if first == "-m":
            if not rest:
                raise _NothingToRunError("-m needs the name of a module")
            name, *rest = rest
            sys.argv = ["-m", *rest]
            program = _module(name)
        elif first.startswith("-"):
            raise _NothingToRunError(f"unknown option {first!r}")
        else:
            sys.argv = [first, *rest]
            program = _path(first)
    except _NothingToRunError as error:
        sys.stderr.write(f"change_buffers.nanover: {error}\n")
        sys.exit(2)
    sys.argv[0] = program.argv0
    # Not through runpy: that takes __main__ away again when the main thread has run through it,
    # while other threads and exit handlers, and pickle on their behalf, still need it.
    sys.modules["__main__"] = program.main
    vars(program.main)["__builtins__"] = builtins  # exec() alone would make it a dict
    exec(program.code, vars(program.main))


def _install(encode: bool) -> None:
    try:
        install(encode=encode)
    except ImportError as error:
        raise _NothingToRunError(f"--encode: {error}") from None


def _module(name: str) -> _Program:
    """Load what ``python -m name`` runs."""
    if not _SAFE_PATH:
        sys.path[:1] = [os.getcwd()]
    spec = _find(name)
    if spec is None:
        raise _NothingToRunError(f"no module named {name!r}")
    if spec.submodule_search_locations is not None:
        spec = _find(f"{name}.__main__")
        if spec is None:
            raise _NothingToRunError(f"no __main__ module in the package {name!r}")
    return _from_spec(spec, spec.origin or name)


def _find(name: str) -> ModuleSpec | None:
    """Find a module; ``None`` if it, or a package that should hold it, does not exist."""
    if name.startswith("."):
        return None  # there is nothing that it could be relative to
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        # A package that exists but misses what it wants to import is the user's to see.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        return None


def _path(name: str) -> _Program:
    """Load what ``python name`` runs, or else the console script of that name."""
    path = name if os.path.exists(name) else _console_script(name)
    absolute = os.path.abspath(path)
    container = pkgutil.get_importer(absolute)
    if container is not None:
        spec = container.find_spec("__main__")
        if spec is None:
            raise _NothingToRunError(f"no __main__ module in {name!r}")
        # Python does this with -P too: without it, __main__ is not found.
        sys.path[: 0 if _SAFE_PATH else 1] = [absolute]
        return _from_spec(spec, path)

    loader = SourceFileLoader("__main__", absolute)
    try:
        source = loader.get_data(absolute)
    except OSError as error:
        raise _NothingToRunError(f"cannot read {name!r}: {error.strerror}") from None
    if not _SAFE_PATH:
        sys.path[:1] = [os.path.dirname(os.path.realpath(absolute))]
    main = ModuleType("__main__")
    vars(main).update(__file__=absolute, __loader__=loader)
    # Not loader.get_code(), which would leave a bytecode file behind: Python writes none here.
    return _Program(loader.source_to_code(source, absolute), main, path)


def _from_spec(spec: ModuleSpec, argv0: str) -> _Program:
    """Load a module that was found by the import system, to be run under another name."""
    get_code = getattr(spec.loader, "get_code", None)
    code = get_code(spec.name) if get_code is not None else None
    if code is None:
        raise _NothingToRunError(f"no Python code in {spec.name!r}")
    main = importlib.util.module_from_spec(spec)
    main.__name__ = "__main__"
    return _Program(code, main, argv0)


def _console_script(name: str) -> str:
    """Find an installed console script; this interpreter's own ones come before ``PATH``.

    Others of the same name may belong to an environment without this package, and those of a
    virtual environment that was not activated are not on ``PATH`` at all.
    """
    folders = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        raise _NothingToRunError(f"no such file or console script: {name!r}")
    # On Windows it is an executable with a zip archive at its end.
    if pkgutil.get_importer(path) is None and not _is_python_script(path):
        raise _NothingToRunError(f"not a Python script: {path!r}")
    return path


def _is_python_script(path: str) -> bool:
    """Whether a script on ``PATH`` is for Python, by its first lines."""
    try:
        with open(path, "rb") as file:
            first, second = file.readline(200), file.readline(200)
    except OSError:
        return False
    # Where the interpreter's path is too long for a first line, installers write a shell command
    # that Python takes for a string.
    interpreter = b"python" in first or b"pypy" in first or second.startswith(b"'''exec'")
    return first.startswith(b"#!") and interpreter


if __name__ == "__main__":
    main()
