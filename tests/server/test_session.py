"""A session without any socket: what a client sends goes in, messages come out."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from change_buffers import DictionaryChangeMultiView

pytest.importorskip("msgpack")
pytest.importorskip("websockets")

from change_buffers.server import Refusal, Room, Session
from talks import join, make_room, say, state, taken


def test_it_greets_and_says_that_this_is_all() -> None:
    room = make_room()
    room.multi_view.update({"a": 1})
    welcome, first = taken(join(room))
    assert welcome["welcome"] == {
        "session": welcome["welcome"]["session"],
        "epoch": room.epoch,
        "interval": round(1 / 30, 6),
        "resumed": False,
        "limits": {
            "message_bytes": 1 << 20,
            "keys": 1000,
            "state_bytes": 8 << 20,
            "updates_per_second": 1000.0,
        },
    }
    assert first == state(1, {"a": 1}, complete=True)


def test_an_empty_room_is_told_too() -> None:
    assert taken(join(make_room()))[1] == state(0, complete=True)


def test_a_multi_view_will_do() -> None:
    session = Session(DictionaryChangeMultiView())
    message = session.take()
    assert message is not None
    assert not message.is_text


def test_everybody_is_sent_what_anybody_sets_and_removes() -> None:
    room = make_room()
    ada, bob = join(room), join(room)
    taken(ada), taken(bob)
    assert say(ada, state={"updates": {"a": 1, "b": 2}}) == []
    room.flush()
    assert taken(ada) == taken(bob) == [state(1, {"a": 1, "b": 2})]
    say(bob, state={"removals": ["a"]})
    room.flush()
    assert taken(ada) == taken(bob) == [state(2, None, ["a"])]


def test_all_of_one_pace_share_one_message() -> None:
    room = make_room()
    sessions = [join(room) for _ in range(5)]
    for session in sessions:
        taken(session)
    room.multi_view.update({"a": 1})
    room.flush()
    messages = {id(session.take()) for session in sessions}
    assert len(messages) == 1
    assert room.groups == 1
    assert room.multi_view.stats().views == 2  # the group's, and its clone of before


def test_who_comes_before_the_next_delivery_shares_the_first_message() -> None:
    room = make_room()
    first = [session._next for session in (join(room), join(room))]
    assert first[0] is first[1] is not None
    room.multi_view.update({"a": 1})
    room.flush()
    late = join(room)
    assert taken(late)[1] == state(1, {"a": 1}, complete=True)


def test_who_does_not_take_it_falls_out_and_catches_up() -> None:
    room = make_room()
    quick, slow = join(room), join(room)
    taken(quick), taken(slow)
    for number in range(5):
        room.multi_view.update({"n": number, f"key.{number}": number}, [f"key.{number - 1}"])
        room.flush()
        assert len(taken(quick)) == 1
    assert room.stats().behind == 1
    first, rest = taken(slow)
    assert first == state(1, {"n": 0, "key.0": 0}, ["key.-1"])
    assert rest == state(5, {"n": 4, "key.4": 4}, ["key.0", "key.1", "key.2", "key.3"])
    assert room.stats().behind == 0
    room.multi_view.update({"n": 5})
    room.flush()
    assert taken(slow) == taken(quick) == [state(6, {"n": 5})]
    assert room.multi_view.stats().views == 2


def test_who_falls_out_costs_one_view_and_no_queue() -> None:
    room = make_room()
    slow = join(room)
    for number in range(100):
        room.multi_view.update({"n": number})
        room.flush()
    assert room.multi_view.stats().views == 3
    assert len(taken(slow)) == 3  # the welcome, what was there then, and the rest


def test_keys_go_with_the_session_and_others_stay() -> None:
    room = make_room()
    ada, bob = join(room), join(room)
    say(ada, state={"updates": {"ada": 1, "title": "x"}})
    say(bob, state={"updates": {"title": "y"}})
    ada.close()
    ada.close()
    assert room.multi_view.copy_content() == {"title": "y"}
    assert list(room.sessions) == [bob.id]


def test_a_session_that_is_closed_is_collected_with_its_group() -> None:
    room = make_room()
    session = join(room)
    reference = weakref.ref(session)
    session.close()
    assert room.groups == 0
    del session
    gc.collect()
    assert reference() is None
    assert room.multi_view.stats().views == 0


@pytest.mark.parametrize("echo", ["no", "yes"])
def test_ones_own_changes_come_back_unless_told_not_to(echo: str) -> None:
    room = make_room()
    ada, bob = join(room, echo=echo), join(room)
    taken(ada), taken(bob)
    say(ada, state={"updates": {"a": 1}})
    room.flush()
    assert taken(ada) == ([] if echo == "no" else [state(1, {"a": 1})])
    assert taken(bob) == [state(1, {"a": 1})]
    say(bob, state={"updates": {"b": 1}})
    room.flush()
    assert taken(ada) == [state(2, {"b": 1})]


def test_prefixes_choose_the_keys() -> None:
    room = make_room()
    room.multi_view.update({"a.1": 1, "b.1": 1, "c.1": 1})
    session = join(room, prefix=["a.", "b."])
    assert taken(session)[1] == state(1, {"a.1": 1, "b.1": 1}, complete=True)
    room.multi_view.update({"c.1": 2})
    room.flush()
    assert taken(session) == []


def test_what_is_followed_can_be_changed() -> None:
    room = make_room()
    room.multi_view.update({"a.1": 1, "b.1": 1})
    session = join(room)
    taken(session)
    answers = say(session, follow={"interval": 0.5, "prefixes": ["a."]}, id=7)
    assert answers == [{"done": 7, "version": 1}, state(1, {"a.1": 1}, complete=True)]
    answers = say(session, follow={"prefixes": None})
    assert answers == [state(1, {"a.1": 1, "b.1": 1}, complete=True)]
    assert session._interval == 0.5
    assert room.groups == 1


def test_who_follows_something_else_is_not_taken_back() -> None:
    room = make_room()
    ada, bob = join(room, interval="0.1"), join(room, interval="0.2")
    taken(ada), taken(bob)
    room.multi_view.update({"a": 1})
    room.group(0.1, None).flush()
    assert taken(ada) == [state(1, {"a": 1})]
    # There is a first message of what bob follows still, from before.
    now = state(1, {"a": 1}, complete=True)
    assert say(ada, follow={"interval": 0.2}) == [now]
    assert taken(join(room, interval="0.2"))[1] == now
    assert taken(bob) == []


@pytest.mark.parametrize(
    ("asked", "given"), [("0", 1 / 60), ("0.1", 0.1), ("1e9", 60.0), ("0.05", 0.05)]
)
def test_an_interval_is_kept_within_bounds(asked: str, given: float) -> None:
    welcome, _ = taken(join(make_room(), interval=asked))
    assert welcome["welcome"]["interval"] == round(given, 6)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"interval": "fast"}, "the interval of the query"),
        ({"interval": "nan"}, "the interval of the query"),
        ({"interval": "-1"}, "the interval of the query"),
        ({"echo": "maybe"}, "echo of the query"),
        ({"prefix": ["x"] * 65}, "the prefixes of the query"),
        ({"prefix": "x" * 201}, "the prefixes of the query"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(query: dict[str, Any], where: str) -> None:
    room = make_room()
    with pytest.raises(Refusal) as caught:
        join(room, **query)
    assert (caught.value.kind, caught.value.where) == ("malformed", where)
    assert (room.sessions, room.multi_view.stats().publishers) == ({}, 0)


def test_a_client_goes_on_from_its_token() -> None:
    room = make_room()
    room.multi_view.update({"a": 1, "b": 1, "c": 1})
    session = join(room)
    token = f"{room.epoch}.{taken(session)[1]['version']}"
    session.close()
    room.multi_view.update({"a": 2}, ["b"])
    welcome, first = taken(join(room, resume=token))
    assert welcome["welcome"]["resumed"] is True
    assert first == state(2, {"a": 2}, ["b"])
    welcome, first = taken(join(room, resume=f"{room.epoch}.2"))
    assert welcome["welcome"]["resumed"] is True
    assert first == state(2)


@pytest.mark.parametrize("echo", ["no", "yes"])
def test_what_was_forgotten_cannot_be_gone_on_from(echo: str) -> None:
    room = Room(DictionaryChangeMultiView(history=1))
    room.multi_view.update({"a": 1, "b": 1, "c": 1})
    room.multi_view.update(removals=["a"])
    room.multi_view.update(removals=["b"])
    welcome, first = taken(join(room, resume=f"{room.epoch}.1", echo=echo))
    assert welcome["welcome"]["resumed"] is False
    assert first == state(3, {"c": 1}, complete=True)


@pytest.mark.parametrize("token", ["", "x", ".", "{epoch}", "{epoch}.", "{epoch}.-1", "{epoch}.9",
                                   "{epoch}.1e3", "{epoch}." + "9" * 30, "other.1"])  # fmt: skip
def test_a_token_of_another_room_gives_everything(token: str) -> None:
    room = make_room()
    room.multi_view.update({"a": 1})
    welcome, first = taken(join(room, resume=token.format(epoch=room.epoch)))
    assert welcome["welcome"]["resumed"] is False
    assert first == state(1, {"a": 1}, complete=True)


def test_an_answer_comes_to_those_who_ask_for_one() -> None:
    room = make_room()
    session = join(room)
    taken(session)
    assert say(session, state={"updates": {"a": 1}}, id="first") == [
        {"done": "first", "version": 1}
    ]
    assert say(session, id=2) == [{"done": 2, "version": 1}]
    assert say(session, command={"name": "of NanoVer"}) == []


def test_a_condition_is_kept() -> None:
    room = make_room()
    room.multi_view.update({"a": 1})
    room.multi_view.update({"a": 2})
    session = join(room)
    taken(session)
    [answer] = say(session, state={"updates": {"a": 3, "b": 1}}, unchanged_since=1, id=1)
    assert answer == {
        "error": {
            "kind": "conflict",
            "where": "state.updates['a']",
            "message": "they have changed meanwhile",
        },
        "id": 1,
    }
    assert say(session, state={"updates": {"a": 3}}, unchanged_since=2, id=2)[0]["done"] == 2
    [answer] = say(session, state={"updates": {"a": 4}}, unchanged_since=99)
    assert (answer["error"]["kind"], answer["error"]["where"]) == ("malformed", "unchanged_since")
    assert room.multi_view.copy_content() == {"a": 3}


def test_keys_of_somebody_elses_own_and_a_frozen_room_are_refused() -> None:
    room = make_room()
    owner = room.multi_view.create_publisher(exclusive=True)
    owner.update({"mine": 1})
    session = join(room)
    taken(session)
    [answer] = say(session, state={"updates": {"mine": 2, "x": 1}})
    assert answer["error"]["kind"] == "owned"
    assert answer["error"]["where"] == "state.updates['mine']"
    room.multi_view.freeze()
    [answer] = say(session, state={"updates": {"x": 1}})
    assert answer["error"]["kind"] == "frozen"
    assert room.multi_view.copy_content() == {"mine": 1}


def test_a_frozen_room_gives_the_rest_and_says_goodbye() -> None:
    room = make_room()
    session = join(room)
    taken(session)
    room.multi_view.update({"a": 1})
    room.multi_view.freeze()
    room.flush()
    room.flush()
    assert taken(session) == [state(1, {"a": 1})]
    assert session.closing == (1001, "the room is frozen")
