"""What `change-buffers.d.ts` says is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from static_files import WEB
from tabs import Tab

TYPES = (WEB / "change-buffers.d.ts").read_text(encoding="utf-8")

USED = Path(__file__).with_name("used.ts")


def test_for_the_compiler(tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("there is no tsc on the PATH: on Debian, apt install node-typescript")
    shutil.copy(WEB / "change-buffers.d.ts", tmp_path)
    shutil.copy(USED, tmp_path)
    options = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"]
    options += ["--module", "es2022", "--moduleResolution", "node"]
    command = [compiler, *options, USED.name]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout


def names_of(kind: str, name: str) -> set[str]:
    """Give what a declaration has in it."""
    [block] = re.findall(rf"^export {kind} {name}\b.*?\{{\n(.*?)^\}}", TYPES, re.M | re.S)
    return set(re.findall(r"^  (?:readonly )?\[?([\w.]+)\]?\??[:(<]", block, re.M))


def test_it_names_what_is_there(open_tab: Callable[[str], Tab], page: str) -> None:
    tab = open_tab(page + "stats")
    seen = tab.run(
        """
        const module = await import("/change-buffers.js");
        const room = module.connect("/ws");
        const own = object => Reflect.ownKeys(object).map(
            name => typeof name === "symbol" ? name.description : name);
        let options;
        try {
            module.connect("/ws", {wrong: 1});
        } catch ({message}) {
            options = message;
        }
        room.close();
        return {
            module: own(module),
            room: own(Object.getPrototypeOf(room)),
            inherited: own(EventTarget.prototype),
            error: own(new module.RoomError("kind", "message", "where")),
            usual: own(new Error("message")),
            options,
        };
        """
    )
    exported = set(re.findall(r"^export (?:class|function) (\w+)", TYPES, re.M))
    assert set(seen["module"]) - {"Symbol.toStringTag"} == exported
    declared = names_of("interface", "Room")
    assert set(seen["room"]) - {"constructor"} == declared - set(seen["inherited"])
    assert declared & set(seen["inherited"]) == {"addEventListener", "removeEventListener"}
    fields = names_of("class", "RoomError") - {"constructor"}
    assert fields == set(seen["error"]) - {"stack", "message", "name", *seen["usual"]}
    options = names_of("interface", "ConnectOptions") | names_of("interface", "FollowOptions")
    assert set(seen["options"].partition(", but ")[2].split(", ")) == options
