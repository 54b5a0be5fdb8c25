"""What several test files need: threads that report, children that cannot hang, collection."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import sysconfig
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from change_buffers import ObjectFrozenError

IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
"""Whether threads run at the same time here."""

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""How many times as slow as usual the machine may be before that is taken for a hang.

`make test-aarch64` sets it, for it emulates a processor.
"""

HANG = 40.0 * PATIENCE
"""Seconds after which something that should happen soon is taken to be stuck."""

LONGER = int(os.environ.get("TEST_LONGER", "1"))
"""How many times as long to go on with what is more convincing the longer it takes.

`make test-long` sets it.
"""

SETTLE = 0.05
"""Seconds in which a thread that is about to wait will normally have begun to.

No test depends on it for passing, only for being as hard as it is meant to be.
"""


class Thing:
    """A value that can be weakly referenced and is equal to nothing but itself."""


class BoomError(Exception):
    """An error that only a test can have raised."""


class PlainMapping(Mapping[Any, Any]):
    """A mapping that is no dict, so that nothing can look inside it behind its back."""

    def __init__(self, content: Mapping[Any, Any]) -> None:
        self._content = content

    def __getitem__(self, key: Any) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


class RaisingMapping(PlainMapping):
    """A mapping that gives all of its items but the last."""

    def __getitem__(self, key: Any) -> Any:
        if key == list(self._content)[-1]:
            raise BoomError(key)
        return super().__getitem__(key)


def raising_iterator(*items: Any) -> Iterator[Any]:
    yield from items
    raise BoomError(items)


class Worker(threading.Thread):
    """A started thread whose `result()` gives what its function returned or raised."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        # A stuck thread must not keep the test run alive after its test has failed.
        super().__init__(daemon=True)
        self._call = (function, args)
        self._error: BaseException | None = None
        self._value: Any = None
        self.start()

    def run(self) -> None:
        function, args = self._call
        del self._call  # so that what they hold is released when the thread ends
        try:
            self._value = function(*args)
        except BaseException as error:  # handed on by `result`
            self._error = error

    def result(self, timeout: float = HANG) -> Any:
        self.join(timeout)
        if self.is_alive():
            pytest.fail(f"the thread is still running after {timeout} s")
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._value


def soon(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that might wait for ever, and fail the test if it waits for long."""
    return Worker(function, *args).result()


def pending(buffer: Any) -> tuple[dict[str, Any], set[str]]:
    """Give what a flush would give now, without flushing."""
    return buffer._pending_changes, buffer._pending_removals


def flush(buffer: Any) -> tuple[dict[str, Any], set[str]]:
    """Flush a buffer that is expected to have something pending, failing if it has not.

    A flush of an empty buffer would wait for ever, and the report would only say "timeout".
    """
    assert any(pending(buffer)), "nothing is pending"
    updates, removals = buffer.flush_changed_blocking()
    return updates, removals


def assert_drained(buffer: Any) -> None:
    """Assert that a buffer is frozen and has nothing left to give."""
    with pytest.raises(ObjectFrozenError):
        soon(buffer.flush_changed_blocking)


def assert_collected(reference: Callable[[], Any]) -> None:
    """Assert that what a weak reference refers to can be collected.

    Finalizers may need several rounds, and on free-threaded builds a count can lag behind.
    """
    for _ in range(10):
        gc.collect()
        if reference() is None:
            return
        time.sleep(0.01)
    pytest.fail(f"{reference()!r} is still alive")


def run_child(code: str, *options: str, timeout: float = 30.0) -> str:
    """Run a script in a fresh interpreter and return its output; it must end well and silently.

    A deadlock in an extension holds the GIL, so nothing within the process can notice it: the
    child is ended by the faulthandler's own thread, which shows where it hangs, or else killed.
    """
    timeout *= PATIENCE
    watchdog = f"import faulthandler; faulthandler.dump_traceback_later({timeout}, exit=True)\n"
    child = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", watchdog + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=timeout + 10,
        cwd=Path(__file__).parent,
        check=False,
    )
    report = f"exit code {child.returncode}\n{child.stdout}\n{child.stderr}"
    assert (child.returncode, child.stderr) == (0, ""), report
    return child.stdout
