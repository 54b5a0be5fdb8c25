"""Sessions without a socket, for tests to talk with."""

from __future__ import annotations

import json
from typing import Any

from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Permission, Request, Room, Session

JSON = "change-buffers.json"


def make_room(**settings: Any) -> Room:
    return Room(DictionaryChangeMultiView(history=100), **settings)


def join(room: Room, permission: Permission | None = None, **query: str | list[str]) -> Session:
    fields = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    request = Request(query=fields)
    return Session(room, request, permission or Permission(), subprotocol=JSON)


def taken(session: Session) -> list[dict[str, Any]]:
    """Take all that there is."""
    messages = []
    while (message := session.take()) is not None:
        session.taken()
        assert message.is_text
        messages.append(json.loads(message.data))
    return messages


def say(session: Session, **message: Any) -> list[dict[str, Any]]:
    session.receive(json.dumps(message))
    return taken(session)


def state(version: int, updates: Any = None, removals: Any = None, **more: Any) -> dict[str, Any]:
    change = {"updates": updates or {}, "removals": sorted(removals or [])}
    return {"state": change, "version": version, **more}
