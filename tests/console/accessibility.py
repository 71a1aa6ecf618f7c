"""The rules of axe-core, run on a page as it stands."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = """
(tags) => axe.run(document, {
  runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'], preload: false,
})
"""


def violations(page: Page, axe: Path) -> list[str]:
    """Every place of the page that breaks a rule of WCAG 2.2 A or AA, or good practice, one line each.

    ``axe`` is the source of axe-core. It is evaluated by the browser's own tools, so a page's security policy stays
    as it is.
    """
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(axe.read_text())
    found: dict[str, Any] = page.evaluate(_RUN, list(_TAGS))
    return [_line(rule, node) for rule in found["violations"] for node in rule["nodes"]]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    place = " ".join(str(part) for part in node["target"])
    why = "; ".join(text.strip() for text in node["failureSummary"].splitlines()[1:])
    return f"{rule['id']} ({rule['impact']}): {rule['help']}. {place}: {why}"
