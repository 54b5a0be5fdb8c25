"""Each version of a value is encoded once by a codec, however many views send it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

import encoded_stores
from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec
from encoding import MSGPACK, ORJSON, assert_encodes, counting_codec, decoded, once
from event_loops import run

COUNT = 5
MANY = {f"key {i}": i for i in range(5)}


@pytest.fixture
def multi_view():
    """Give one whose changes are being encoded; how that begins is tested elsewhere."""
    multi_view = DictionaryChangeMultiView()
    encoded_stores.begin(multi_view)
    return multi_view


@pytest.fixture
def views(multi_view):
    with ExitStack() as stack:
        yield [stack.enter_context(multi_view.create_view()) for _ in range(COUNT)]


def flushed(views):
    return [view.flush_changed_blocking() for view in views]


def peek(change):
    """Look at a change, as one who follows it does."""
    return change.updates, change.removals


# Once


def test_a_hundred_views_of_a_hundred_keys_encode_each_value_once(multi_view):
    codec, encoder = counting_codec()
    content = {f"key {i}": i for i in range(100)}
    with ExitStack() as stack:
        views = [stack.enter_context(multi_view.create_view()) for _ in range(100)]
        multi_view.update(content)
        assert [decoded(change, codec) for change in flushed(views)] == [(content, set())] * 100
    assert encoder.counts() == once(*content.values())


def test_a_json_codec_shares_as_well(multi_view, views):
    codec, encoder = counting_codec()
    calls = []
    json_codec = JSONCodec(lambda value: calls.append(value) or ORJSON.pack(value))
    multi_view.update(MANY)
    for change in flushed(views):
        change.encode(codec)
        assert decoded(change, json_codec) == (MANY, set())
    assert calls == list(MANY.values())
    assert encoder.counts() == once(*MANY.values())


def test_one_change_is_encoded_once_however_often_it_is_asked_for(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY, ["gone"])
    change = views[0].flush_changed_blocking()
    messages = {change.encode(codec) for _ in range(3)}
    assert len(messages) == 1
    assert encoder.counts() == once(*MANY.values())


def test_an_envelope_does_not_matter(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY, ["gone"])
    for change, envelope in zip(flushed(views), [None, "state", "", "é", "state"], strict=True):
        message = change.encode(codec, envelope)
        assert codec.decode(message, envelope).updates == MANY
    assert encoder.counts() == once(*MANY.values())


@pytest.mark.parametrize("looks", [[True] * 5, [False] * 5, [False, True] * 2 + [False]])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_it_does_not_matter_who_looks_at_a_change(multi_view, views, looks, late):
    codec, encoder = counting_codec()
    multi_view.update(MANY, ["gone", "key 1"])
    changes = flushed(views)
    messages = set()
    for change, look in zip(changes, looks, strict=True):
        if look and not late:
            peek(change)
        messages.add(change.encode(codec))
        if look:
            peek(change)
        messages.add(change.encode(codec))
    assert len(messages) == 1
    assert encoder.counts() == once(*MANY.values())


# Views of all kinds


def test_views_at_different_paces_share(multi_view, views):
    codec, encoder = counting_codec()
    replicas = [{} for _ in views]
    for tick in range(1, 21):
        updates = {f"key {(tick + i) % 7}": f"tick {tick} {i}" for i in range(3)}
        multi_view.update(updates, [f"key {tick % 5}"])
        for pace, (view, replica) in enumerate(zip(views, replicas, strict=True), 1):
            if tick % pace == 0:
                updates, removals = decoded(view.flush_changed_blocking(), codec)
                replica.update(updates)
                for key in removals:
                    replica.pop(key, None)
    assert set(encoder.counts().values()) == {1}
    multi_view.update({"end": "end"})
    for view, replica in zip(views, replicas, strict=True):
        updates, removals = decoded(view.flush_changed_blocking(), codec)
        replica.update(updates)
        for key in removals:
            replica.pop(key, None)
        assert replica == multi_view.copy_content()
    assert set(encoder.counts().values()) <= {1}


def test_late_views_share_what_was_encoded_long_ago(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY)
    views[0].flush_changed_blocking().encode(codec)
    for i in range(100):
        multi_view.update({"busy": f"busy {i}"})
        views[0].flush_changed_blocking().encode(codec)
    encoder.calls.clear()
    for _ in range(3):
        with multi_view.create_view() as late:
            change = late.flush_changed_blocking()
            assert decoded(change, codec) == ({**MANY, "busy": "busy 99"}, set())
    assert encoder.counts() == once()


def test_a_late_view_may_be_the_first_to_encode(multi_view):
    codec, encoder = counting_codec()
    for key, value in MANY.items():
        multi_view.update({key: value})
    for _ in range(3):
        with multi_view.create_view() as late:
            assert decoded(late.flush_changed_blocking(), codec) == (MANY, set())
    assert encoder.counts() == once(*MANY.values())


def test_views_with_prefixes_share(multi_view):
    codec, encoder = counting_codec()
    with ExitStack() as stack:
        prefixes = [None, "", "a", ["a.1", "b"], "a", "b"]
        views = [stack.enter_context(multi_view.create_view(prefixes)) for prefixes in prefixes]
        multi_view.update({"a.1": 1, "a.2": 2, "b.1": 3, "c": 4})
        keys = [sorted(decoded(change, codec)[0]) for change in flushed(views)]
    assert keys == [
        ["a.1", "a.2", "b.1", "c"],
        ["a.1", "a.2", "b.1", "c"],
        ["a.1", "a.2"],
        ["a.1", "b.1"],
        ["a.1", "a.2"],
        ["b.1"],
    ]
    assert encoder.counts() == once(1, 2, 3, 4)


def test_what_nobody_asks_for_is_not_encoded(multi_view):
    codec, encoder = counting_codec()
    with multi_view.create_view("a") as view:
        multi_view.update({"a": 1, "b": 2})
        view.flush_changed_blocking().encode(codec)
    assert encoder.counts() == once(1)


def test_subscriptions_share(multi_view):
    codec, encoder = counting_codec()
    multi_view.update({"first": "first"})
    subscriptions = [multi_view.subscribe_changes() for _ in range(COUNT)]
    for subscription in subscriptions:
        assert decoded(next(subscription), codec) == ({"first": "first"}, set())
    multi_view.update(MANY, ["first"])
    for subscription in subscriptions:
        assert decoded(next(subscription), codec) == (MANY, {"first"})
    assert encoder.counts() == once("first", *MANY.values())


def test_asyncio_subscribers_share(multi_view):
    codec, encoder = counting_codec()

    async def follow():
        replica = {}
        async for change in multi_view.subscribe_changes():
            updates, removals = decoded(change, codec)
            replica.update(updates)
            for key in removals:
                replica.pop(key, None)
        return replica

    async def main():
        tasks = [asyncio.ensure_future(follow()) for _ in range(10)]
        for i in range(30):
            multi_view.update({f"key {i % 7}": f"value {i}"}, [f"key {i % 3}"])
            await asyncio.sleep(0)
        multi_view.freeze()
        assert await asyncio.gather(*tasks) == [multi_view.copy_content()] * 10

    run(main())
    assert set(encoder.counts().values()) == {1}


def test_a_view_that_was_updated_alone_shares_the_rest(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY)
    views[0].update({"private": "private", "key 1": "other"}, ["key 2"])
    private = {**MANY, "private": "private", "key 1": "other"}
    del private["key 2"]
    changes = flushed(views)
    assert decoded(changes[0], codec) == (private, {"key 2"})
    assert [decoded(change, codec) for change in changes[1:]] == [(MANY, set())] * (COUNT - 1)
    assert encoder.counts() == once(*MANY.values(), "private", "other")


def test_views_of_a_frozen_multi_view_share(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY)
    multi_view.freeze()
    with multi_view.create_view() as late:
        for change in flushed([*views, late]):
            assert decoded(change, codec) == (MANY, set())
    assert encoder.counts() == once(*MANY.values())


def test_a_value_that_is_set_and_removed_at_once_is_shared(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY, ["key 1"])
    for change in flushed(views):
        assert decoded(change, codec) == (MANY, {"key 1"})
    assert encoder.counts() == once(*MANY.values())


# Versions


def test_only_the_updated_key_is_encoded_again(multi_view, views):
    codec, encoder = counting_codec()
    multi_view.update(MANY)
    for change in flushed(views[:2]):
        change.encode(codec)
    encoder.calls.clear()
    multi_view.update({"key 3": "new"})
    with multi_view.create_view() as late:
        for change in flushed([*views, late]):
            assert decoded(change, codec)[0]["key 3"] == "new"
    assert encoder.counts() == once("new")


@pytest.mark.parametrize("encoded_first", [False, True], ids=["not yet", "already"])
def test_an_old_version_is_shared_by_all_who_hold_it(multi_view, views, encoded_first):
    codec, encoder = counting_codec()
    multi_view.update(MANY)
    old = flushed(views)
    if encoded_first:
        old[0].encode(codec)
    multi_view.update({"key 3": "new"}, ["key 4"])
    new = flushed(views)
    for of_old, of_new in zip(old, new, strict=True):
        assert decoded(of_new, codec) == ({"key 3": "new"}, {"key 4"})
        assert decoded(of_old, codec) == (MANY, set())
    assert encoder.counts() == once(*MANY.values(), "new")


def test_the_same_object_published_again_is_a_new_version(multi_view, views):
    codec, encoder = counting_codec()
    value = ["state"]
    multi_view.update({"a": value})
    assert [decoded(change, codec) for change in flushed(views)] == [({"a": ["state"]}, set())] * 5
    value[0] = "changed"
    multi_view.update({"a": value})
    changes = flushed(views)
    assert [decoded(change, codec) for change in changes] == [({"a": ["changed"]}, set())] * 5
    multi_view.update({"a": value})
    flushed(views)[0].encode(codec)
    assert encoder.counts() == once("['state']") + once("['changed']", "['changed']")


def test_a_key_that_was_removed_and_comes_back_has_a_new_version(multi_view, views):
    codec, encoder = counting_codec()
    for _ in range(2):
        multi_view.update({"a": "value"})
        for change in flushed(views):
            change.encode(codec)
        assert encoder.counts() == once("value")
        multi_view.update(None, ["a"])
        for change in flushed(views):
            assert decoded(change, codec) == ({}, {"a"})
    assert encoder.counts() == once()


def test_one_object_under_two_keys_comes_with_each_of_them(multi_view, views):
    codec, _ = counting_codec()
    value = ["value"]
    multi_view.update({"a": value, "b": value})
    for change in flushed(views):
        assert decoded(change, codec) == ({"a": value, "b": value}, set())


def test_two_multi_views_do_not_mix():
    codec, encoder = counting_codec()
    value = ["value"]
    for key in ("a", "b"):
        multi_view = DictionaryChangeMultiView()
        multi_view.update({key: value})
        for _ in range(2):
            with multi_view.create_view() as view:
                assert decoded(view.flush_changed_blocking(), codec) == ({key: value}, set())
        assert encoder.counts() == once("['value']")


# Codecs


def test_codecs_do_not_disturb_each_other(multi_view, views):
    pairs = [counting_codec() for _ in range(4)]
    multi_view.update(MANY)
    changes = flushed(views)
    for change in changes:
        for codec, _ in pairs:
            assert decoded(change, codec) == (MANY, set())
            assert_encodes(change, MANY, [], [MSGPACK, ORJSON])
    for _, encoder in pairs:
        assert encoder.counts() == once(*MANY.values())


def test_codecs_with_different_functions_give_different_messages(multi_view, views):
    codecs = [type(MSGPACK.codec)(lambda _, i=i: bytes([i]), MSGPACK.unpack) for i in range(6)]
    multi_view.update(MANY)
    for change in flushed(views):
        for i, codec in enumerate(codecs):
            assert decoded(change, codec) == (dict.fromkeys(MANY, i), set())


def test_codecs_of_the_same_function_are_two_codecs(multi_view, views):
    first, encoder = counting_codec()
    second = type(first)(encoder, MSGPACK.unpack)
    multi_view.update(MANY)
    for change in flushed(views):
        assert change.encode(first) == change.encode(second)
    assert encoder.counts() == once(*MANY.values(), *MANY.values())


def test_a_codec_that_comes_in_place_of_another_starts_anew(multi_view, views):
    multi_view.update(MANY)
    change = views[0].flush_changed_blocking()
    for i in range(50):
        codec = type(MSGPACK.codec)(lambda _, i=i: bytes([i]), MSGPACK.unpack)
        assert decoded(change, codec) == (dict.fromkeys(MANY, i), set())
        del codec  # the next one may be at the same address


# On demand


def test_who_never_encodes_calls_no_encoder(multi_view, views):
    _, encoder = counting_codec()
    multi_view.update(MANY)
    for change in flushed(views):
        peek(change)
        repr(change)
    multi_view.copy_content()
    assert encoder.calls == []


def test_values_that_nobody_can_encode_are_no_trouble_until_somebody_does(multi_view, views):
    value = object()
    multi_view.update({"a": value, "b": 1})
    changes = flushed(views)
    assert changes[0].updates["a"] is value
    assert changes[1].to_dict() == {"updates": {"a": value, "b": 1}, "removals": []}
    with pytest.raises(ValueError, match="updates\\['a'\\]"):
        changes[2].encode(MSGPACK.codec)


def test_changes_that_are_from_no_view_encode_what_they_hold_each_time():
    value = [1]
    buffer = DictionaryChangeBuffer()
    buffer.update({"a": value})
    for change in (buffer.flush_changed_blocking(), DictionaryChange({"a": value})):
        for number in (2, 3):
            value[0] = number
            assert decoded(change, MSGPACK.codec) == ({"a": [number]}, set())
