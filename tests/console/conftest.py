"""A server, a browser, and pages that fail their test if anything goes wrong in them.

Playwright's synchronous calls run an event loop in their own thread, in which no other can run. The browser therefore
lives as long as tests of this folder follow each other, and these tests are never ``async``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from stepmill.client import Client
from tests.cli.processes import Serve, serving_fresh
from tests.console.browsing import MISSING, PATIENCE_MS, PROGRAM, OpenPage, chromium, new_context, sign_in
from tests.console.faults import Faults, settle
from tests.console.npm import installed
from tests.console.sample import Ids, load_sample

expect.set_options(timeout=PATIENCE_MS)  # as for everything else that a page is waited for


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a browser where there is none, before a server is started for it."""
    if PROGRAM is None and "browser" in getattr(item, "fixturenames", ()):
        pytest.skip(MISSING)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that areas may take files from."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="session")
def server(place: Path) -> Iterator[Serve]:
    """A running server, shared by the tests of a process."""
    with serving_fresh(STEPMILL_PLACES=f"file://{place}/") as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Serve) -> Iterator[Client]:
    """The api of the server, for what a test needs to be there."""
    with server.connect() as client:
        yield client


@pytest.fixture(scope="session")
def sample(client: Client) -> Ids:
    """Ids of the areas, tables and jobs of the sample data, which are on the server from here on."""
    return load_sample(client)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser


@pytest.fixture(scope="package")
def session(server: Serve, browser: Browser) -> StorageState:
    """The cookies of a signed-in browser."""
    return sign_in(browser, server.run("link").stdout.strip())


@pytest.fixture
def faults(server: Serve) -> Faults:
    """What went wrong; a test that provokes something says so with ``faults.allow``."""
    return Faults(server.url)


@pytest.fixture
def open_page(browser: Browser, server: Serve, session: StorageState, faults: Faults) -> Iterator[OpenPage]:
    """Opens pages, each in a signed-in context of its own, which takes the options of playwright's contexts.

    The test fails at its end if anything went wrong in one of them.
    """
    contexts: list[BrowserContext] = []

    def open_one(**options: Any) -> Page:
        context = new_context(browser, server.url, session, **options)
        contexts.append(context)
        faults.watch(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        for page in context.pages:
            settle(page)
        context.close()
    found = faults.unexpected()
    assert not found, "went wrong in the browser:\n" + "\n".join(found)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A signed-in page on a wide screen."""
    return open_page()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The tools that `package.json` beside this file names."""
    return installed(Path(__file__).parent)


@pytest.fixture(scope="session")
def axe(node_modules: Path) -> Path:
    """The source of axe-core."""
    return node_modules / "axe-core" / "axe.min.js"
