"""Who comes, and what they may do."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

MOST_FIELDS = 200


@dataclass(frozen=True)
class Request:
    """What a client has asked for when it connected.

    Attributes:
        session: The name that the server has given to this connection: unique, and no secret.
        path: The path of the address, without the query.
        query: The fields of the query, each with all of its values.
        headers: The headers of the request, their names in small letters.
        remote: The address that it comes from, as far as that is known.
    """

    session: str = ""
    path: str = "/"
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    remote: str = ""

    def last(self, name: str) -> str | None:
        """Give the value of a field of the query, the last if there are several."""
        values = self.query.get(name)
        return values[-1] if values else None


def parse_query(text: str) -> dict[str, list[str]]:
    """Take a query apart.

    Raises:
        ValueError: It has too many fields, or is not UTF-8.
    """
    try:
        return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise ValueError("the query must be UTF-8") from None
    except ValueError:
        raise ValueError(f"the query must have at most {MOST_FIELDS} fields") from None


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What somebody may do in a room. An `authorize` function gives one, or refuses.

    Attributes:
        name: Who it is, for statistics and logs.
        write: Prefixes of the keys that they may set and remove. `None` stands for all keys.
        read: Prefixes of the keys that they may follow. `None` stands for all keys.
    """

    name: str = ""
    write: tuple[str, ...] | None = None
    read: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("write", "read"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, str) or not all(isinstance(prefix, str) for prefix in value):
                raise TypeError(f"{name} must be an iterable of str or None, not {value!r}")
            object.__setattr__(self, name, tuple(value))

    def visible(self, asked: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Give the prefixes that somebody follows who has asked for these."""
        if self.read is None:
            return asked
        if asked is None:
            return self.read
        narrow = {prefix for prefix in asked if prefix.startswith(self.read)}
        within = {prefix for prefix in self.read if prefix.startswith(asked)}
        return tuple(sorted(narrow | within))


ANYTHING = Permission()

Verdict: TypeAlias = Permission | bool | None
Authorize: TypeAlias = Callable[[Request], Verdict | Awaitable[Verdict]]
"""A function, `async` or not, from a `Request` to a `Permission`.

`True` stands for a permission to do anything; `False` and `None` refuse.
"""


def is_welcome(origin: str | None, host: str | None, origins: Iterable[str]) -> bool:
    """Say whether pages from an origin may connect.

    Programs that are no browsers name none. A page may connect to where it came from, if that is an
    address or `localhost`: names can be made to lead here by anybody who owns one. All else must be
    among `origins`, in which `*` stands for all.
    """
    if origin is None or "*" in origins or origin in origins:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if host is None or parts.scheme not in {"http", "https"} or parts.netloc != host.lower():
        return False
    return parts.hostname is not None and _needs_no_name_server(parts.hostname)


def _needs_no_name_server(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
