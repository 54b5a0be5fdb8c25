"""Teaches griffe, which reads the sources for the API page, what it does not know by itself."""

from __future__ import annotations

from typing import Any

import griffe


class SignatureOfNew(griffe.Extension):
    """A class that is made through `__new__` alone has its signature from there."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Show `__new__` as the `__init__` that griffe looks for."""
        new = cls.members.get("__new__")
        if isinstance(new, griffe.Function) and "__init__" not in cls.members:
            init = griffe.Function("__init__", parameters=new.parameters)
            cls.set_member("__init__", init)
