"""What a value was on the wire goes with its version; codecs and cycles are collected."""

from __future__ import annotations

import gc
import sys
import weakref
from contextlib import ExitStack

import pytest

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from change_buffers.codecs import MessagePackCodec
from encoding import MSGPACK, assert_encodes
from helpers import Thing, assert_collected, run_child

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the memory in use is read there")

USED = """
    import gc, os
    from change_buffers import *
    from change_buffers.codecs import *

    def used():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
"""
"""The memory that a child uses: that of the core is not seen by `tracemalloc`."""


def codec_of_things():
    return MessagePackCodec(lambda _: b"\x01", MSGPACK.unpack)


@pytest.fixture(params=["before", "looked at", "touched", "with two codecs", "with an error"])
def use(request):
    """Encode a change in some way."""

    def use(change, codec):
        if request.param == "looked at":
            assert change.updates
        change.encode(codec)
        change.encode(codec, "state")
        if request.param == "touched":
            change.updates["touched"] = 1
            change.encode(codec)
        if request.param == "with two codecs":
            change.encode(codec_of_things())
        if request.param == "with an error":
            with pytest.raises(ValueError, match="updates"):
                change.encode(MSGPACK.codec)

    return use


@pytest.fixture
def views(multi_view):
    with ExitStack() as stack:
        yield [stack.enter_context(multi_view.create_view()) for _ in range(3)]


# Values


@pytest.mark.parametrize("others", [{}, {"b": 1, "c": 1}], ids=["alone", "among others"])
@pytest.mark.parametrize("release", [({"a": None},), (None, ["a"]), ({"a": None}, ["a"])])
def test_a_value_that_was_encoded_is_released_with_the_last_change(
    multi_view, views, use, others, release
):
    codec, value = codec_of_things(), Thing()
    reference = weakref.ref(value)
    multi_view.update({"a": value, **others})
    del value
    changes = [view.flush_changed_blocking() for view in views]
    for change in changes:
        use(change, codec)
    multi_view.update(*release)
    for view in views:
        view.flush_changed_blocking()
    assert reference() is not None
    del change
    while changes:
        assert reference() is not None
        changes.pop()
    assert_collected(reference)  # the traceback of an error may have to be collected first


def test_a_value_is_released_at_once(multi_view, views):
    codec, value = codec_of_things(), Thing()
    reference = weakref.ref(value)
    multi_view.update({"a": value})
    del value
    gc.disable()
    try:
        for view in views:
            view.flush_changed_blocking().encode(codec)
        assert reference() is not None
        multi_view.update({"a": None})
        assert reference() is None
    finally:
        gc.enable()


def test_a_change_keeps_what_it_has_to_encode(multi_view, views):
    value = Thing()
    reference = weakref.ref(value)
    multi_view.update({"a": value})
    del value
    change = views[0].flush_changed_blocking()
    multi_view.update(None, ["a"])
    for view in views:
        view.flush_changed_blocking()
    assert_encodes_one(change)
    assert reference() is change.updates["a"]
    assert_encodes_one(change)


def assert_encodes_one(change):
    codec = codec_of_things()
    assert codec.decode(change.encode(codec)).updates == {"a": 1}


def test_references_are_neither_lost_nor_kept(multi_view):
    value, key, envelope = Thing(), "".join(["a ", "key"]), "".join(["an ", "envelope"])

    def function(_):
        return b"\x01"

    codec = MessagePackCodec(function)

    def use():
        with multi_view.create_view() as first, multi_view.create_view() as second:
            multi_view.update({key: value, "b": value}, [key, "c"])
            for view in (first, second):
                change = view.flush_changed_blocking()
                for other in (codec, MessagePackCodec(function)):
                    change.encode(other)
                    change.encode(other, envelope)
                assert change.updates[key] is value
                change.encode(codec)
                change.updates["d"] = value
                change.removals.add(envelope)
                change.encode(codec, envelope)
                with pytest.raises(ValueError, match="updates"):
                    change.encode(MSGPACK.codec)
        multi_view.update(None, [key, "b"])

    objects = (value, key, envelope, function, codec)
    use()
    gc.collect()
    before = [sys.getrefcount(each) for each in objects]
    for _ in range(100):
        use()
    gc.collect()
    assert [sys.getrefcount(each) for each in objects] == before


# Memory


def test_changes_that_were_encoded_leave_no_objects_behind():
    run_child(
        """
        import gc, itertools, tracemalloc
        from change_buffers import *
        from change_buffers.codecs import *

        def use():
            for i in range(2000):
                codec = MessagePackCodec(lambda value: b"1")
                with shared.create_view() as first, shared.create_view() as second:
                    shared.update({"a": i, f"key {i}": [i]}, [f"key {i - 1}"])
                    for view in (first, second):
                        change = view.flush_changed_blocking()
                        change.encode(codec)
                        change.encode(long_lived)
                        change.updates["b"] = change
                        change.encode(codec, "state")
                DictionaryChange({"a": i}, ["b"]).encode(codec)

        shared, long_lived = DictionaryChangeMultiView(), JSONCodec(str)
        tracemalloc.start()
        sizes = []
        for _ in range(4):
            use()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
        # A leak grows every time, what is still warming up does not.
        growth = min(after - before for before, after in itertools.pairwise(sizes))
        assert growth < 50_000, sizes
        """
    )


@only_linux
def test_the_bytes_of_old_versions_are_freed():
    run_child(
        USED
        + """
    value, codec = "x" * 100_000, MessagePackCodec()
    mv = DictionaryChangeMultiView()
    with mv.create_view() as first, mv.create_view() as second:
        for i in range(1500):
            mv.update({"a": value, "b": i})
            assert len(first.flush_changed_blocking().encode(codec)) > 100_000
            assert len(second.flush_changed_blocking().encode(codec, "state")) > 100_000
            if i == 50:
                before = used()
    assert used() - before < 30_000_000, used() - before
    """
    )


