from __future__ import annotations

from room_runs import kit

__all__ = ["kit"]
