"""Debian's Chromium, and contexts in it that are signed in."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, Playwright, StorageState
from playwright.sync_api import TimeoutError as TooLateError

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
"""Never one that playwright downloads: it would be another browser than the tests' readers have."""

MISSING = "Chromium is not installed, and the console's tests need it: apt install chromium"
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}

THEME_KEY = "stepmill.theme"
THEMES = ("light", "dark", "contrast")

OpenPage = Callable[..., Page]

_CHOOSING = 3
_STATE = """
() => JSON.stringify({
  text: document.body?.innerText.slice(0, 500), state: document.readyState, hidden: document.hidden,
  asked: performance.getEntriesByType('resource').map((each) => `${each.name} ${Math.round(each.duration)} ms`),
})
"""
PATIENCE_MS = 20_000
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


def new_context(
    browser: Browser, url: str, session: StorageState | None, *, theme: str | None = None, **options: Any
) -> BrowserContext:
    """A context with nothing in its caches, on the server at ``url``.

    Without a session nobody is signed in. ``theme`` is what the reader has chosen: light, dark, contrast or system.
    """
    chosen: dict[str, Any] = {"viewport": WIDE, **_READER, **options}
    state: dict[str, Any] = dict(session or {})
    if theme is not None:
        state["origins"] = [{"origin": url, "localStorage": [{"name": THEME_KEY, "value": theme}]}]
    context = browser.new_context(base_url=url, storage_state=cast("StorageState", state), **chosen)
    context.set_default_timeout(PATIENCE_MS)
    # Heard from the beginning, or a dialog that a key opens at once would be the system's own.
    context.on("page", lambda page: page.on("filechooser", lambda _: None))
    return context


def ready(page: Page) -> Page:
    """Wait until the screen has its title and everything it asked for."""
    try:
        page.locator("main h1").wait_for()
        page.locator(".skeleton, .grid-blank").first.wait_for(state="hidden")
    except TooLateError as error:
        error.add_note(f"What there is instead: {page.evaluate(_STATE)}")
        raise
    return page


def choose_files(page: Page, act: Callable[[], object], files: FilePayload | str | Path) -> None:
    """Do what opens the dialog for files, and choose some.

    On a busy machine the browser may show the system's own dialog before playwright takes its place; then again.
    """
    for attempt in range(_CHOOSING):
        try:
            with page.expect_file_chooser(timeout=PATIENCE_MS / _CHOOSING) as chosen:
                act()
        except TooLateError:
            if attempt + 1 == _CHOOSING:
                raise
        else:
            chosen.value.set_files(files)
            return
