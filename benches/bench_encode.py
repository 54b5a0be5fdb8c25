"""All avatars have moved, every view flushes and encodes: 100 views, 100 avatars of 400 bytes.

Against packing each change for itself with the same library: ours, or the rival's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import packers
from contenders import BY_NAME, RIVAL_NAME
from measure import Compare, Side
from remote import Remote

SCRIPT = Path(packers.__file__)
TARGETS = {"msgpack": 20, "ormsgpack": 6, "orjson": None}
TWICE = 1 / 2


@pytest.fixture(scope="module")
def plain() -> Iterator[Remote]:
    with Remote(SCRIPT, "plain") as remote:
        yield remote


@pytest.fixture(scope="module")
def encoding() -> Iterator[Remote]:
    with Remote(SCRIPT, "encoding") as remote:
        yield remote


@pytest.mark.parametrize("library", TARGETS)
def test_tick(compare: Compare, plain: Remote, encoding: Remote, library: str) -> None:
    compare(
        "all views at the same pace",
        rival=plain.side(f"{library}, ours"),
        ours=encoding.side(library),
        against=library,
        target=TARGETS[library],
    )


@pytest.mark.parametrize("rival", [name for name in BY_NAME if name != "ours"])
@pytest.mark.parametrize("library", TARGETS)
def test_tick_of_others(
    compare: Compare, plain: Remote, encoding: Remote, library: str, rival: str
) -> None:
    compare(
        "all views at the same pace",
        rival=plain.side(f"{library}, {rival}"),
        ours=encoding.side(library),
        against=f"{rival} and {library}",
    )


@pytest.mark.parametrize("library", TARGETS)
def test_tick_of_views_apart(
    compare: Compare, plain: Remote, encoding: Remote, library: str
) -> None:
    compare(
        "no two views at the same position",
        rival=plain.side(f"{library}, ours"),
        ours=encoding.side(f"{library} apart"),
        against=library,
    )


@pytest.mark.parametrize(
    ("what", "name", "target"),
    [
        ("update of 100 keys of a store that encodes, no view", "update", 0.6),
        ("the same with a view", "update with a view", 2),
        ("the same with a view that flushes and is looked at", "update and flush", None),
    ],
)
def test_update(
    compare: Compare,
    plain: Remote,
    encoding: Remote,
    what: str,
    name: str,
    target: float | None,
) -> None:
    compare(
        what, rival=plain.side(f"{name}, {RIVAL_NAME}"), ours=encoding.side(name), target=target
    )


@pytest.mark.parametrize(
    ("what", "name", "target"),
    [
        ("one change whose values are encoded", "encode", TWICE),
        ("the same, after a look at its updates", "encode opened", None),
    ],
)
def test_encode(
    compare: Compare,
    plain: Remote,
    encoding: Remote,
    what: str,
    name: str,
    target: float | None,
) -> None:
    compare(
        what, rival=plain.side("join"), ours=encoding.side(name), against="b''.join", target=target
    )


def test_passing_on(compare: Compare, encoding: Remote) -> None:
    compare(
        "100 messages with an avatar come in, and go out as one",
        rival=encoding.side("decoded"),
        ours=encoding.side("packed"),
        against="ours, msgpack.unpackb",
        target=2,
    )


def test_threads(compare: Compare, encoding: Remote) -> None:
    one: Side = encoding.side("one thread")
    compare(
        f"{packers.THREADS} threads at once",
        rival=one,
        ours=encoding.side("threads"),
        against="ours, one thread",
    )
