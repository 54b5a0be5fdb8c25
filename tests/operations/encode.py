"""Operations on codecs. They come last: from the first one on the process keeps versions."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from change_buffers import DictionaryChange, DictionaryChangeMultiView
from operations.repeat import Step, operation

MANY = {f"key {i}": [i] for i in range(10)}


@operation
def encode_and_decode_a_change() -> Step:
    from change_buffers.codecs import JSONCodec

    codec = JSONCodec(json.dumps, json.loads)
    change = DictionaryChange(MANY, ["a"])
    return lambda: codec.decode(change.encode(codec, "state"), "state")


@operation
def encode_and_decode_a_value() -> Step:
    from change_buffers.codecs import JSONCodec

    codec = JSONCodec(json.dumps, json.loads)

    def step() -> None:
        codec.decode_value(codec.encode_value(MANY))
        with suppress(ValueError):
            codec.encode_value(object())
        with suppress(ValueError):
            codec.decode_value(b"[")

    return step


@operation
def encode_a_change_for_several_views() -> Step:
    from change_buffers.codecs import JSONCodec

    codecs = [JSONCodec(json.dumps), JSONCodec(json.dumps)]
    multi_view = DictionaryChangeMultiView()

    def step() -> None:
        with multi_view.create_view() as one, multi_view.create_view() as another:
            multi_view.update(MANY, ["gone"])
            changes = [view.flush_changed_blocking() for view in (one, another)]
            for change in changes:
                for codec in codecs:
                    change.encode(codec)
            changes[0].updates["key 0"] = None
            changes[0].encode(codecs[0])

    return step


@operation
def encode_with_a_codec_of_the_moment() -> Step:
    from change_buffers.codecs import JSONCodec

    multi_view = DictionaryChangeMultiView()
    multi_view.update(MANY)
    context = multi_view.create_view()
    view = context.__enter__()
    change = view.flush_changed_blocking()

    def step() -> Any:
        assert context is not None
        return change.encode(JSONCodec(json.dumps))

    return step


@operation
def fail_to_encode() -> Step:
    from change_buffers.codecs import JSONCodec

    codec = JSONCodec(json.dumps)
    multi_view = DictionaryChangeMultiView()

    def step() -> None:
        with multi_view.create_view() as view:
            multi_view.update({"fine": 1, "not": object()})
            with suppress(ValueError):
                view.flush_changed_blocking().encode(codec)

    return step


@operation
def pass_packed_values_on() -> Step:
    from change_buffers.codecs import JSONCodec, PackedValue, unpack_around

    codec = JSONCodec(json.dumps)
    multi_view = DictionaryChangeMultiView()
    # {"updates": {"a": [{"b": 1}, "c"], "d": 1.5}, "removals": ["e"]}
    message = (
        b"\x82\xa7updates\x82\xa1a\x92\x81\xa1b\x01\xa1c\xa1d\xcb\x3f\xf8\0\0\0\0\0\0"
        b"\xa8removals\x91\xa1e"
    )

    def step() -> None:
        with multi_view.create_view() as one, multi_view.create_view() as another:
            found = unpack_around(message, "updates")
            multi_view.update(**found)
            one.flush_changed_blocking().encode(codec)
            another.flush_changed_blocking().updates["a"].append(multi_view)
            multi_view.get("d")
            for data in (message[:-1], message + b"\0", b"\x92\xa1x\xc1"):
                with suppress(ValueError):
                    unpack_around(data, "updates")
                with suppress(ValueError):
                    PackedValue(data)

    return step