@only_linux
@pytest.mark.parametrize("holder", ["the multi-view", "a change", "a change that was looked at"])
def test_codecs_that_come_and_go_leave_no_bytes_behind(holder):
    run_child(
        USED
        + f"""
    mv = DictionaryChangeMultiView()
    with mv.create_view() as first, mv.create_view() as second:
        mv.update({{"a": "x" * 100_000}})
        change = first.flush_changed_blocking()
        second.flush_changed_blocking().encode(MessagePackCodec())
    if {holder == "a change that was looked at"}:
        change.updates
    for i in range(1500):
        if {holder == "the multi-view"}:
            with mv.create_view() as late, mv.create_view() as later:
                later.flush_changed_blocking().encode(MessagePackCodec())
                change = late.flush_changed_blocking()
        codec = JSONCodec() if i % 2 else MessagePackCodec()
        assert len(change.encode(codec)) > 100_000
        if i == 50:
            before = used()
    assert used() - before < 30_000_000, used() - before
    """
    )


@only_linux
def test_envelopes_that_come_and_go_leave_no_bytes_behind():
    # As if every client had an envelope of its own.
    run_child(
        USED
        + """
    mv, codec = DictionaryChangeMultiView(), MessagePackCodec()
    with mv.create_view() as first, mv.create_view() as second:
        mv.update({"a": "x" * 100_000})
        changes = [view.flush_changed_blocking() for view in (first, second)]
    for i in range(1500):
        assert len(changes[i % 2].encode(codec, f"client {i}")) > 100_000
        if i == 50:
            before = used()
    assert used() - before < 30_000_000, used() - before
    """
    )


# Cycles


def encoding_function(*held):
    def function(value):
        return b"\x01" if held else b"\x02"

    return function


def cycle_of_a_codec():
    multi_view = DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        held = [multi_view, view]
        codec = MessagePackCodec(encoding_function(held))
        multi_view.update({"a": 1, "codec": codec})
        change = view.flush_changed_blocking()
        change.encode(codec)
        change.codec = codec
        held.append(change)
    return codec


def cycle_of_a_codec_in_itself():
    held = []
    codec = MessagePackCodec(encoding_function(held), encoding_function(held))
    held.append(codec)
    return codec


def cycle_of_a_codec_in_an_attribute():
    codec = MessagePackCodec(encoding_function())
    codec.me = codec
    return codec


def cycle_of_a_codec_of_a_method():
    class Owner:
        def encode(self, _value):
            return b"\x01"

    owner = Owner()
    owner.codec = MessagePackCodec(owner.encode)
    DictionaryChange({"a": owner}).encode(owner.codec)
    return owner


def cycle_of_a_change(*, encode, look, twice):
    multi_view, thing = DictionaryChangeMultiView(), Thing()
    codec = codec_of_things()
    with multi_view.create_view() as view, multi_view.create_view() as other:
        multi_view.update({"a": thing, "b": 1})
        thing.change = view.flush_changed_blocking()
        if twice:
            thing.other = other.flush_changed_blocking()
    if look:
        assert thing.change.updates["a"] is thing
    if encode:
        thing.change.encode(codec)
    if look and encode:
        thing.change.updates["b"] = thing
        thing.change.encode(codec)
    return multi_view, thing


every_kind = pytest.mark.parametrize(
    ("encode", "look", "twice"),
    [(e, look, twice) for e in (False, True) for look in (False, True) for twice in (False, True)],
)


@every_kind
def test_a_cycle_of_a_value_and_its_change_is_collected(encode, look, twice):
    multi_view, thing = cycle_of_a_change(encode=encode, look=look, twice=twice)
    reference = weakref.ref(thing)
    del thing
    gc.collect()
    assert reference() is not None  # it is content
    multi_view.update({"a": None})
    assert_collected(reference)


@every_kind
def test_a_cycle_of_a_value_and_its_change_is_collected_with_its_store(encode, look, twice):
    multi_view, thing = cycle_of_a_change(encode=encode, look=look, twice=twice)
    reference, thing.multi_view = weakref.ref(thing), multi_view
    del thing, multi_view
    assert_collected(reference)


@every_kind
def test_a_cycle_that_is_reachable_is_kept(encode, look, twice):
    multi_view, thing = cycle_of_a_change(encode=encode, look=look, twice=twice)
    change, reference = thing.change, weakref.ref(thing)
    del thing
    multi_view.update({"a": None})
    for _ in range(3):
        gc.collect()
    assert change.updates["a"] is reference()
    assert reference().change is change
    codec = codec_of_things()
    assert codec.decode(change.encode(codec)).updates == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name.removeprefix("cycle_of_"))
        for name, make in list(globals().items())
        if name.startswith("cycle_of_a_codec")
    ],
)
def test_a_cycle_of_a_codec_is_collected(make):
    anchor = make()
    reference = weakref.ref(anchor)
    gc.collect()
    assert reference() is anchor
    del anchor
    assert_collected(reference)


def test_an_error_keeps_nothing_for_long(multi_view, view):
    value = Thing()
    reference = weakref.ref(value)
    multi_view.update({"a": value})
    with pytest.raises(ValueError, match="updates"):
        view.flush_changed_blocking().encode(MSGPACK.codec)
    del value
    multi_view.update({"a": 1})
    assert_collected(reference)
    assert_encodes(view.flush_changed_blocking(), {"a": 1}, [])
