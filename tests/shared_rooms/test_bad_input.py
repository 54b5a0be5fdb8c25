"""What a shared room is given that is no good, and what it says of itself."""

from __future__ import annotations

import copy
import pickle
import threading
import time

import msgpack
import pytest

from agreement import eventually
from change_buffers.codecs import MessagePackCodec
from change_buffers.redis import RedisMultiView, RedisRefusedError, RedisUnavailableError


def test_a_value_that_cannot_be_encoded_is_named_before_anything_is_sent(pair):
    here, _ = pair
    with pytest.raises(ValueError, match=r"updates\['bad'\]: the value cannot be encoded"):
        here.update({"good": 1, "bad": object()})
    here.update_and_wait({"end": 1})
    assert here.copy_content() == {"end": 1}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": ""}, ValueError, "name must be a text without braces"),
        ({"name": "a{b"}, ValueError, "name must be a text without braces"),
        ({"name": 1}, TypeError, "name must be a str, not int"),
        ({"url": 1}, TypeError, "url must be a str or a redis.Redis, not int"),
        ({"url": "nonsense"}, ValueError, "scheme"),
        ({"codec": 1}, TypeError, "codec must be a MessagePackCodec or None, not int"),
        ({"lease": 0.1}, ValueError, "lease must be 0.3 seconds or more, not 0.1"),
        ({"lease": "1"}, TypeError, "lease must be a number of seconds, not str"),
        ({"gather": -1}, ValueError, "gather must be 0.0 seconds or more, not -1"),
        ({"gather": float("nan")}, ValueError, "gather must be"),
        ({"timeout": float("inf")}, ValueError, "timeout must be"),
        ({"stream_length": 0}, ValueError, "stream_length must be 1 or more, not 0"),
        ({"stream_length": 1.5}, TypeError, "stream_length must be a number of updates"),
        ({"on_status": 1}, TypeError, "on_status must be a function or None, not int"),
        ({"history": -1}, ValueError, "history"),
    ],
)
def test_bad_settings_are_named(arguments, error, message):
    settings = {"url": "redis://127.0.0.1:1/0", "name": "room", **arguments}
    with pytest.raises(error, match=message):
        RedisMultiView(settings.pop("url"), settings.pop("name"), **settings)


@pytest.mark.parametrize("call", ["update", "update_and_wait"])
def test_bad_updates_are_refused_as_by_any_multi_view(pair, call):
    here, _ = pair
    for arguments, message in [
        ((1,), "updates must be a mapping"),
        (({1: 2},), "str"),
        ((None, "abc"), "removals"),
        ((None, [1]), "str"),
    ]:
        with pytest.raises(TypeError, match=message):
            getattr(here, call)(*arguments)
    assert here.copy_content() == {}


def test_a_room_that_was_not_joined_says_so():
    room = RedisMultiView("redis://127.0.0.1:1/0", "room")
    for call in (lambda: room.update({"a": 1}), room.freeze, room.create_publisher):
        with pytest.raises(RuntimeError, match="not joined"):
            call()
    with pytest.raises(TypeError, match="follows Redis alone"):
        room.replay({"a": 1}, version=5)


def test_no_redis_at_all():
    room = RedisMultiView("redis://127.0.0.1:1/0", "room", timeout=0.3)
    began = time.monotonic()
    with pytest.raises(RedisUnavailableError, match="not to be reached"):
        room.join()
    assert time.monotonic() - began < 10


def test_a_wrong_password(start):
    server = start("--requirepass", "secret")
    with pytest.raises(RedisRefusedError, match="password"):
        RedisMultiView(server.url, "room").join()
    with pytest.raises(RedisRefusedError, match="password"):
        RedisMultiView(f"redis://:wrong@127.0.0.1:{server.port}/0", "room").join()
    with RedisMultiView(f"redis://:secret@127.0.0.1:{server.port}/0", "room") as room:
        assert room.update_and_wait({"a": 1}) == 1


@pytest.mark.parametrize("part", ["state", "content", "stream", "versions", "owners", "beats"])
def test_something_else_under_the_name(server, part):
    room = RedisMultiView(server.url, "room")
    with server.client() as client:
        client.set(room._link.keys[part], "something")
        with pytest.raises(RedisRefusedError, match="something else is stored"):
            room.join()
        assert client.get(room._link.keys[part]) == b"something"


def test_what_is_counted_can_be_copied_and_compared(pair):
    here, _ = pair
    stats = here.stats()
    assert pickle.loads(pickle.dumps(stats)) == copy.deepcopy(stats) == stats
    assert stats.views == stats.local.views == 0
    with pytest.raises(AttributeError):
        stats.nonsense  # noqa: B018


def test_the_codec_gives_the_bytes_that_came_from_redis(shared_server, rooms):
    packed = []

    def packb(value):
        packed.append(value)
        return msgpack.packb(value)

    here = rooms(shared_server.url)
    there = rooms(shared_server.url, codec=MessagePackCodec(packb, msgpack.unpackb))
    codec = there.codec
    with there.create_view() as view:
        here.update_and_wait({"a": [1, 2], "b": {"c": 1}})
        change = view.flush_changed_blocking(10)
        assert codec.decode(change.encode(codec)).updates == {"a": [1, 2], "b": {"c": 1}}
    assert packed == [], "they were encoded once, by the one who set them"
    assert codec is there.codec


def test_a_publisher_that_is_closed_while_it_updates_leaves_nothing(pair):
    here, there = pair
    for number in range(100):
        publisher = here.create_publisher()

        def update(publisher=publisher, number=number):
            for turn in range(50):
                try:
                    publisher.update({f"mine-{number}": turn, f"mine-{number}-{turn}": turn})
                except ValueError:
                    return

        thread = threading.Thread(target=update)
        thread.start()
        publisher.close()
        thread.join(10)
    here.update_and_wait({"end": 1})
    eventually(lambda: there.copy_content() == here.copy_content() == {"end": 1})
