from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import settings

import change_buffers
from helpers import IS_FREE_THREADED

if IS_FREE_THREADED:
    # An extension that does not declare itself safe turns the GIL on, which hides every race.
    assert not sys._is_gil_enabled(), "importing change_buffers enabled the GIL"

settings.register_profile("local", deadline=None)
# Continuous integration should fail because of a change, not because of a lucky draw.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")

# A shell that starts us in the background has Ctrl-C ignored, and our children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a test may do while it runs in several threads.
pytest_plugins = ["in_parallel"]
# Fixtures of one folder, which its conftest imports.
pytest.register_assert_rewrite("nanover_trees", "program_runs", "room_runs")


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Nor may a test have loaded one later on.
    if IS_FREE_THREADED and sys._is_gil_enabled():
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        raise pytest.UsageError("something enabled the GIL while the tests ran")


@pytest.fixture
def multi_view() -> change_buffers.DictionaryChangeMultiView:
    return change_buffers.DictionaryChangeMultiView()


@pytest.fixture
def view(
    multi_view: change_buffers.DictionaryChangeMultiView,
) -> Iterator[change_buffers.DictionaryChangeBuffer]:
    with multi_view.create_view() as view:
        yield view


@pytest.fixture(params=["standalone", "view"])
def buffer(request: pytest.FixtureRequest) -> Iterator[change_buffers.DictionaryChangeBuffer]:
    """Both kinds of buffer, since a view promises all that a buffer does."""
    if request.param == "standalone":
        yield change_buffers.DictionaryChangeBuffer()
    else:
        with change_buffers.DictionaryChangeMultiView().create_view() as view:
            yield view


@pytest.fixture(params=["buffer", "view", "multi-view"])
def source(
    request: pytest.FixtureRequest,
) -> Iterator[change_buffers.DictionaryChangeBuffer | change_buffers.DictionaryChangeMultiView]:
    """Everything that can be updated, frozen and subscribed to."""
    if request.param == "buffer":
        yield change_buffers.DictionaryChangeBuffer()
    elif request.param == "view":
        with change_buffers.DictionaryChangeMultiView().create_view() as view:
            yield view
    else:
        yield change_buffers.DictionaryChangeMultiView()


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
