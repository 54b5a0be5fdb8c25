"""A codec's function may do anything, also call back: nothing hangs and no message is spoilt.

What might hang does so with the GIL held, so it runs in a child process.
"""

from __future__ import annotations

import pytest

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec, MessagePackCodec
from encoding import MSGPACK, decoded, run_encoding_child
from helpers import Worker, flush, soon

MANY = {f"key {i}": i for i in range(5)}


def calling(function, result=b"\x01"):
    """Make a codec whose function calls something, once, before it returns."""
    calls = [function]

    def encode(_value):
        if calls:
            calls.pop()()
        return result

    return MessagePackCodec(encode, MSGPACK.unpack)


@pytest.fixture
def other(multi_view):
    with multi_view.create_view() as other:
        yield other


CALL_BACKS = {
    "update": lambda mv, view, change: mv.update({"key 1": "new"}),
    "update of all": lambda mv, view, change: mv.update(dict.fromkeys(MANY, "new"), ["key 2"]),
    "removal": lambda mv, view, change: mv.update(None, list(MANY)),
    "update of the view": lambda mv, view, change: view.update({"private": 1}),
    "flush": lambda mv, view, change: view.flush_changed_nowait(),
    "copy": lambda mv, view, change: mv.copy_content(),
    "freeze": lambda mv, view, change: mv.freeze(),
    "freeze of the view": lambda mv, view, change: view.freeze(),
    "removal of the view": lambda mv, view, change: mv.remove_view(view),
    "views": lambda mv, view, change: mv.create_view().__enter__().flush_changed_blocking(),
    "stats": lambda mv, view, change: mv.stats(),
    "repr": lambda mv, view, change: repr(change),
    "look": lambda mv, view, change: change.updates,
    "to_dict": lambda mv, view, change: change.to_dict(),
    "encode": lambda mv, view, change: change.encode(MSGPACK.codec),
    "decode": lambda mv, view, change: MSGPACK.codec.decode(change.encode(MSGPACK.codec)),
}


@pytest.mark.parametrize("call_back", CALL_BACKS.values(), ids=CALL_BACKS.keys())
@pytest.mark.parametrize("looked_at", [False, True], ids=["unopened", "looked at"])
def test_a_call_back_spoils_no_message(multi_view, view, other, call_back, looked_at):
    multi_view.update(MANY, ["gone"])
    changes = [view.flush_changed_blocking(), other.flush_changed_blocking()]
    if looked_at:
        assert changes[0].updates == MANY
    codec = calling(lambda: call_back(multi_view, view, changes[0]))
    expected = dict.fromkeys(MANY, 1), {"gone"}
    assert soon(decoded, changes[0], codec) == expected
    assert soon(decoded, changes[1], codec) == expected
    assert decoded(changes[0], MSGPACK.codec) == (MANY, {"gone"})
    assert decoded(changes[1], MSGPACK.codec) == (MANY, {"gone"})


def test_an_update_from_within_comes_with_the_next_flush(multi_view, view):
    multi_view.update(MANY)
    change = view.flush_changed_blocking()
    codec = calling(lambda: multi_view.update({"key 4": "new"}, ["key 3"]))
    assert decoded(change, codec) == (dict.fromkeys(MANY, 1), set())
    assert flush(view) == ({"key 4": "new"}, {"key 3"})


@pytest.mark.parametrize("looked_at", [False, True], ids=["unopened", "looked at"])
@pytest.mark.parametrize("in_full", [False, True], ids=["the parts", "in full"])
def test_a_change_that_is_altered_from_within_is_encoded_as_it_was_or_is(
    multi_view, view, looked_at, in_full
):
    def alter():
        if in_full:
            change.__init__({"new": 1}, ["new"])
        else:
            change.updates.clear()
            change.updates["new"] = 1
            change.removals = {"new"}

    multi_view.update(MANY, ["gone"])
    change = view.flush_changed_blocking()
    if looked_at:
        change.updates["touched"] = 1
    before = dict(change.updates) if looked_at else MANY
    codec = calling(alter)
    assert decoded(change, codec) == (dict.fromkeys(before, 1), {"gone"})
    assert decoded(change, codec) == ({"new": 1}, {"new"})
    assert (change.updates, change.removals) == ({"new": 1}, {"new"})


def test_the_same_change_may_be_encoded_from_within(multi_view, view, other):
    def encode(value):
        if not depth:
            depth.append(value)
            inner.append(decoded(change, codec))
        return MSGPACK.pack(value)

    codec = MessagePackCodec(encode, MSGPACK.unpack)
    depth, inner = [], []
    multi_view.update(MANY, ["gone"])
    change = view.flush_changed_blocking()
    assert soon(decoded, change, codec) == (MANY, {"gone"})
    assert inner == [(MANY, {"gone"})]
    assert decoded(other.flush_changed_blocking(), codec) == (MANY, {"gone"})


def test_a_value_may_be_encoded_by_way_of_another_change(multi_view):
    def encode(value):
        if isinstance(value, DictionaryChange):
            return value.encode(codec)
        return MSGPACK.pack(value)

    codec = MessagePackCodec(encode, MSGPACK.unpack)
    multi_view.update({"a": DictionaryChange({"b": DictionaryChange({"c": 1}, ["d"])})})
    innermost = {"updates": {"c": 1}, "removals": ["d"]}
    for _ in range(2):
        with multi_view.create_view() as view:
            updates, _ = decoded(view.flush_changed_blocking(), codec)
            assert updates == {"a": {"updates": {"b": innermost}, "removals": []}}


