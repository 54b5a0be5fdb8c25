"""A shared key/value store with coalescing change views, for real-time multi-user servers.

One dictionary, many clients: each client has a *view* that gathers what changed since it last
looked, at its own pace. A drop-in replacement for ``nanover.utilities.change_buffers``.
"""

from importlib.metadata import version as _version
from typing import Any, TypeAlias

from change_buffers._core import (
    DictionaryChange,
    DictionaryChangeBuffer,
    DictionaryChangeMultiView,
    ObjectFrozenError,
    Stats,
    Subscription,
)
from change_buffers._install import install, uninstall

KeyUpdates: TypeAlias = dict[str, Any]
"""New values by key: the ``updates`` of a change. Any mapping can be passed for them."""

KeyRemovals: TypeAlias = set[str]
"""The keys to remove: the ``removals`` of a change. Any iterable can be passed for them."""

__version__ = _version("change-buffers")

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
