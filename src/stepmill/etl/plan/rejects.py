"""How many rejected rows a load may have."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from stepmill.etl.plan.base import PlanModel


class RejectLimit(PlanModel):
    """A load with more rejects than both of these allow ends in an error, its table untouched.

    In JSON also a number: a whole one is rows, one between 0 and 1 a share of the rows read.
    """

    rows: Annotated[int, Field(ge=0)] | None = None
    """So many rows may be rejected, however few are read."""
    share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Such a share of the rows read may be rejected."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float):
            return data
        return {"share": data} if 0 < data < 1 else {"rows": data}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.rows is None and self.share is None:
            raise ValueError("rows or share must be given")
        return self

    def allowed(self, rows_read: int) -> int:
        """How many of so many rows may be rejected."""
        return max(self.rows or 0, int(rows_read * (self.share or 0.0)))


DEFAULT_REJECT_LIMIT = RejectLimit(rows=10, share=0.1)
"""Where a file is read wrongly nearly every row fails, where it is read rightly a few in a hundred do at most, so a
tenth tells the two apart. Ten rows are let pass in any case: in a file of thirty rows a share says nothing."""
