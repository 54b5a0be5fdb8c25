"""Records made from decoded data, whatever file they come from, and what to say if they cannot be.

A record is a time, `updates` (a map) and `removals` (a list of strings). Either part may be
missing or null. Times must not go back.
"""

from __future__ import annotations

import math
from pathlib import Path

from roomkit.load import Record


class RecordingError(Exception):
    """A file that cannot be replayed: which one, where in it, and why."""

    def __init__(self, path: Path, place: str, why: str) -> None:
        super().__init__(f"{path}: {place}: {' '.join(why.split())}")


class BadRecordError(ValueError):
    """Why a record is no record; whoever read it knows the place."""


def make_record(t: object, change: dict[str, object], *, after: float, unit: float = 1.0) -> Record:
    """Return a record from decoded data of whatever types, `t` being in units of `unit` seconds."""
    if isinstance(t, bool) or not isinstance(t, int | float):
        raise BadRecordError(f"the time is {named(t)}, not a number")
    # Converted first: an integer may be too large for a float.
    try:
        seconds = float(t) * unit
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds) or seconds < 0:
        raise BadRecordError(f"the time is {t!r:.40}, not a finite number from 0 on")
    if seconds < after:
        raise BadRecordError(f"the time goes back from {after:g} to {seconds:g} s")
    updates = {} if change.get("updates") is None else change["updates"]
    if not isinstance(updates, dict):
        raise BadRecordError(f"'updates' is {named(updates)}, not a map")
    removals = [] if change.get("removals") is None else change["removals"]
    if not isinstance(removals, list):
        raise BadRecordError(f"'removals' is {named(removals)}, not a list")
    for key in (*updates, *removals):
        if not isinstance(key, str):
            raise BadRecordError(f"the key {key!r:.40} is {named(key)}, not a string")
    return Record(seconds, updates, removals)


def named(value: object) -> str:
    """Return what a value is, in words that fit JSON and msgpack."""
    if value is None:
        return "null"
    names = {dict: "a map", list: "a list", str: "a string", bool: "a boolean"}
    names |= {int: "a number", float: "a number", bytes: "bytes"}
    return names.get(type(value), f"a {type(value).__name__}")
