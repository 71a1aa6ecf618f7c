"""Debian's Chromium, and contexts in it that are signed in."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, StorageState

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
"""Never one that playwright downloads: it would be another browser than the tests' readers have."""

MISSING = "Chromium is not installed, and the console's tests need it: apt install chromium"
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}

OpenPage = Callable[..., Page]

_PATIENCE_MS = 20_000
_READER = {"locale": "en-GB", "timezone_id": "Europe/Berlin"}
"""A reader whose times are not UTC and whose numbers have separators, the same on every machine."""


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A headless browser, closed after the block."""
    # The sandbox needs rights that containers often lack; nothing but our own server is opened.
    with playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"]) as browser:
        yield browser


def sign_in(browser: Browser, link: str) -> StorageState:
    """The cookies of a browser that was signed in by a one-time link."""
    with browser.new_context() as context:
        answer = context.request.get(link)
        assert answer.ok, answer.text()
        return context.storage_state()


def new_context(browser: Browser, url: str, session: StorageState | None, **options: Any) -> BrowserContext:
    """A context with nothing in its caches, on the server at ``url``; without a session nobody is signed in."""
    chosen = {"viewport": WIDE, **_READER, **options}
    context = browser.new_context(base_url=url, storage_state=session, **cast("Any", chosen))
    context.set_default_timeout(_PATIENCE_MS)
    return context
