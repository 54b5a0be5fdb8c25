"""One buffer is updated and flushed."""

from __future__ import annotations

from types import ModuleType

import pytest

from contenders import OURS, RIVAL, count, numbered
from measure import Compare, Timed

AHEAD = 1
TARGETS = {1: 4}


def update_and_flush(implementation: ModuleType, keys: int) -> Timed:
    buffer = implementation.DictionaryChangeBuffer()
    return Timed(
        "update(updates); flush()",
        {
            "update": buffer.update,
            "updates": numbered(keys),
            "flush": buffer.flush_changed_blocking,
        },
    )


@pytest.mark.parametrize("keys", [1, 10, 100, 1000, 10_000])
def test_update_and_flush(compare: Compare, keys: int) -> None:
    compare(
        count(keys, "key"),
        rival=update_and_flush(RIVAL, keys),
        ours=update_and_flush(OURS, keys),
        target=TARGETS.get(keys, AHEAD),
    )
