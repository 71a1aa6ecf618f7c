"""REGEX_EXTRACT: the part of a text that a pattern finds."""

from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from stepmill.etl.plan.base import PlanModel, wrong
from stepmill.etl.plan.patterns import Pattern, count_groups
from stepmill.etl.plan.scope import Mapped, Scope
from stepmill.etl.values.parser import Problem, shown


class RegexExtract(PlanModel):
    """Searches for a regular expression and takes what it, or one of its groups, found."""

    kind: Literal["REGEX_EXTRACT"]
    pattern: Pattern
    """A regular expression in Rust's syntax: no look-around, no back-references."""
    group: Annotated[int, Field(ge=0, le=100)] = 1
    """The group to take; 0 is the whole match."""
    missing: Literal["reject", "null"] = "reject"
    """What happens to a row in which nothing is found."""

    @model_validator(mode="after")
    def _group_exists(self) -> Self:
        groups = count_groups(self.pattern)
        if self.group > groups:
            raise wrong("/group", f"the pattern has {groups} groups")
        return self


def compile(mapping: RegexExtract, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Extract from the first match."""
    found = text.str.extract(mapping.pattern, mapping.group)
    if mapping.missing == "null":
        return Mapped(found)
    return Mapped(found, expects=text, explain=_not_found)


def _not_found(raw: str) -> Problem:
    return Problem("no_match", f"The plan's pattern finds nothing in {shown(raw)}.")
