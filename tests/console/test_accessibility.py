"""Every screen, judged by axe-core in light and dark."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.console.accessibility import violations
from tests.console.browsing import THEMES, OpenPage, ready

pytestmark = pytest.mark.slow

_STRICT = "require-trusted-types-for 'script'; trusted-types 'none'"
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


def _strictly(route: Route) -> None:
    answer = route.fetch()
    policy = f"{answer.headers.get('content-security-policy', '')}; {_STRICT}"
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})


def test_what_breaks_a_rule_is_found_under_a_strict_policy(page: Page, axe: Path) -> None:
    page.route("**/", _strictly)
    page.goto("/")
    page.locator("main").wait_for()
    page.evaluate(_BROKEN)
    rules = {line.split()[0] for line in violations(page, axe)}
    assert {"image-alt", "color-contrast"} <= rules


@pytest.mark.parametrize("theme", THEMES)
def test_the_first_page_breaks_no_rule(open_page: OpenPage, axe: Path, theme: str) -> None:
    page = open_page(theme=theme)
    page.goto("/")
    assert violations(ready(page), axe) == []
