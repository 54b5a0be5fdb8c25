"""Whatever clients send, in whatever order and pieces: the server lives, every replica is right."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import LONGER, PATIENCE
from lines import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame, open_line
from sites import JSON, Client, Site, site, until

KEYS = st.sampled_from(["", "a", "b", "cursor.1", "cursor.2", "\N{SNOWMAN}", "\0"])
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
VALUES = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip
STATES = st.fixed_dictionaries(
    {},
    optional={
        "updates": st.dictionaries(KEYS, VALUES, max_size=3) | st.none(),
        "removals": st.lists(KEYS, max_size=3) | st.none(),
    },
)
FOLLOWS = st.fixed_dictionaries(
    {}, optional={"interval": st.sampled_from([0, 0.001, 0.05]), "prefixes": st.none()}
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "state": STATES,
        "id": st.integers(-(2**63), 2**64 - 1) | st.text(max_size=2),
        "unchanged_since": st.integers(0, 5),
        "follow": FOLLOWS,
        "frame": VALUES,
    },
)
ODD = st.dictionaries(
    st.sampled_from(["state", "id", "follow", "unchanged_since", "x"]), VALUES, max_size=3
)

well_behaved = st.tuples(st.just("message"), MESSAGES)
hostile = st.one_of(
    st.tuples(st.just("message"), ODD | VALUES),
    st.tuples(st.just("text"), st.text(max_size=20)),
    st.tuples(st.just("raw"), st.binary(max_size=30)),
    st.tuples(
        st.just("frame"),
        st.tuples(
            st.sampled_from([TEXT, BINARY, CONT, CLOSE, PING, PONG, 3, 11]),
            st.binary(max_size=20),
            st.booleans(),
            st.integers(0, 7),
        ),
    ),
    st.tuples(st.just("cut"), st.none()),
)


async def attack(where: Site, steps: list[tuple[str, Any]], pieces: list[int]) -> None:
    """Send what is no protocol on a line of its own, cut into pieces."""
    line = await open_line(where)
    data = b""
    for kind, what in steps:
        if kind == "message":
            data += frame(json.dumps(what).encode(), TEXT)
        elif kind == "text":
            data += frame(what.encode(), TEXT)
        elif kind == "frame":
            opcode, payload, fin, reserved = what
            data += frame(payload, opcode, fin=fin, reserved=reserved)
        elif kind == "raw":
            data += what
        else:
            break
    at = 0
    for size in [*pieces, len(data)]:
        line.send(data[at : at + size])
        at += size
        await asyncio.sleep(0)
    line.cut()


async def behave(client: Client, messages: list[tuple[str, Any]]) -> None:
    for _, message in messages:
        await client.send(message)


async def play(
    steps: list[tuple[str, Any]], pieces: list[int], ours: list[tuple[str, Any]]
) -> None:
    async with (
        site() as where,
        where.client("?interval=0") as ada,
        where.client("?interval=0.01", JSON) as bob,
        where.client("?echo=no&interval=0") as silent,
        where.client("?prefix=cursor.&interval=0") as narrow,
    ):
        await asyncio.gather(
            attack(where, steps, pieces), behave(ada, ours), behave(bob, ours[::-1])
        )
        await until(lambda: len(where.server.room.sessions) == 4)
        await ada.update({"end": 1}, id="end")
        await until(lambda: "end" in ada.done)
        content = where.room.copy_content()
        through_json = json.loads(json.dumps(content))
        for client, expected in [(ada, content), (silent, content), (bob, through_json)]:
            await client.has(expected)
        await narrow.has({key: content[key] for key in content if key.startswith("cursor.")})
        async with where.client(f"?resume={where.server.room.epoch}.0") as late:
            await late.has(where.room.copy_content())
        assert msgpack.packb(content)


@settings(max_examples=60 * LONGER, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(hostile | well_behaved, max_size=8),
    st.lists(st.integers(1, 40), max_size=5),
    st.lists(well_behaved, max_size=6),
)
def test_the_server_survives_and_every_replica_is_right(
    steps: list[tuple[str, Any]], pieces: list[int], ours: list[tuple[str, Any]]
) -> None:
    asyncio.run(asyncio.wait_for(play(steps, pieces, ours), 30 * PATIENCE))
