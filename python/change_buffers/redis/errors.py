"""What can go wrong between a process and Redis, and what is worth trying again."""

from __future__ import annotations

from redis import exceptions


class RedisUnavailableError(ConnectionError):
    """Redis was not to be reached in time. The message says what became of the update."""


class RedisRefusedError(Exception):
    """Redis answered that it can't, or won't: the message says why, and what to do."""


class OutOfStep(Exception):  # noqa: N818, it is what a reader finds, no error to be shown
    """What a reader has does not lead to what is in Redis: it needs a new snapshot."""

    def __init__(self, why: str, *, diverged: bool = False) -> None:
        super().__init__(why)
        self.diverged = diverged


# Answers of a server that will be able to some time, or of one that is not the right one any more.
_PASSING = (
    "LOADING",
    "BUSY",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "READONLY",
    "NOREPLICAS",
    "UNBLOCKED",
    "You can't write against a read only replica",
)

_HINTS = (
    ("WRONGTYPE", "something else is stored under the name of the room: choose another name"),
    ("OOM", "Redis is out of memory: raise maxmemory, or store less"),
    ("NOPERM", "the user of Redis lacks a right: see the guide for those that are needed"),
    ("NOAUTH", "Redis wants a password: give one in the URL"),
    ("WRONGPASS", "the password or the user name in the URL is wrong"),
    ("MISCONF", "Redis can't write to its disk and so takes no writes"),
)


def is_passing(error: exceptions.RedisError) -> bool:
    """Say whether it is a matter of time, such as a lost connection or a failover."""
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError):
        return False
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
        return True
    if isinstance(error, exceptions.ReadOnlyError | exceptions.TryAgainError):
        return True
    text = str(error)
    return any(sign in text for sign in _PASSING) and "BUSYGROUP" not in text


def explained(error: Exception) -> str:
    """Say what it was, and what to do about it."""
    text = str(error) or type(error).__name__
    if isinstance(error, exceptions.OutOfMemoryError) and "OOM" not in text:
        text = f"OOM {text}"
    if isinstance(error, exceptions.NoPermissionError) and "NOPERM" not in text:
        text = f"NOPERM {text}"
    if isinstance(error, exceptions.AuthenticationError) and "WRONGPASS" not in text:
        return f"{text} (the password or the user name in the URL is wrong or missing)"
    hints = [hint for sign, hint in _HINTS if sign in text]
    return f"{text} ({hints[0]})" if hints else text
