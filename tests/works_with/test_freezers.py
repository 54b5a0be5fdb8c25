"""A program that is frozen and started: nothing is there but what the freezer has found."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import change_buffers
from packages import INTERPRETER_LACKS, needs

PROGRAM = """
    import asyncio
    import copy
    import pickle
    import sys

    import change_buffers
    from change_buffers.codecs import JSONCodec, MessagePackCodec

    def version():
        print(change_buffers.__version__)

    def threads():
        buffer = change_buffers.DictionaryChangeBuffer()
        buffer.update({"a": 1}, ["b"])
        print(buffer.flush_changed_blocking(timeout=1).to_dict())
        try:
            buffer.flush_changed_blocking(timeout=0.01)
        except TimeoutError:
            buffer.freeze()
        print([*buffer.subscribe_changes()])

    def tasks():
        room = change_buffers.DictionaryChangeMultiView()

        async def follow():
            asyncio.get_running_loop().call_later(0.01, room.update, {"a": 1})
            async with room.subscribe_changes(interval=0.01) as changes:
                async for change in changes:
                    print(change.updates)
                    asyncio.get_running_loop().call_later(0.01, room.freeze)

        async def flush():
            buffer = change_buffers.DictionaryChangeBuffer()
            asyncio.get_running_loop().call_later(0.01, buffer.update, {"b": 2})
            print((await buffer.flush_changed()).updates)

        asyncio.run(follow())
        asyncio.run(flush())

    def codecs():
        # Without a function of ours, so the libraries are looked for.
        for codec in (JSONCodec(), MessagePackCodec()):
            message = change_buffers.DictionaryChange({"a": [1.5]}, ["b"]).encode(codec)
            print(codec.decode(message).to_dict())

    def copies():
        change = change_buffers.DictionaryChange({"a": 1}, ["b"])
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(change, protocol)).to_dict() == change.to_dict()
        print(copy.deepcopy(change).to_dict())

    def install():
        change_buffers.install()
        from nanover.utilities.change_buffers import DictionaryChangeMultiView
        print(DictionaryChangeMultiView is change_buffers.DictionaryChangeMultiView)
        change_buffers.uninstall()
        try:
            import nanover
        except ModuleNotFoundError:
            print("gone")

    {name: use for name, use in globals().items() if callable(use)}[sys.argv[1]]()
"""

EXPECTED = {
    "version": [change_buffers.__version__],
    "threads": ["{'updates': {'a': 1}, 'removals': ['b']}", "[]"],
    "tasks": ["{'a': 1}", "{'b': 2}"],
    "codecs": 2 * ["{'updates': {'a': [1.5]}, 'removals': ['b']}"],
    "copies": ["{'updates': {'a': 1}, 'removals': ['b']}"],
    "install": ["True", "gone"],
}

# Large, and not needed; or what is not there everywhere.
OMITTED = ["PIL", "numpy", "matplotlib", "setuptools", "pytest", "tkinter", "mypy", "nanover"]


def outcome(program: Path, use: str) -> list[str]:
    done = subprocess.run([program, use], capture_output=True, text=True, timeout=30, check=False)
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def frozen(folder: Path, *command: str) -> None:
    (folder / "program.py").write_text(textwrap.dedent(PROGRAM))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    is_static = "Python was built without a shared library" in done.stdout
    if is_static or ("Python shared library" in done.stdout and "was not found" in done.stdout):
        pytest.skip(f"{INTERPRETER_LACKS} its shared library, which the freezer needs")
    assert done.returncode == 0, done.stdout


def test_a_program_frozen_by_pyinstaller_works(tmp_path: Path) -> None:
    needs("PyInstaller", "msgpack")
    omitting = [f"--exclude-module={name}" for name in OMITTED]
    frozen(tmp_path, "-m", "PyInstaller", "--onedir", *omitting, "program.py")
    program = tmp_path / "dist" / "program" / "program"
    assert {use: outcome(program, use) for use in EXPECTED} == EXPECTED


def test_a_program_frozen_by_cx_freeze_works(tmp_path: Path) -> None:
    needs("cx_Freeze", "msgpack")
    omitting = [f"--excludes={','.join(OMITTED)}", "--build-exe=built"]
    frozen(tmp_path, "-m", "cx_Freeze", "build_exe", "--script=program.py", *omitting)
    assert {use: outcome(tmp_path / "built" / "program", use) for use in EXPECTED} == EXPECTED
