"""The page of the chat server, in a browser without a window."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "examples" / "chat.html"
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is here")

# In the place of a server and of the screen; and what is to be seen in the end becomes the title.
BEFORE = """
<script>
const errors = [];
window.onerror = message => { errors.push(message); };
window.requestAnimationFrame = callback => setTimeout(callback, 0);
window.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  sent = [];
  constructor() { window.server = this; }
  send(message) { this.sent.push(JSON.parse(message)); }
  say(updates, removals = [], more = {}) {
    this.onmessage({data: JSON.stringify({updates, removals, ...more})});
  }
};
const frames = () => new Promise(resolve => setTimeout(resolve, 50));
const field = key => document.querySelector(`[aria-label="${key}"]`);
</script>
"""
AFTER = """
<script>
(async () => {
  server.onopen();
  server.say({}, [], {you: "user.me"});
  %s
  const keys = [...document.querySelectorAll("#keys td:first-child")].map(cell => cell.textContent);
  document.title = JSON.stringify({errors, keys, sent: server.sent, ...seen});
})();
</script>
"""


def run(script: str, folder: Path) -> dict[str, Any]:
    """Open the page, run a script that may use `server` and set `seen`, and give what it saw."""
    page = folder / "page.html"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("<script>", BEFORE + "<script>", 1) + AFTER % script, "utf-8")
    assert BROWSER is not None
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000"]
    command += [page.as_uri()]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    title = re.search("<title>(.*?)</title>", child.stdout)
    assert title is not None, child.stderr
    seen: dict[str, Any] = json.loads(html.unescape(title[1]))
    return seen


def test_a_row_may_be_removed_while_somebody_types_in_it(tmp_path: Path) -> None:
    seen = run(
        """
        server.say({a: "x", b: "y"});
        await frames();
        field("a").focus();
        const seen = {focused: document.activeElement === field("a")};
        server.say({c: 1}, ["a"]);
        await frames();
        """,
        tmp_path,
    )
    assert seen["focused"]
    assert seen["errors"] == []
    assert seen["keys"] == ["b", "c"]


def test_what_is_typed_is_sent_and_not_overwritten(tmp_path: Path) -> None:
    seen = run(
        """
        server.say({a: "x"});
        await frames();
        field("a").focus();
        field("a").value = "[1, 2]";
        field("a").oninput();
        server.say({a: "late"});
        await frames();
        const seen = {typed: field("a").value};
        field("a").blur();
        await frames();
        seen.afterwards = field("a").value;
        """,
        tmp_path,
    )
    assert seen["errors"] == []
    assert (seen["typed"], seen["afterwards"]) == ("[1, 2]", "late")
    assert {"updates": {"a": [1, 2]}, "removals": []} in seen["sent"]
