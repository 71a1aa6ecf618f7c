"""Which pages are generated, and by what."""

from collections.abc import Callable
from pathlib import Path

from docs.generator.plan_page import plan_page
from docs.generator.plan_schema import plan_schema_text

_DOCS = Path(__file__).parents[1]

PAGES: dict[Path, Callable[[], str]] = {
    _DOCS / "transform-plan.md": plan_page,
    _DOCS / "transform-plan.schema.json": plan_schema_text,
}
