"""What a message looks like once its bytes have been decoded."""

from __future__ import annotations

from change_buffers._core import DictionaryChange


def change_in(message: object, envelope: str | None) -> DictionaryChange:
    """Make a change of a decoded message, or say where it is none."""
    where = "message"
    if envelope is not None:
        (message,) = _entries(message, where, envelope)
        where += f"[{envelope!r}]"
    updates, removals = _entries(message, where, "updates", "removals")
    if not isinstance(updates, dict):
        raise _unexpected(f"{where}['updates']", "a map", updates)
    if not isinstance(removals, list | tuple):
        raise _unexpected(f"{where}['removals']", "a list", removals)
    try:
        return DictionaryChange(updates, removals)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _entries(found: object, where: str, *names: str) -> list[object]:
    if not isinstance(found, dict):
        raise _unexpected(where, "a map", found)
    for name in names:
        if name not in found:
            raise ValueError(f"{where}: {name!r} is missing")
    for name in found:
        if name not in names:
            raise ValueError(f"{where}: expected {_listed(names)} and nothing else, found {name!r}")
    return [found[name] for name in names]


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(map(repr, names))


def _unexpected(where: str, expected: str, found: object) -> ValueError:
    return ValueError(f"{where}: expected {expected}, found {type(found).__name__}")
