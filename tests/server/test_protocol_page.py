"""The conversations of docs/protocol.md, played against a running server."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import msgpack
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from doc_blocks import Block, blocks_of
from sites import JSON, MESSAGE_PACK, SOON, Site, in_loop, site

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
CONVERSATIONS = [block for block in blocks_of(PAGE) if block.language == "text"]
LINE = re.compile(r"(?P<who>\w+) (?P<does>connects to|leaves|is closed with|<|>) ?(?P<what>.*)")


class Play:
    """One conversation."""

    def __init__(self, where: Site, subprotocol: Subprotocol) -> None:
        self.site = where
        self.subprotocol = subprotocol
        self.connections: dict[str, ClientConnection] = {}
        self.leaving: list[Any] = []

    async def line(self, line: str) -> None:
        parts = LINE.fullmatch(line)
        assert parts is not None, line
        who, does, what = parts["who"], parts["does"], parts["what"]
        if does == "connects to":
            assert what.startswith("/ws")
            query = what.removeprefix("/ws").replace("EPOCH", self.site.server.room.epoch)
            context = self.site.raw(query, self.subprotocol)
            self.connections[who] = await context.__aenter__()
            self.leaving.append(context)
        elif does == "leaves":
            await self.connections[who].close()
        elif does == "is closed with":
            with pytest.raises(ConnectionClosed) as caught:
                await asyncio.wait_for(self.connections[who].recv(), SOON)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == int(what)
        elif does == ">":
            await self.connections[who].send(self.encoded(json.loads(what)))
        else:
            found = await asyncio.wait_for(self.connections[who].recv(), SOON)
            expected = json.loads(what)
            assert matches(self.decoded(found), expected), (found, expected)

    def encoded(self, message: Any) -> Any:
        return json.dumps(message) if self.subprotocol == JSON else msgpack.packb(message)

    def decoded(self, data: Any) -> Any:
        assert isinstance(data, str) == (self.subprotocol == JSON)
        return json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)


def matches(found: Any, expected: Any) -> bool:
    if expected == "...":
        return True
    if isinstance(expected, dict) and isinstance(found, dict):
        return found.keys() == expected.keys() and all(
            matches(found[key], expected[key]) for key in expected
        )
    return bool(found == expected)


def test_there_is_a_conversation_for_each_thing_that_can_be_sent() -> None:
    text = "".join(block.text for block in CONVERSATIONS)
    for word in ("welcome", "state", "done", "error", "follow", "unchanged_since", "resume="):
        assert word in text


@pytest.mark.parametrize("subprotocol", [JSON, MESSAGE_PACK])
@pytest.mark.parametrize("block", CONVERSATIONS, ids=str)
@in_loop
async def test_a_conversation_goes_as_the_page_says(block: Block, subprotocol: Subprotocol) -> None:
    async with site() as where:
        play = Play(where, subprotocol)
        try:
            for line in block.text.splitlines():
                await play.line(line)
        finally:
            for context in play.leaving:
                await context.__aexit__(None, None, None)


def test_the_page_names_every_kind_of_error_and_every_code() -> None:
    folder = Path(__file__).parents[2] / "python" / "change_buffers" / "server"
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    text = PAGE.read_text(encoding="utf-8")
    kinds = set(re.findall(r'Refusal\(\s*"(\w+)"', sources)) - {"full"}
    assert kinds == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    codes = set(re.findall(r"\b(100[1-9]|101\d|400\d)\b", sources))
    assert codes == set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE))
