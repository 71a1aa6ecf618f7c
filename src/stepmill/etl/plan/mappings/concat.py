"""CONCAT: several values as one text."""

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from stepmill.etl.plan.base import PlanModel, ShortText
from stepmill.etl.plan.operands import Operand, columns_of
from stepmill.etl.plan.scope import Mapped, Scope


class Concat(PlanModel):
    """Puts values one after another."""

    kind: Literal["CONCAT"]
    operands: Annotated[tuple[Operand, ...], Field(min_length=1, max_length=100)]
    """The values, in order."""
    separator: ShortText = ""
    """What stands between two values."""
    nulls: Literal["skip", "null"] = "skip"
    """Whether a missing value is left out, or makes the result null. All missing is null in any case."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return columns_of(self.operands)


def compile(mapping: Concat, scope: Scope) -> Mapped:  # noqa: A001
    """Join the texts."""
    parts = [operand.compile(scope) for operand in mapping.operands]
    text = pl.concat_str(parts, separator=mapping.separator, ignore_nulls=mapping.nulls == "skip")
    present = pl.any_horizontal([part.is_not_null() for part in parts])
    return Mapped(pl.when(present).then(text))
