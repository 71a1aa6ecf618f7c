"""COALESCE: the first value that is there."""

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.operands import Operand, columns_of
from stepmill.etl.plan.scope import Mapped, Scope


class Coalesce(PlanModel):
    """Takes the first operand that is not null."""

    kind: Literal["COALESCE"]
    operands: Annotated[tuple[Operand, ...], Field(min_length=1, max_length=100)]
    """The candidates, in order."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return columns_of(self.operands)


def compile(mapping: Coalesce, scope: Scope) -> Mapped:  # noqa: A001
    """The first text."""
    return Mapped(pl.coalesce([operand.compile(scope) for operand in mapping.operands]))
