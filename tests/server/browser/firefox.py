"""A real Firefox without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium.webdriver import Firefox, FirefoxOptions
from selenium.webdriver.firefox.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from helpers import HANG
from tabs import Browser

BROWSERS = ["firefox", "firefox-esr"]


@contextmanager
def firefox() -> Iterator[Browser]:
    """Start a browser, or skip and say what is missing."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("geckodriver")
    if browser is None:
        pytest.skip(f"there is no Firefox: none of {', '.join(BROWSERS)} is on the PATH")
    if driver is None:
        pytest.skip("there is no geckodriver on the PATH: cargo install geckodriver")
    options = FirefoxOptions()
    options.binary_location = browser
    options.add_argument("-headless")
    options.enable_bidi = True
    # What is shown is what the server has sent, and nothing else is asked of it.
    options.set_preference("devtools.jsonview.enabled", False)
    options.set_preference("browser.chrome.site_icons", False)
    with Firefox(options=options, service=Service(driver)) as started:
        started.set_script_timeout(HANG)
        logged: list[str] = []

        def note(entry: Any) -> None:
            logged.append(entry.text)

        started.script.add_console_message_handler(note)
        started.script.add_javascript_error_handler(note)

        def console() -> list[str]:
            # An answer of the page comes after what it has logged before.
            started.execute_script("return 1")
            new, logged[:] = logged[:], []
            return new

        yield Browser(started, console, call)


def call(driver: WebDriver, function: str, argument: str) -> str:
    """Call a function of the page that is in front.

    The usual way would run it beside the page, where it has other globals and modules.
    """
    answer: str = driver.script.execute(function, argument)["value"]
    return answer
