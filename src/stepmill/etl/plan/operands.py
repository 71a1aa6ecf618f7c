"""Operands of mappings that take several inputs: a source column or a constant."""

from typing import Annotated, Any

import polars as pl
from pydantic import Discriminator, StrictBool, StrictFloat, StrictInt, Tag

from stepmill.etl.plan.base import PlanModel, PlanText, SourceName
from stepmill.etl.plan.scope import Scope

Scalar = StrictBool | StrictInt | StrictFloat | PlanText | None
"""A constant in a plan."""


class ColumnOperand(PlanModel):
    """The value of a source column."""

    column: SourceName
    """Name of the source column."""

    def compile(self, scope: Scope) -> pl.Expr:
        """The column's text."""
        return scope.text(self.column)


class ValueOperand(PlanModel):
    """The same value in every row."""

    value: Scalar
    """The constant; null for no value."""

    def compile(self, scope: Scope) -> pl.Expr:
        """The constant as text."""
        return pl.lit(text_of(self.value), dtype=pl.String)


def text_of(value: bool | int | float | str | None) -> str | None:
    """A constant as the text that a source would have for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str) else str(value)


def _which(data: Any) -> str:
    is_column = "column" in data if isinstance(data, dict) else isinstance(data, ColumnOperand)
    return "<column>" if is_column else "<value>"


Operand = Annotated[
    Annotated[ColumnOperand, Tag("<column>")] | Annotated[ValueOperand, Tag("<value>")], Discriminator(_which)
]
"""``{"column": "name"}`` or ``{"value": constant}``."""


def columns_of(operands: tuple[ColumnOperand | ValueOperand, ...]) -> tuple[str, ...]:
    """The source columns among the operands."""
    return tuple(operand.column for operand in operands if isinstance(operand, ColumnOperand))
