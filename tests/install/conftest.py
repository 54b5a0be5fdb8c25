from __future__ import annotations

from nanover_trees import child, nanover, site
from program_runs import folder, python, run

__all__ = ["child", "folder", "nanover", "python", "run", "site"]
