"""A real Chromium without a window, and the pages that are open in it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from helpers import HANG

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Start a browser, or skip and say what is missing."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None:
        pytest.skip(f"there is no Chromium: none of {', '.join(BROWSERS)} is on the PATH")
    if driver is None:
        pytest.skip("there is no chromedriver on the PATH: on Debian, apt install chromium-driver")
    options = ChromeOptions()
    options.binary_location = browser
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")  # which is small in containers
    options.add_argument("--disable-gpu")
    # Every window is one that somebody looks at.
    options.add_argument("--disable-backgrounding-occluded-windows")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # It refuses to start for root with one.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options=options, service=Service(driver)) as chrome:
        chrome.set_script_timeout(HANG)
        yield chrome


class Tab:
    """A page in a window of its own."""

    def __init__(self, chrome: Chrome, address: str) -> None:
        self._chrome = chrome
        chrome.switch_to.new_window("window")
        self._handle = chrome.current_window_handle
        chrome.get(address)

    @property
    def chrome(self) -> Chrome:
        """The browser, turned to this page."""
        self._chrome.switch_to.window(self._handle)
        return self._chrome

    def run(self, script: str, *arguments: Any) -> Any:
        """Run statements, as those of an async function, and give what they return."""
        answer = self.chrome.execute_async_script(
            f"""
            const done = arguments[arguments.length - 1];
            (async (...given) => {{ {script} }})(...[...arguments].slice(0, -1))
                .then(value => done({{value}}))
                .catch(error => done({{error: String(error.stack ?? error)}}))
            """,
            *arguments,
        )
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
        return self.chrome.execute_cdp_cmd(command, parameters)

    def console(self) -> list[str]:
        """Give what was logged since the last time."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]

    def bring_to_front(self) -> None:
        """Have it seen again: one that was frozen stays hidden until somebody turns to it."""
        self.chrome.switch_to.new_window("tab")
        self._chrome.close()
        self._chrome.switch_to.window(self._handle)

    def close(self) -> None:
        self.chrome.close()
        # Or else the next command would be for a window that is gone.
        self._chrome.switch_to.window(self._chrome.window_handles[0])
