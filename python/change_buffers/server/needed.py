"""What has to be installed, said before anything else is imported."""

from __future__ import annotations

from importlib.util import find_spec

for name in ("msgpack", "websockets"):
    if find_spec(name) is None:
        raise ModuleNotFoundError(
            f"change_buffers.server needs {name}: pip install 'change-buffers[server]'", name=name
        )
