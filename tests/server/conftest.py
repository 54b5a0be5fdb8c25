from __future__ import annotations

import importlib.util

# What the server needs is in the dependency group of the tests; where it cannot be installed, there
# is nothing to test.
if importlib.util.find_spec("websockets") is None or importlib.util.find_spec("msgpack") is None:
    collect_ignore_glob = ["*"]
