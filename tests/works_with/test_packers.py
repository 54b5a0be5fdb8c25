"""NumPy's values, sent as the guide says.

In children: a process that imports the codecs keeps what is published in another way, and these
tests run among those of processes that do not.
"""

from __future__ import annotations

import pytest

from doc_blocks import block_with
from helpers import run_child

numpy = pytest.importorskip("numpy", reason="NumPy is not installed")

LIBRARIES = {
    "msgpack": "msgpack.packb",
    "ormsgpack": "ormsgpack.packb",
    "json": "json.dumps",
    "orjson": "orjson.dumps",
}

PRELUDE = """
import json, sys
from functools import partial
import numpy
from change_buffers import DictionaryChange
from change_buffers.codecs import JSONCodec, MessagePackCodec

def sent(value, codec):
    change = DictionaryChange({"key": value})
    return codec.decode(change.encode(codec)).updates["key"]

def refused(value, codec):
    try:
        DictionaryChange({"key": value}).encode(codec)
    except ValueError as error:
        return "updates['key'] cannot be encoded" in str(error)
    return False
"""


@pytest.mark.parametrize("missing", ["msgpack", "ormsgpack", "orjson"])
def test_without_a_default_only_subclasses_of_pythons_own_types_are_sent(missing: str) -> None:
    run_child(
        PRELUDE
        + f"""
sys.modules[{missing!r}] = None
for kind in [JSONCodec] if {missing!r} == "orjson" else [MessagePackCodec]:
    try:
        codec = kind()
    except ImportError:
        sys.exit()  # the other one is not installed
    scalar = sent(numpy.float64(1.5), codec)
    assert type(scalar) is float and scalar == 1.5
    assert sent([numpy.float64(0.1), {{"a": numpy.str_("b")}}], codec) == [0.1, {{"a": "b"}}]
    assert sent({{numpy.str_("a"): 1}}, codec) == {{"a": 1}}
    for value in (numpy.float32(1), numpy.int64(1), numpy.bool_(True), numpy.zeros(3)):
        assert refused(value, codec), value
    blob = numpy.bytes_(b"a")
    assert refused(blob, codec) if kind is JSONCodec else sent(blob, codec) == b"a"
"""
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_with_the_default_of_the_guide_arrays_and_numbers_are_sent(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    guide = block_with("docs/guide/encoding.md", "import numpy").text
    plain = guide[guide.index("def plain(") : guide.index("codec = ")]
    kind = "MessagePackCodec" if "msgpack" in library else "JSONCodec"
    run_child(
        PRELUDE
        + plain
        + f"""
import {library}
codec = {kind}(partial({LIBRARIES[library]}, default=plain))
for value, expected in (
    (numpy.float32(0.5), 0.5),
    (numpy.float64(0.1), 0.1),
    (numpy.int64(-5), -5),
    (numpy.uint8(255), 255),
    (numpy.bool_(True), True),
    (numpy.array(1.5), 1.5),
    (numpy.zeros((2, 3), dtype="float32"), [[0.0] * 3] * 2),
    (numpy.arange(6)[::2], [0, 2, 4]),
    (numpy.array([]), []),
    ({{"deep": [numpy.array([True, False])]}}, {{"deep": [[True, False]]}}),
):
    result = sent(value, codec)
    assert result == expected and type(result) is type(expected), (value, result)
assert refused({{1, 2}}, codec)
assert refused(numpy.array([1j]), codec)
"""
    )
