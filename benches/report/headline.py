"""Which comparisons are told first, and in which words."""

from __future__ import annotations

from dataclasses import dataclass

from report.encoding import SECTION as ENCODING
from report.encoding import TOGETHER

UPDATE = "One update"
FLUSH = "One buffer is updated and flushed"
FAN_OUT = "One update, then every view flushes"
CONTENT = "The content is copied or viewed"
TASKS = "Tasks that wait: what they cost the producer, and what a delivery costs"
PACED = "CPU per delivery, 1,000 subscribers at 30 Hz, 1,000 updates/s"
MEMORY = (
    "Memory: per view, of 10,000 views of 100 keys; per key, of 20,000 keys whose bytes are 400"
)


@dataclass(frozen=True)
class Headline:
    label: str
    section: str
    what: str
    against: str = "{rival}"
    """As it is called in the comparisons; the rival is NanoVer, or else the model of it."""


LINES = [
    Headline("`update`, 1 key, no view", UPDATE, "1 key, 0 views"),
    Headline("`update`, 1 key, 1 view", UPDATE, "1 key, 1 view"),
    Headline("`update`, 1 key, 100 views", UPDATE, "1 key, 100 views"),
    Headline("`update`, 1 key, 1000 views", UPDATE, "1 key, 1,000 views"),
    Headline("`update`, 1000 keys, no view", UPDATE, "1,000 keys, 0 views"),
    Headline("`update` and flush of one buffer, 1 key", FLUSH, "1 key"),
    Headline("`update` and flush of one buffer, 1000 keys", FLUSH, "1,000 keys"),
    Headline("one update of 10 keys, 100 views flush", FAN_OUT, "10 keys, 100 views"),
    Headline(
        "a tick of a room of 100 clients: each sets its avatar twice, every view flushes",
        FAN_OUT,
        "a tick of a room of 100 clients",
    ),
    Headline(
        "100 views flush 100 changed avatars and pack them, `msgpack`",
        ENCODING,
        TOGETHER,
        "{rival} and msgpack",
    ),
    Headline(
        "`copy_content`, 1000 keys, against `dict(d)` and a lock",
        CONTENT,
        "copy_content, 1,000 keys",
        "dict and lock",
    ),
    Headline("making a view of 10,000 keys", CONTENT, "create_view, 10,000 keys"),
    Headline(
        "waking a blocked thread, against `queue.SimpleQueue`",
        "A blocked thread is woken",
        "one hop (p50)",
        "SimpleQueue",
    ),
    Headline(
        "waking a task, against `call_soon_threadsafe(future.set_result)`",
        TASKS,
        "a task is woken from another thread (p50)",
        "set_result",
    ),
    Headline(
        "CPU for a paced delivery to one of 1000 tasks, against `janus` queues",
        TASKS,
        PACED,
        "janus",
    ),
    Headline("the same, against an `asyncio.Queue` each", TASKS, PACED, "asyncio.Queue"),
]
IDLE_VIEW = (MEMORY, "a view that has seen everything", "{rival}")
