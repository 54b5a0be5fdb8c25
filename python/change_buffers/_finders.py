"""Who is asked for a module that is imported: finders on `sys.meta_path`."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


def take_out(finder: MetaPathFinder) -> None:
    """Ask a finder no more, while other threads may be importing anything.

    An import walks along the list with no lock held. If that got shorter meanwhile, the import
    would pass by the next finder, and miss what only that one finds. So there is a new list.
    """
    if finder in sys.meta_path:
        sys.meta_path = [other for other in sys.meta_path if other is not finder]
