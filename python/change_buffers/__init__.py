"""A shared key/value store with coalescing change views, for real-time multi-user servers.

One dictionary, many clients: each client has a *view* that gathers what changed since it last
looked, at its own pace. A drop-in replacement for ``nanover.utilities.change_buffers``.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version as _version
from typing import Any, TypeAlias

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

KeyUpdates: TypeAlias = Mapping[str, Any]
"""What can be passed as ``updates``: new values by key."""

KeyRemovals: TypeAlias = Iterable[str]
"""What can be passed as ``removals``: the keys to remove."""

__version__ = _version("change-buffers")

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
