"""CONSTANT: the same value in every row."""

from typing import Literal

import polars as pl

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.operands import Scalar, text_of
from stepmill.etl.plan.scope import Mapped, Scope


class Constant(PlanModel):
    """A value that does not come from the source."""

    kind: Literal["CONSTANT"]
    value: Scalar
    """The value, in the usual spelling of the column's type; null for none."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return ()


def compile(mapping: Constant, scope: Scope) -> Mapped:  # noqa: A001
    """The value as text; the type's parser reads it."""
    return Mapped(pl.lit(text_of(mapping.value), dtype=pl.String))
