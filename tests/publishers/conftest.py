"""What the tests of publishers share."""

from __future__ import annotations

import pytest


@pytest.fixture
def publisher(multi_view):
    with multi_view.create_publisher() as publisher:
        yield publisher
