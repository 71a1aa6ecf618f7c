"""LOOKUP: a value from a small table in the plan, by one or several source columns."""

from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from stepmill.etl.plan.base import PlanModel, PlanText, SourceName, wrong
from stepmill.etl.plan.operands import Scalar, text_of
from stepmill.etl.plan.scope import Mapped, Scope, joined, joined_texts
from stepmill.etl.values.parser import Problem


class LookupRow(PlanModel):
    """One row of the table."""

    key: Annotated[tuple[PlanText, ...], Field(min_length=1, max_length=5)]
    """A text for each of the columns."""
    value: Scalar
    """What is found for them."""


class Lookup(PlanModel):
    """Finds a value by the texts of some columns."""

    kind: Literal["LOOKUP"]
    columns: Annotated[tuple[SourceName, ...], Field(min_length=1, max_length=5)]
    """The source columns that make the key."""
    rows: Annotated[tuple[LookupRow, ...], Field(min_length=1, max_length=10_000)]
    """The table."""
    otherwise: Literal["reject", "null"] = "reject"
    """What happens to a row whose key is not in the table."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return self.columns

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        seen: set[tuple[str, ...]] = set()
        for index, row in enumerate(self.rows):
            if len(row.key) != len(self.columns):
                raise wrong(f"/rows/{index}/key", f"there are {len(self.columns)} columns to look up by")
            if row.key in seen:
                raise wrong(f"/rows/{index}/key", "this key stands in the table twice")
            seen.add(row.key)
        return self


def compile(mapping: Lookup, scope: Scope) -> Mapped:  # noqa: A001
    """Look the joined key up; a key with a missing part finds null."""
    key = joined([scope.text(column) for column in mapping.columns])
    old = [joined_texts(row.key) for row in mapping.rows]
    new = [text_of(row.value) for row in mapping.rows]
    found = key.replace_strict(old, new, default=None, return_dtype=pl.String)
    if mapping.otherwise == "null":
        return Mapped(found)
    nothing = [text for text, value in zip(old, new, strict=True) if value is None]
    expects = pl.when(~key.is_in(nothing)).then(key) if nothing else key
    return Mapped(found, expects=expects, explain=lambda raw: _unknown(mapping))


def _unknown(mapping: Lookup) -> Problem:
    columns = ", ".join(mapping.columns)
    return Problem("unknown_value", f"The plan's table has no row for these values of {columns}.")
