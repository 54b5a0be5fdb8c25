"""The page, as people see it who have it open in several windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from background import Background
from change_buffers import DictionaryChangeMultiView
from change_buffers.server import Permission, Request
from page_parts import (
    content,
    cursors,
    eventually,
    name_oneself,
    own_key,
    people,
    point,
    rows,
    set_key,
    touch,
    until_open,
)
from room_processes import serving
from tabs import Browser, Tab

Open = Callable[[str], Tab]
LOOK = Path(__file__).with_name("look.js")


def close_to(x: float, y: float) -> Any:
    return pytest.approx([x, y], abs=0.01)


def test_two_windows_see_each_other(open_tab: Open, page: str) -> None:
    ada, bob = open_tab(page), open_tab(page)
    for tab, name in [(ada, "Ada"), (bob, "Bob")]:
        until_open(tab)
        name_oneself(tab, name)
    eventually(lambda: people(ada), {"Ada (you)", "Bob"})
    eventually(lambda: people(bob), {"Ada", "Bob (you)"})
    for x, y in [(0.2, 0.3), (0.01, 0.5), (1.0, 0.5), (0.6, 1.0)]:
        point(ada, x, y)
        eventually(lambda: cursors(bob).get("Ada"), close_to(x, y))
    assert own_key(ada) != own_key(bob)
    assert [*ada.console(), *bob.console()] == []


def test_keys_are_set_edited_and_removed(
    open_tab: Open, page: str, room: DictionaryChangeMultiView
) -> None:
    ada, bob = open_tab(page), open_tab(page)
    set_key(ada, "title", "nanotube")
    set_key(ada, "zoom", "[1, 2.5]")
    set_key(ada, "number as text", '"5"')
    shown = {"title": "nanotube", "zoom": "[1,2.5]", "number as text": '"5"'}
    for tab in (ada, bob):
        eventually(lambda tab=tab: rows(tab), shown)
    assert [room.get(key) for key in shown] == ["nanotube", [1, 2.5], "5"]

    field = bob.driver.find_element("css selector", '[aria-label="title"]')
    field.send_keys("!")
    eventually(lambda: rows(ada)["title"], "nanotube!")
    room.update({"title": "changed while Bob types"})
    eventually(lambda: rows(ada)["title"], "changed while Bob types")
    assert rows(bob)["title"] == "nanotube!"
    bob.driver.find_element("id", "name").click()
    eventually(lambda: rows(bob)["title"], "changed while Bob types")

    bob.driver.find_element("css selector", '[aria-label="Remove zoom"]').click()
    eventually(lambda: set(rows(ada)), {"title", "number as text"})
    assert "zoom" not in room
    assert [*ada.console(), *bob.console()] == []


def test_a_row_may_be_removed_while_somebody_types_in_it(
    open_tab: Open, page: str, room: DictionaryChangeMultiView
) -> None:
    room.update({"a": "x", "b": "y"})
    tab = open_tab(page)
    eventually(lambda: rows(tab), {"a": "x", "b": "y"})
    tab.driver.find_element("css selector", '[aria-label="a"]').click()
    room.update({"c": 1}, ["a"])
    eventually(lambda: rows(tab), {"b": "y", "c": "1"})
    assert tab.console() == []


def test_who_leaves_takes_along_what_is_theirs(browser: Browser, open_tab: Open, page: str) -> None:
    ada, bob = open_tab(page), Tab(browser, page)
    for tab, name in [(ada, "Ada"), (bob, "Bob")]:
        until_open(tab)
        name_oneself(tab, name)
    set_key(bob, "from bob", "1")
    set_key(ada, "from ada", "2")
    both = ({"Ada (you)", "Bob"}, {"from bob", "from ada"})
    eventually(lambda: (people(ada), set(rows(ada))), both)
    bob.close()
    eventually(lambda: (people(ada), set(rows(ada))), ({"Ada (you)"}, {"from ada"}))
    assert set(cursors(ada)) == {"Ada"}


def test_the_delay_is_shown(open_tab: Open, page: str) -> None:
    tab = open_tab(page)
    text = tab.until("document.getElementById('delay').innerText")
    number, unit = text.split()
    assert (unit, 0 < float(number) < 1000) == ("ms", True)


def test_values_of_others_do_no_harm(
    open_tab: Open, page: str, room: DictionaryChangeMultiView
) -> None:
    html = "<img src=x onerror='document.title=`broken`'><script>document.title='broken'</script>"
    room.update(
        {
            html: html,
            "cursor.html": {"x": 0.5, "y": 0.5, "name": html, "colour": "url(http://evil.example)"},
            "cursor.css": {"x": 9, "y": -3, "name": "far away", "colour": "red; position: fixed"},
            "cursor.long": {"x": 0.1, "y": 0.1, "name": "x" * 10_000, "colour": ["red"]},
            "cursor.text": "no place",
            "cursor.null": None,
            "cursor.list": [1, 2],
            "cursor.": {"x": 0.3, "y": 0.3},
            "__proto__": {"x": 1},
            "deep": [[[[[[[[[[{}]]]]]]]]]],
        }
    )
    tab = open_tab(page)
    until_open(tab)
    eventually(lambda: set(rows(tab)), {html, "__proto__", "deep"})
    seen = cursors(tab)
    assert {html[:30], "far away", "x" * 30} <= seen.keys()
    assert seen["far away"] == close_to(1, 0)
    assert len(seen) == 5
    assert tab.run("return document.title") == "Shared room"
    assert tab.run("return document.documentElement.scrollWidth <= innerWidth")
    assert tab.console() == []


def test_a_large_room_stays_usable(
    open_tab: Open, page: str, room: DictionaryChangeMultiView
) -> None:
    room.update({f"key {number:05}": number for number in range(10_000)})
    room.update({f"cursor.{number}": {"x": 0.5, "y": 0.5} for number in range(600)})
    tab = open_tab(page)
    tab.until("document.getElementById('keys-count').innerText", lambda text: text == "10000")
    assert len(rows(tab)) == 200
    assert len(cursors(tab)) <= 500
    assert tab.run("return document.getElementById('keys-more').innerText") == "and 9800 more"
    room.update(removals=["key 00000"])
    eventually(lambda: "key 00200" in rows(tab), True)
    # All that moves is drawn with the next frame.
    tab.run("await new Promise(requestAnimationFrame)")


def test_what_is_refused_is_taken_back_and_said(
    open_tab: Open, loop: Background, room: DictionaryChangeMultiView
) -> None:
    room.update({"locked": "as it was"})
    allowed = Permission(write=("cursor.", "note"))
    with serving(loop, room, authorize=lambda request: allowed) as address:
        tab = open_tab(address)
        eventually(lambda: rows(tab), {"locked": "as it was"})
        set_key(tab, "note", "1")
        set_key(tab, "other", "1")
        text = tab.until("document.getElementById('error').innerText")
        assert "only keys with cursor.... or note... are yours" in text
        eventually(lambda: rows(tab), {"locked": "as it was", "note": "1"})
        tab.driver.find_element("css selector", '[aria-label="locked"]').send_keys("!")
        tab.driver.find_element("id", "name").click()
        eventually(lambda: rows(tab)["locked"], "as it was")
        assert tab.console() == []


def test_who_is_not_admitted_is_told_so(
    open_tab: Open, loop: Background, room: DictionaryChangeMultiView
) -> None:
    def authorize(request: Request) -> bool:
        return request.last("ticket") == "7"

    with serving(loop, room, authorize=authorize) as address:
        refused, admitted = open_tab(address), open_tab(f"{address}?ticket=7")
        text = refused.until("document.getElementById('status-text').innerText", is_final)
        assert text.startswith("Not admitted: ")
        until_open(admitted)
        assert refused.run("return room.status") == "closed"
        assert [*refused.console(), *admitted.console()] == []


def is_final(text: str) -> bool:
    return not text.startswith("Connecti")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_it_is_legible(
    open_tab: Open,
    page: str,
    room: DictionaryChangeMultiView,
    scheme: str,
    width: int,
    height: int,
) -> None:
    room.update({"title": "nanotube", "cursor.1": {"x": 0.9, "y": 0.9, "name": "A long name"}})
    tab = open_tab(page)
    is_phone = width < 500
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
    tab.send("Emulation.setDeviceMetricsOverride", **size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    tab.send("Emulation.setEmulatedMedia", features=features)
    until_open(tab)
    eventually(lambda: rows(tab), {"title": "nanotube"})
    assert tab.run("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    seen = tab.run(LOOK.read_text(encoding="utf-8"))
    is_dark = seen["ground"] < 0.2
    assert (is_dark, is_dark != (seen["ground"] > 0.7)) == (scheme == "dark", True)
    assert {text: ratio for text, ratio in seen["contrasts"].items() if ratio < 4.5} == {}
    assert len(seen["contrasts"]) > 10
    assert seen["outside"] == []
    assert (seen["columns"] == 1) == is_phone
    assert seen["nameless"] == []
    assert tab.console() == []


def test_a_finger_points(open_tab: Open, page: str, room: DictionaryChangeMultiView) -> None:
    tab = open_tab(page)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    tab.send("Emulation.setDeviceMetricsOverride", **size)
    tab.send("Emulation.setTouchEmulationEnabled", enabled=True)
    until_open(tab)
    touch(tab, 0.25, 0.75)
    key = own_key(tab)
    eventually(lambda: [room.get(key)[axis] for axis in "xy"], close_to(0.25, 0.75))
    assert content(tab)[key]["x"] == room.get(key)["x"]
