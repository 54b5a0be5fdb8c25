"""What `change-buffers.d.ts` says is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chromium import Tab
from static_files import WEB

TYPES = (WEB / "change-buffers.d.ts").read_text(encoding="utf-8")

USED = """
import { connect, RoomError, type ChangeEvent, type ConnectOptions, type Room } from "./change-buffers.js";

interface Place { x: number; y: number }

const options: ConnectOptions = { interval: 0.1, prefixes: ["cursor."], name: "Ada", sendInterval: 0.05 };
const room: Room<Place> = connect<Place>("/ws", options);
room.onchange = ({ updates, removals }) => {
  for (const [key, place] of updates) console.log(key.length, place.x);
  for (const key of removals) console.log(key.length);
};
room.addEventListener("error", ({ error }) => console.log(error instanceof RoomError, error.kind, error.where));
room.addEventListener("status", ({ status, reason, retryIn }) => console.log(status === "open", reason, retryIn + 1));
const heard = (event: ChangeEvent<Place>) => console.log(event.updates.size);
room.addEventListener("change", heard, { once: true });
room.removeEventListener("change", heard);

async function use(): Promise<void> {
  await room.ready;
  const version: number = await room.set("a", { x: 1, y: 2 });
  await room.update({ b: { x: version, y: 0 } }, new Set(["a"]));
  await room.update(new Map([["c", { x: 1, y: 2 }]]));
  await room.follow({ prefixes: null });
  const place: Place | undefined = room.get("a");
  for (const [key, { x }] of room) console.log(key.length + x, place?.y, room.size, room.has(key));
  const everything: Record<string, Place> = Object.fromEntries(room);
  console.log(await room.ping(), room.delay, room.limits.message_bytes, everything);
  await connect("ws://127.0.0.1:38801/ws").set("any", [1, "two", null, { three: true }]);
  room.close();
}
use();

// And what is wrong is noticed.
// @ts-expect-error
room.set("a", 1);
// @ts-expect-error
room.set(1, { x: 1, y: 2 });
// @ts-expect-error
room.size = 3;
// @ts-expect-error
connect("/ws", { intervall: 1 });
// @ts-expect-error
connect("/ws").set("a", () => 1);
// @ts-expect-error
room.onchange = ({ versions }) => versions;
// @ts-expect-error
room.update({}, [1]);
"""


def test_for_the_compiler(tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("there is no tsc on the PATH: on Debian, apt install node-typescript")
    shutil.copy(WEB / "change-buffers.d.ts", tmp_path)
    (tmp_path / "used.ts").write_text(USED, encoding="utf-8")
    options = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"]
    options += ["--module", "es2022", "--moduleResolution", "node"]
    command = [compiler, *options, "used.ts"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout


def names_of(kind: str, name: str) -> set[str]:
    """Give what a declaration has in it."""
    [block] = re.findall(rf"^export {kind} {name}\b.*?\{{\n(.*?)^\}}", TYPES, re.M | re.S)
    return set(re.findall(r"^  (?:readonly )?\[?([\w.]+)\]?\??[:(<]", block, re.M))


def test_it_names_what_is_there(open_tab: Callable[[str], Tab], files: str) -> None:
    tab = open_tab(f"{files}/scripts/blank.html")
    seen = tab.run(
        """
        const module = await import("/web/change-buffers.js");
        const room = module.connect("ws://127.0.0.1:9/");
        const own = object => Reflect.ownKeys(object).map(
            name => typeof name === "symbol" ? name.description : name);
        const options = await import("/web/change-buffers.js").then(({connect}) => {
            try { connect("ws://127.0.0.1:9/", {wrong: 1}); } catch (error) { return error.message; }
        });
        room.close();
        return {
            module: own(module),
            room: own(Object.getPrototypeOf(room)),
            inherited: own(EventTarget.prototype),
            error: own(new module.RoomError("kind", "message", "where")),
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
    assert fields == set(seen["error"]) - {"stack", "message", "name"}
    options = names_of("interface", "ConnectOptions") | names_of("interface", "FollowOptions")
    assert set(seen["options"].partition(", but ")[2].split(", ")) == options
