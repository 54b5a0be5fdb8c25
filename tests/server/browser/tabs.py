"""The pages that are open in a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.remote.webdriver import WebDriver

from helpers import HANG


@dataclass
class Browser:
    """A browser that is driven.

    Attributes:
        driver: What drives it.
        console: Gives what pages have logged since the last time.
        call: Calls a function of a page, from text to the promise of a text, and gives that.
    """

    driver: WebDriver
    console: Callable[[], list[str]]
    call: Callable[[WebDriver, str, str], str]


class Tab:
    """A page in a window of its own."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        browser.driver.switch_to.new_window("window")
        self._handle = browser.driver.current_window_handle
        browser.driver.get(address)

    @property
    def driver(self) -> WebDriver:
        """The browser, turned to this page."""
        self._browser.driver.switch_to.window(self._handle)
        return self._browser.driver

    def run(self, script: str, *arguments: Any) -> Any:
        """Run statements, as those of an async function, and give what they return."""
        call = f"""
            given => (async (...given) => {{ {script} }})(...JSON.parse(given))
                .then(value => JSON.stringify({{value}}))
                .catch(error => JSON.stringify({{error: `${{error}}\n${{error.stack ?? ""}}`}}))
        """
        answer = json.loads(self._browser.call(self.driver, call, json.dumps(arguments)))
        if "error" in answer:
            pytest.fail(answer["error"])
        return answer.get("value")

    def until(self, expression: str, is_wanted: Callable[[Any], bool] = bool) -> Any:
        """Wait for an expression to have a value, and give it."""
        deadline = time.monotonic() + HANG
        while not is_wanted(value := self.run(f"return {expression}")):
            if time.monotonic() > deadline:
                pytest.fail(f"{expression} is still {json.dumps(value)}")
            time.sleep(0.02)
        return value

    def send(self, command: str, **parameters: Any) -> Any:
        """Have the browser's own tools do something, as somebody in front of it could."""
        driver = self.driver
        if not isinstance(driver, Chrome):
            pytest.skip("only Chromium can be told to do that")
        return driver.execute_cdp_cmd(command, parameters)

    def console(self) -> list[str]:
        """Give what was logged since the last time."""
        return self._browser.console()

    def bring_to_front(self) -> None:
        """Have it seen again: one that was frozen stays hidden until somebody turns to it."""
        driver = self.driver
        driver.switch_to.new_window("tab")
        driver.close()
        driver.switch_to.window(self._handle)

    def close(self) -> None:
        driver = self.driver
        driver.close()
        # Or else the next command would be for a window that is gone.
        driver.switch_to.window(driver.window_handles[0])