def test_encoding_from_within_without_end_is_an_error():
    run_encoding_child(
        """
    import sys

    if sys.platform == "win32":
        # Threads have a quarter of the stack there, too little for a thousand calls from C to
        # Python and back, whosever they are: `sorted` with a key that sorts ends the same way.
        sys.setrecursionlimit(400)

    def encode(value):
        return mine.encode(codec)

    codec = codec_of(encode)
    mv.update({"a": 1, "b": 2})
    changes = [first.flush_changed_blocking(), second.flush_changed_blocking()]
    changes[1].updates["c"] = 3
    changes += [DictionaryChange({"a": 1})]
    for mine in changes:
        try:
            mine.encode(codec)
        except ValueError as error:
            while error.__cause__:
                error = error.__cause__
            assert isinstance(error, RecursionError), repr(error)
        else:
            raise AssertionError
        assert decoded(mine, codec_of(msgpack.packb))[0]["a"] == 1
        """
    )


def test_a_change_may_be_dropped_from_within():
    run_encoding_child(
        """
    class Value:
        def __init__(self):
            self.me = self

    for look in (False, True):
        def encode(value):
            changes.clear()
            mv.update({"a": None, "b": None})
            first.flush_changed_nowait()
            second.flush_changed_nowait()
            gc.collect()
            return b"\\x01"

        codec = codec_of(encode)
        mv.update({"a": Value(), "b": Value()})
        reference = weakref.ref(mv.copy_content()["a"])
        changes = [first.flush_changed_blocking(), second.flush_changed_blocking()]
        if look:
            changes[0].updates["c"] = Value()
        message = changes.pop(0).encode(codec)
        assert set(codec.decode(message).updates.values()) == {1}
        gc.collect()
        assert reference() is None
        """
    )


def test_a_codec_may_be_dropped_from_within():
    run_encoding_child(
        """
    def encode(value):
        holder.clear()
        gc.collect()
        return msgpack.packb(value)

    holder = [codec_of(encode)]
    mv.update({"a": 1, "b": 2})
    message = first.flush_changed_blocking().encode(holder[0])
    assert msgpack.unpackb(message) == {"updates": {"a": 1, "b": 2}, "removals": []}
    assert not holder
        """
    )


# Locks


def test_an_encoder_that_waits_for_another_thread_that_encodes_does_not_hang(multi_view):
    # Each holds a lock while it encodes, and needs the other's: only who waits inside would hang.
    multi_view.update({"a": 1, "b": 2})
    with multi_view.create_view() as first, multi_view.create_view() as second:
        changes = [first.flush_changed_blocking(), second.flush_changed_blocking()]
    others = []

    def encode(value):
        if not others:
            others.append(None)
            others[0] = Worker(decoded, changes[1], codec)
            assert others[0].result() == ({"a": 1, "b": 2}, set())
        return MSGPACK.pack(value)

    codec = MessagePackCodec(encode, MSGPACK.unpack)
    assert soon(decoded, changes[0], codec) == ({"a": 1, "b": 2}, set())


def test_a_lock_that_is_held_around_encoding_and_within_does_not_hang():
    run_encoding_child(
        """
    lock = threading.RLock()

    def encode(value):
        inside.set()
        with lock:
            return msgpack.packb(value)

    def encode_under_the_lock(change):
        with lock:
            started.set()
            inside.wait()
            return decoded(change, codec)

    results, codec = [], codec_of(encode)
    inside, started = threading.Event(), threading.Event()
    mv.update({"a": 1, "b": 2})
    changes = [first.flush_changed_blocking(), second.flush_changed_blocking()]
    holder = threading.Thread(
        target=lambda: results.append(encode_under_the_lock(changes[0]))
    )
    holder.start()
    started.wait()
    results.append(decoded(changes[1], codec))
    holder.join()
    assert results == [({"a": 1, "b": 2}, set())] * 2
        """
    )


def test_nothing_is_locked_while_a_function_runs(multi_view, view, other):
    def everything():
        multi_view.update({"b": 1})
        multi_view.copy_content()
        with multi_view.create_view() as late:
            codec.decode(late.flush_changed_blocking().encode(codec))
        gone = other.flush_changed_blocking()
        return gone.encode(codec), gone.updates, change.updates, change.encode(codec)

    multi_view.update({"a": 1})
    change = view.flush_changed_blocking()
    results = []
    codec = calling(lambda: results.append(soon(everything)))
    assert soon(decoded, change, codec) == ({"a": 1}, set())
    assert results[0][1] == {"a": 1, "b": 1}


def test_two_codecs_may_be_used_within_each_other(multi_view, view):
    inner = JSONCodec(str)

    def encode(_value):
        return MSGPACK.pack(change.encode(inner).decode())

    outer = MessagePackCodec(encode, MSGPACK.unpack)
    multi_view.update({"a": 1, "b": 2})
    change = view.flush_changed_blocking()
    text = '{"updates":{"a":1,"b":2},"removals":[]}'
    assert soon(decoded, change, outer) == ({"a": text, "b": text}, set())


def test_a_multi_view_may_go_from_within():
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        multi_view.update({"a": 1, "b": 2})
        change = view.flush_changed_blocking()

    def drop():
        nonlocal multi_view, view
        del multi_view, view

    assert soon(decoded, change, calling(drop)) == ({"a": 1, "b": 1}, set())
