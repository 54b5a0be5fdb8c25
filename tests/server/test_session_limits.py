"""What clients of a session may not, and what cannot be sent to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("msgpack")
pytest.importorskip("websockets")

from change_buffers.server import Limits, Permission, Refusal, Session
from talks import join, make_room, say, state, taken


def test_permissions_are_about_prefixes() -> None:
    room = make_room()
    room.multi_view.update({"public.1": 1, "secret": 1})
    session = join(room, Permission(write=("mine.",), read=("public.", "mine.")))
    assert taken(session)[1] == state(1, {"public.1": 1}, complete=True)
    [answer] = say(session, state={"updates": {"mine.1": 1, "public.1": 2}}, id=1)
    assert answer["error"] == {
        "kind": "not_allowed",
        "where": "state.updates['public.1']",
        "message": "only keys with mine.... are yours",
    }
    [answer] = say(session, state={"removals": ["mine.1", "secret"]})
    assert answer["error"]["where"] == "state.removals[1]"
    assert room.multi_view.copy_content() == {"public.1": 1, "secret": 1}
    say(session, state={"updates": {"mine.1": 1}})
    assert room.multi_view.get("mine.1") == 1


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (None, ["public.1", "public.2"]),
        ([""], ["public.1", "public.2"]),
        (["pub"], ["public.1", "public.2"]),
        (["public.2", "secret"], ["public.2"]),
        (["secret"], []),
        ([], []),
    ],
)
def test_nobody_follows_what_they_may_not(asked: list[str] | None, seen: list[str]) -> None:
    room = make_room()
    room.multi_view.update({"public.1": 1, "public.2": 1, "secret": 1})
    session = join(room, Permission(read=("public.",)))
    taken(session)
    answers = say(session, follow={"prefixes": asked})
    assert list(answers[-1]["state"]["updates"]) == seen


def test_a_full_room_takes_nobody() -> None:
    room = make_room(limits=Limits(clients=1))
    session = join(room)
    with pytest.raises(Refusal) as caught:
        join(room)
    assert caught.value.kind == "full"
    session.close()
    join(room)


def test_answers_to_a_burst_may_wait_for_the_line() -> None:
    session = join(make_room())
    taken(session)
    for number in range(200):
        session.receive(json.dumps({"state": {"updates": {"n": number}}, "id": number}))
    answers = taken(session)
    assert [answer["done"] for answer in answers if "done" in answer] == list(range(200))
    assert session.closing is None


def test_one_whose_wake_raises_ends_alone() -> None:
    room = make_room()
    broken, well = join(room), join(room)

    def fail() -> None:
        raise OSError("the line is broken")

    broken.wake = fail
    taken(broken), taken(well)
    say(broken, state={"updates": {"a": 1}})
    room.flush()
    assert taken(well) == [state(1, {"a": 1})]
    assert list(room.sessions) == [well.id]


def test_a_value_that_cannot_be_encoded_concerns_its_key_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = make_room()
    session = join(room)
    taken(session)
    room.multi_view.update({"good": 1, "bad": object()})
    room.flush()
    assert taken(session) == [state(1, {"good": 1}, ["bad"])]
    assert "updates['bad'] cannot be encoded" in caplog.text
    assert taken(join(room))[1] == state(1, {"good": 1}, ["bad"], complete=True)


def test_a_function_can_make_values_encodable() -> None:
    room = make_room(default=lambda value: {"is": type(value).__name__})
    room.multi_view.update({"odd": complex(1, 2)})
    assert taken(join(room))[1]["state"]["updates"] == {"odd": {"is": "complex"}}
    session = Session(room)
    assert [b"complex" in message.data for message in (session.take(), session.take()) if message]


@pytest.mark.parametrize("name", ["clients", "depth", "updates_per_second", "stall_seconds"])
@pytest.mark.parametrize("value", [0, -1, "many", True, None])
def test_limits_are_numbers_above_0(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        Limits(**{name: value})
