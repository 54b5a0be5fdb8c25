"""Prints how many bytes of memory a key takes: `kept_bytes.py plain|ready|encoded|again`.

`plain`: nothing is encoded. `ready`: the codecs are imported. `encoded`: all values have been, and
all views have sent them. `again`: the same, many times over. Like `idle_views.py` it needs its own
process. The values are small numbers and take none.
"""

from __future__ import annotations

import sys

import change_buffers
from idle_views import resident_bytes

KEYS = 20_000
PACKED = 400
TIMES = 20


def pack(value: object) -> bytes:
    del value
    return bytes(PACKED)


def main(state: str) -> None:
    keys = [f"avatar.{number}" for number in range(KEYS)]
    if state != "plain":
        import change_buffers.codecs as codecs
    multi_view = change_buffers.DictionaryChangeMultiView()
    with multi_view.create_view() as view:
        before = resident_bytes()
        for _ in range(TIMES if state == "again" else 1):
            multi_view.update(dict.fromkeys(keys, 1))
            change = view.flush_changed_blocking()
            if state in {"encoded", "again"}:
                assert len(change.encode(codecs.MessagePackCodec(pack))) > KEYS * PACKED
            del change
        print((resident_bytes() - before) / KEYS)


if __name__ == "__main__":
    main(*sys.argv[1:])
