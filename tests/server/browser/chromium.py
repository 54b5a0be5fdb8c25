"""A real Chromium without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from helpers import HANG
from tabs import Browser

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]


@contextmanager
def chromium() -> Iterator[Browser]:
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

        def console() -> list[str]:
            return [entry["message"] for entry in chrome.get_log("browser")]

        yield Browser(chrome, console, call)


def call(driver: WebDriver, function: str, argument: str) -> str:
    """Call a function of the page that is in front."""
    script = f"({function})(arguments[0]).then(arguments[1])"
    answer: str = driver.execute_async_script(script, argument)
    return answer
