"""What all sessions of a room have in common."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from change_buffers import DictionaryChangeMultiView
from change_buffers.server.access import ANYTHING, Authorize, Permission, Request, is_welcome
from change_buffers.server.formats import JSON, Default, Format, MessagePack
from change_buffers.server.groups import LARGEST, Group, Prefixes
from change_buffers.server.limits import Limits
from change_buffers.server.stats import Counts, RoomStats

if TYPE_CHECKING:
    from change_buffers.server.session import Session

log = logging.getLogger("change_buffers.server")

INTERVAL = 1 / 30


class Room:
    """A multi-view with those who are connected to it.

    `serve()` and `asgi_app()` make one of a multi-view. Make it yourself to serve the same room in
    several ways, or to run sessions over a transport of your own. All of it belongs to one thread,
    that of the event loop; the multi-view may be updated from any.

    Args:
        multi_view: What is shared.
        interval: Seconds between two messages to a client that asks for no other interval.
        limits: What clients may ask for.
        authorize: A function, `async` or not, from the `Request` of a client to a `Permission`. It
            may give `True` instead, for anything, and `False` or `None` to refuse. Without one
            everybody may do anything.
        origins: Where pages may come from that connect: `https://example.org`, say, or `*`. Those
            of this server itself may if its address is a number or `localhost`.
        default: What is called with a value that cannot be encoded, to give another in its place,
            as for `json.dumps`.

    Raises:
        TypeError: An argument is of another type.
        ValueError: The interval is not within the limits.
    """

    def __init__(
        self,
        multi_view: DictionaryChangeMultiView,
        *,
        interval: float = INTERVAL,
        limits: Limits | None = None,
        authorize: Authorize | None = None,
        origins: Iterable[str] = (),
        default: Default | None = None,
    ) -> None:
        if not isinstance(multi_view, DictionaryChangeMultiView):
            name = type(multi_view).__name__
            raise TypeError(f"multi_view must be a DictionaryChangeMultiView, not {name}")
        if isinstance(origins, str):
            raise TypeError("origins must be an iterable of str, not a str")
        self.multi_view = multi_view
        self.limits = limits or Limits()
        low, high = self.limits.shortest_interval, self.limits.longest_interval
        if not low <= interval <= high:
            raise ValueError(f"interval must be from {low} to {high} seconds, not {interval}")
        self.interval = interval
        self._epoch = secrets.token_hex(6)
        self.counts = Counts()
        self.visits = 0
        self.sessions: dict[str, Session] = {}
        self.starts: Callable[[Group], Callable[[], None]] | None = None
        self._authorize = authorize
        self._origins = frozenset(origins)
        self._message_pack, self._json = MessagePack(default), JSON(default)
        self._groups: dict[tuple[float, Prefixes], list[Group]] = {}
        self._private: set[Group] = set()

    @property
    def epoch(self) -> str:
        """What versions belong to: one that other processes share has its own."""
        shared = getattr(self.multi_view, "epoch", None)
        return shared if isinstance(shared, str) else self._epoch

    def format_of(self, subprotocol: str | None) -> Format:
        """Give the format that a client has asked for by its subprotocol, or NanoVer's."""
        return self._json if subprotocol == JSON.subprotocol else self._message_pack

    def is_welcome(self, origin: str | None, host: str | None) -> bool:
        """Say whether a page from this origin may connect."""
        return is_welcome(origin, host, self._origins)

    async def admit(self, request: Request) -> Permission | None:
        """Ask what a client may do; `None` if it may not enter."""
        if self._authorize is None:
            return ANYTHING
        try:
            verdict = self._authorize(request)
            if inspect.isawaitable(verdict):
                verdict = await verdict
        except Exception:
            log.exception("authorize has failed: %s is refused", request.remote)
            return None
        if verdict is True:
            return ANYTHING
        if isinstance(verdict, Permission):
            return verdict
        if verdict is not None and verdict is not False:
            log.error("authorize must give a Permission, a bool or None, not %r", verdict)
        return None

    @property
    def is_full(self) -> bool:
        """Whether nobody else may enter."""
        return len(self.sessions) >= self.limits.clients

    def group(self, interval: float, prefixes: Prefixes) -> Group:
        """Give a group that has this pace and these keys."""
        groups = self._groups.setdefault((interval, prefixes), [])
        for group in groups:
            if len(group) < LARGEST:
                return group
        group = Group(self.multi_view, interval, prefixes)
        groups.append(group)
        self._start(group)
        return group

    def private_group(self, group: Group) -> None:
        """Take in a group that is for one session alone."""
        self._private.add(group)
        self._start(group)

    def _start(self, group: Group) -> None:
        if self.starts is not None:
            group.stop = self.starts(group)

    def leave(self, group: Group, session: Session) -> None:
        """Take a session out of its group, and end that if it is empty."""
        group.discard(session)
        if len(group):
            return
        group.close()
        self._private.discard(group)
        same = self._groups.get((group.interval, group.prefixes), [])
        if group in same:
            same.remove(group)
            if not same:
                del self._groups[group.interval, group.prefixes]

    def flush(self) -> None:
        """Deliver to everybody what is pending, whatever their pace.

        For transports without an event loop: `serve()` and `asgi_app()` keep the pace themselves.
        """
        for group in [*self._private, *(g for groups in self._groups.values() for g in groups)]:
            group.flush()

    @property
    def groups(self) -> int:
        """How many views there are for all who keep up."""
        return len(self._private) + sum(map(len, self._groups.values()))

    def stats(self) -> RoomStats:
        """Say how the room is doing."""
        return RoomStats.of(self, time.perf_counter())


AnyRoom: TypeAlias = Room | DictionaryChangeMultiView


def room_of(room: AnyRoom, **settings: Any) -> Room:
    """Make a room of a multi-view, or take one as it is."""
    if not isinstance(room, Room):
        return Room(room, **settings)
    given = [name for name, value in settings.items() if value not in (None, (), INTERVAL)]
    if given:
        raise TypeError(f"{', '.join(given)}: the room that was given has its own")
    return room


def paced(group: Group) -> Callable[[], None]:
    """Deliver the changes of a group at its pace, in a task of the running event loop."""
    task = asyncio.get_running_loop().create_task(_keep_pace(group))

    def stop() -> None:
        task.cancel()

    return stop


async def _keep_pace(group: Group) -> None:
    try:
        async for change in group.view.subscribe_changes(group.interval):
            group.deliver(change)
    except Exception:
        log.exception("changes cannot be delivered")
        group.end(1011, "internal error")
    else:
        group.end(1001, "the room is frozen")
