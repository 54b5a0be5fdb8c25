"""What a person sees of the page, and what they do there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.keys import Keys

from helpers import HANG
from tabs import Tab

STATUS = "document.body.dataset.status"


def eventually(see: Callable[[], Any], wanted: Any) -> None:
    """Wait until something is seen."""
    deadline = time.monotonic() + HANG
    while (seen := see()) != wanted:
        assert time.monotonic() < deadline, f"{seen} is not {wanted}"
        time.sleep(0.02)


def until_open(tab: Tab) -> None:
    tab.until(STATUS, lambda status: status == "open")


def own_key(tab: Tab) -> str:
    key: str = tab.until("document.querySelector('.cursor.me')?.dataset.key")
    return key


def cursors(tab: Tab) -> dict[str, list[float]]:
    """Give who is to be seen on the board, and where: in parts of it."""
    found: dict[str, list[float]] = tab.run(
        """
        const box = document.getElementById("board").getBoundingClientRect();
        return Object.fromEntries([...document.querySelectorAll(".cursor")].map(cursor => {
            const {left, top} = cursor.getBoundingClientRect();
            const [x, y] = [left - box.left, top - box.top];
            return [cursor.innerText.trim(), [x / (box.width - 12), y / (box.height - 12)]];
        }));
        """
    )
    return found


def people(tab: Tab) -> set[str]:
    items = "[...document.querySelectorAll('#people li')]"
    return set(tab.run(f"return {items}.map(item => item.innerText.trim())"))


def rows(tab: Tab) -> dict[str, str]:
    """Give the keys and values that are to be seen."""
    return dict(
        tab.run(
            """
            return [...document.querySelectorAll("#keys tr")].map(row =>
                [row.cells[0].innerText, row.querySelector("input").value]);
            """
        )
    )


def content(tab: Tab, name: str = "room") -> dict[str, Any]:
    """Give what the client holds."""
    return dict(tab.run(f"return [...{name}]"))


def name_oneself(tab: Tab, name: str) -> None:
    field = tab.driver.find_element("id", "name")
    field.clear()
    field.send_keys(name)


def place_on_board(tab: Tab, x: float, y: float) -> tuple[float, float]:
    """Give where on the screen a place on the board is."""
    left, top, width, height = tab.run(
        """
        const {left, top, width, height} = document.getElementById("board").getBoundingClientRect();
        return [left, top, width, height];
        """
    )
    return left + x * (width - 12), top + y * (height - 12)


def point(tab: Tab, x: float, y: float) -> None:
    """Move the mouse."""
    across, down = place_on_board(tab, x, y)
    mouse = ActionBuilder(tab.driver, duration=0)
    mouse.pointer_action.move_to_location(round(across), round(down))
    mouse.perform()


def touch(tab: Tab, x: float, y: float) -> None:
    """Touch with a finger."""
    across, down = place_on_board(tab, x, y)
    finger = ActionBuilder(tab.driver, mouse=PointerInput("touch", "finger"), duration=0)
    finger.pointer_action.move_to_location(round(across), round(down)).pointer_down().pointer_up()
    finger.perform()


def set_key(tab: Tab, key: str, value: str) -> None:
    tab.driver.find_element("id", "new-key").send_keys(key)
    tab.driver.find_element("id", "new-value").send_keys(value, Keys.ENTER)
