"""DIRECT: the source's text, read in the usual spelling of the target's type."""

from typing import Literal

import polars as pl

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.scope import Mapped, Scope


class Direct(PlanModel):
    """The value as it is: numbers with a decimal point, dates and times in ISO 8601, true and false words, JSON."""

    kind: Literal["DIRECT"] = "DIRECT"
    non_finite: bool = False
    """For a double: whether NaN, Infinity and -Infinity are values. Otherwise they are refused."""


def compile(mapping: Direct, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """The text itself; the type's parser does the rest."""
    return Mapped(text)
