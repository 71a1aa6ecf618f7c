"""REPLACE: a text, or what a pattern finds, exchanged wherever it occurs."""

from typing import Literal, Self

import polars as pl
from pydantic import model_validator

from stepmill.etl.plan.base import PlanModel, PlanText, wrong
from stepmill.etl.plan.patterns import check_pattern
from stepmill.etl.plan.scope import Mapped, Scope, empty_as_null


class Replace(PlanModel):
    """Replaces every occurrence of a text or of a regular expression."""

    kind: Literal["REPLACE"]
    search: PlanText
    """The text to find; a regular expression in Rust's syntax if ``regex`` is true."""
    replacement: PlanText = ""
    """What to put in its place; with ``regex``, ``$1`` stands for the first group."""
    regex: bool = False
    """Whether ``search`` is a regular expression."""

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        if not self.search:
            raise wrong("/search", "there must be something to search for")
        if self.regex:
            try:
                check_pattern(self.search)
            except ValueError as error:
                raise wrong("/search", str(error)) from None
        return self


def compile(mapping: Replace, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Replace all; what becomes empty becomes null."""
    replaced = text.str.replace_all(mapping.search, mapping.replacement, literal=not mapping.regex)
    return Mapped(empty_as_null(replaced))
