"""The Redis that the demo starts, too."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))

_redis_server = importlib.import_module("hostskit.redis_server")
MissingError = _redis_server.MissingError
running_redis = _redis_server.running_redis
