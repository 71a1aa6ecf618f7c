"""CASE: letters made large or small."""

from typing import Literal

import polars as pl

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.scope import Mapped, Scope


class Case(PlanModel):
    """Changes the case of letters."""

    kind: Literal["CASE"]
    to: Literal["lower", "upper", "title"]
    """The case wanted; ``title`` makes the first letter of each word large and the others small."""


def compile(mapping: Case, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Change all letters, of any script that has case."""
    change = {"lower": text.str.to_lowercase, "upper": text.str.to_uppercase, "title": text.str.to_titlecase}
    return Mapped(change[mapping.to]())
