"""IF: one of two values, by a condition."""

from typing import Literal

import polars as pl
from pydantic import Field

from stepmill.etl.plan.base import PlanModel
from stepmill.etl.plan.conditions import Condition, condition_columns
from stepmill.etl.plan.operands import Operand, ValueOperand, columns_of
from stepmill.etl.plan.scope import Mapped, Scope


class If(PlanModel):
    """Chooses between two values."""

    kind: Literal["IF"]
    condition: Condition
    """What is tested."""
    then: Operand
    """The value where the condition holds."""
    otherwise: Operand = Field(default=ValueOperand(value=None), alias="else")
    """The value where it does not; null if left out."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return (*condition_columns(self.condition), *columns_of((self.then, self.otherwise)))


def compile(mapping: If, scope: Scope) -> Mapped:  # noqa: A001
    """Choose the text."""
    chosen = pl.when(mapping.condition.compile(scope)).then(mapping.then.compile(scope))
    return Mapped(chosen.otherwise(mapping.otherwise.compile(scope)))
