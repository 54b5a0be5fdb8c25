"""A shared key/value store with coalescing change views, for real-time multi-user servers.

One dictionary, many clients: each client has a *view* that gathers what changed since it last
looked, at its own pace. A drop-in replacement for ``nanover.utilities.change_buffers``.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType as _ModuleType
from typing import Any, TypeAlias

from change_buffers import _core
from change_buffers._core import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
    Stats,
    Subscription,
)
from change_buffers._install import install, uninstall
from change_buffers._version import in_python_form as _in_python_form

KeyUpdates: TypeAlias = Mapping[str, Any]
"""What can be passed as ``updates``: new values by key."""

KeyRemovals: TypeAlias = Iterable[str]
"""What can be passed as ``removals``: the keys to remove."""

# Not from the metadata: a program that was frozen has none, and reading it takes time.
__version__ = _in_python_form(_core.__version__)


def _asyncio_side() -> _ModuleType:
    """Import what awaits, for the core, when it is first needed: many programs need no asyncio."""
    from change_buffers import _asyncio

    return _asyncio


__all__ = [
    "DictionaryChange",
    "DictionaryChangeBuffer",
    "DictionaryChangeMultiView",
    "KeyRemovals",
    "KeyUpdates",
    "ObjectFrozenError",
    "Stats",
    "Subscription",
    "__version__",
    "install",
    "uninstall",
]
