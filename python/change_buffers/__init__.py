"""A shared key/value store with coalescing change views, for real-time multi-user servers.

One dictionary, many clients: each client has a *view* that gathers what changed since it last
looked, at its own pace. A drop-in replacement for ``nanover.utilities.change_buffers``.
"""

from types import ModuleType as _ModuleType
from typing import Any, TypeAlias

from change_buffers import _core
from change_buffers._core import (
    ConflictError,
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    KeyOwnedError,
    ObjectFrozenError,
    Publisher,
    Stats,
    Subscription,
)
from change_buffers._install import install, uninstall
from change_buffers._version import in_python_form as _in_python_form

KeyUpdates: TypeAlias = dict[str, Any]
"""New values by key: the ``updates`` of a change. Any mapping can be passed for them."""

KeyRemovals: TypeAlias = set[str]
"""The keys to remove: the ``removals`` of a change. Any iterable can be passed for them."""

# Not from the metadata: a program that was frozen has none, and reading it takes time.
__version__ = _in_python_form(_core.__version__)


def _asyncio_side() -> _ModuleType:
    """Import what awaits, for the core, when it is first needed: many programs need no asyncio."""
    from change_buffers import _asyncio

    return _asyncio


__all__ = [
    "ConflictError",
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "KeyOwnedError",
    "KeyRemovals",
    "KeyUpdates",
    "ObjectFrozenError",
    "Publisher",
    "Stats",
    "Subscription",
    "__version__",
    "install",
    "uninstall",
]
