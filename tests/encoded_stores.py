"""Stores whose changes are encoded: from the first one on they keep bytes with their values."""

from __future__ import annotations

from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView
from change_buffers.codecs import JSONCodec

_CODEC = JSONCodec(repr)


def encode(change: DictionaryChange) -> None:
    """Encode a change, whatever its values are."""
    change.encode(_CODEC)


def begin(multi_view: DictionaryChangeMultiView) -> None:
    """Have a first change encoded, which leaves the content as it is."""
    with multi_view.create_view() as view:
        view.update({"first": 1})
        encode(view.flush_changed_blocking())


def begin_alone(buffer: DictionaryChangeBuffer) -> None:
    """Have the first change of an empty buffer encoded."""
    buffer.update({"first": 1})
    encode(buffer.flush_changed_blocking())
