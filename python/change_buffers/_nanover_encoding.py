"""Have NanoVer's WebSocket server encode each state update once, and stop having it do so.

NanoVer's server packs a state update again for every client, in one method of one private class.
That method is replaced by one that sends `change.encode(codec, envelope="state")`: the same bytes.
Whether they are the same is tried out first, on the very class; if anything is not as expected, a
warning says what, and NanoVer is left as it is. What cannot be encoded here goes NanoVer's own way,
so its errors are raised where NanoVer raises them.

An importer on `sys.meta_path` waits for the server if it has not been imported yet. No lock is held
while a module is found or executed or NanoVer's code runs.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial, wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from change_buffers._core import DictionaryChange
from change_buffers._finders import take_out
from change_buffers.codecs import MessagePackCodec

__all__ = ["TESTED_WITH", "ServerEncoding"]

TESTED_WITH = "0.1.3018"
"""The version of nanover-server whose class is known to be as expected."""

_MODULE = "nanover.websocket.server"
_CLASS = "_WebSocketClientHandler"
_METHOD = "send_state_update"

SendStateUpdate = Callable[[Any, Any], None]


class _UnexpectedError(Exception):
    """NanoVer's server is not as it was; the message says in what."""


class ServerEncoding(MetaPathFinder):
    """One installation: replaces the method, now or when the server is imported."""

    def __init__(self) -> None:
        # NanoVer's server cannot do without it either, and its bytes are what is expected.
        if importlib.util.find_spec("msgpack") is None:
            raise ImportError(
                "encoding for NanoVer's server needs msgpack: pip install msgpack", name="msgpack"
            )
        self._is_installed = False
        self._replaced: list[tuple[type, SendStateUpdate, SendStateUpdate]] = []
        self._lock = threading.Lock()

    def add(self, position: int) -> None:
        """Wait for the import of the server, at a position of `sys.meta_path`."""
        self._is_installed = True
        sys.meta_path.insert(position, self)

    def remove(self) -> None:
        """Put the method back, wherever it is still ours."""
        take_out(self)
        with self._lock:
            self._is_installed = False
            for kind, own, ours in self._replaced:
                if vars(kind).get(_METHOD) is ours:
                    setattr(kind, _METHOD, own)
            self._replaced.clear()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
        /,
    ) -> ModuleSpec | None:
        """Find the server as if nothing were installed, to be told when it has been executed."""
        if fullname != _MODULE:
            return None
        for finder in sys.meta_path.copy():
            find_spec = getattr(finder, "find_spec", None)
            if finder is not self and find_spec is not None:
                spec: ModuleSpec | None = find_spec(fullname, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _ThenReplace(spec.loader, self)
                    return spec
        return None

    def replace_in_loaded(self, stacklevel: int) -> None:
        """Replace the method if the server has been imported already."""
        if _MODULE in sys.modules:
            # Another thread may be at it: this waits until it is done.
            self.replace_in(importlib.import_module(_MODULE), stacklevel + 1)

    def replace_in(self, module: ModuleType, stacklevel: int = 1) -> None:
        """Replace the method if it does what it is expected to do, and warn otherwise."""
        try:
            kind, own, ours = _replacement(module)
        except _UnexpectedError as error:
            warnings.warn(
                f"NanoVer's server goes on packing for every client: {error}. "
                f"install(encode=True) was made for nanover-server {TESTED_WITH}.",
                UserWarning,
                stacklevel=stacklevel + 1,
            )
            return
        with self._lock:
            if self._is_installed and all(kind is not known for known, *_ in self._replaced):
                setattr(kind, _METHOD, ours)
                self._replaced.append((kind, own, ours))


class _ThenReplace(Loader):
    """The loader of the server, and afterwards the method is replaced."""

    def __init__(self, loader: Any, encoding: ServerEncoding) -> None:
        self._loader = loader
        self._encoding = encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # From here on it looks as if nobody had come between.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._encoding.replace_in(module)


def _replacement(module: ModuleType) -> tuple[type, SendStateUpdate, SendStateUpdate]:
    """Make the method for the class that the module has; give both, and what is replaced."""
    kind = _expected(module, _CLASS)
    own: SendStateUpdate = _expected(kind, _METHOD)
    send_message = _expected(kind, "send_message")
    if getattr(own, "__globals__", None) is not vars(module):
        raise _UnexpectedError(f"{kind.__name__}.{_METHOD} has been replaced by somebody")
    packb = _expected(_expected(module, "msgpack"), "packb")
    codec = MessagePackCodec(partial(packb, default=_expected(module, "fallback_encoder")))

    @wraps(own)
    def send_state_update(self: Any, change: Any) -> None:
        # Somebody who has replaced what all messages go through wants to see this one, too.
        is_plain = getattr(self.send_message, "__func__", None) is send_message
        message = _encoded(change, codec) if is_plain else None
        if message is None:
            own(self, change)
        else:
            self.websocket.send(message)

    _try_out(kind, own, send_state_update)
    return kind, own, send_state_update


def _encoded(change: Any, codec: MessagePackCodec) -> bytes | None:
    try:
        message: bytes = change.encode(codec, envelope="state")
    except Exception:
        return None  # another module's change, or a value that NanoVer will complain of
    return message


def _expected(owner: Any, name: str) -> Any:
    try:
        return vars(owner)[name]
    except KeyError:
        raise _UnexpectedError(f"{owner.__name__} has no {name}") from None


def _try_out(kind: type, own: SendStateUpdate, ours: SendStateUpdate) -> None:
    """Have both send one change, and compare what they would put on the wire."""
    values: dict[str, Any] = {"number": 1, "rest": [1.5, None, True, "text", b"bytes", {"a": {}}]}
    if numpy := sys.modules.get("numpy"):
        values["array"] = [numpy.array([[1.0, 2.0]]), numpy.float32(0.5)]
    sent = []
    for send in (own, ours):
        messages: list[Any] = []
        handler: Any = object.__new__(kind)
        try:
            handler.websocket = SimpleNamespace(send=messages.append)
            send(handler, DictionaryChange(values, ["removed"]))
        except Exception as error:
            name = f"{kind.__name__}.{_METHOD}"
            raise _UnexpectedError(
                f"{name} was tried out and raised {type(error).__name__}: {error}"
            ) from error
        sent.append(messages)
    if len(sent[0]) != 1 or sent[0] != sent[1]:
        raise _UnexpectedError(f"{kind.__name__}.{_METHOD} sends another kind of message")
