from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator

import pytest
from hypothesis import settings

import change_buffers

if sysconfig.get_config_var("Py_GIL_DISABLED"):
    # An extension that does not declare itself safe turns the GIL on, which hides every race.
    assert not sys._is_gil_enabled(), "importing change_buffers enabled the GIL"

settings.register_profile("local", deadline=None)
# Continuous integration should fail because of a change, not because of a lucky draw.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


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
