"""The pages of the documentation, taken apart for the tests."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?^```(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A block of code in a page."""

    page: Path
    line: int
    language: str
    text: str
    introduction: str  # the last line before it that is not blank
    not_run: str | None  # why it is not run, where a comment before it says so

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All blocks of code of a page, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        found.append(
            Block(
                page=page,
                line=before.count("\n") + 1,
                language=match["language"],
                text=match["text"],
                introduction=next((line for line in reversed(before.splitlines()) if line.strip()), ""),
                not_run=match["why"],
            )
        )
    return found


def pages() -> list[Path]:
    """Every page: those at the top, and the folder `docs`."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one that is not below it."""
    text = page.read_text()
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |\Z)", text, re.M | re.S)
    assert match is not None, f"{page.name} has no heading {heading!r}"
    return match[2]
