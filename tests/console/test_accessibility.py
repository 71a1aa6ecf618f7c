"""Every screen, judged by axe-core in each theme, and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.accessibility import violations
from tests.console.browsing import NARROW, THEMES, OpenPage, ready
from tests.console.many_jobs import many_jobs
from tests.console.sample import Ids
from tests.console.screens import SCREENS, Screen

pytestmark = pytest.mark.slow

_BROKEN = """
() => {
  const image = document.createElement('img');
  const pale = Object.assign(document.createElement('p'), { textContent: 'pale' });
  image.src = '/static/icon.svg';
  pale.style.color = '#ddd';
  pale.style.background = '#eee';
  document.querySelector('main').append(image, pale);
}
"""


def test_what_breaks_a_rule_is_found(page: Page, axe: Path) -> None:
    page.goto("/")
    page.locator("main").wait_for()
    page.evaluate(_BROKEN)
    rules = {line.split()[0] for line in violations(page, axe)}
    assert {"image-alt", "color-contrast"} <= rules


@pytest.fixture(scope="module")
def places(server: Serve, client: Client, sample: Ids) -> Iterator[Ids]:
    """What screens show: the sample data and jobs in every status, some of which seem to run."""
    with many_jobs(server, 40, area_id=sample["area"], file_id=sample["file"]):
        running = client.list_jobs(status="RUNNING", limit=1)["items"][0]
        yield {**sample, "running_job": running["jobId"]}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_no_screen_breaks_a_rule(open_page: OpenPage, axe: Path, places: Ids, screen: Screen, theme: str) -> None:
    page = open_page(theme=theme)
    page.goto(screen.at(places))
    assert violations(ready(page), axe) == []


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_no_screen_is_wider_than_a_phone(open_page: OpenPage, places: Ids, screen: Screen) -> None:
    page = open_page(viewport=NARROW)
    page.goto(screen.at(places))
    assert ready(page).evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
