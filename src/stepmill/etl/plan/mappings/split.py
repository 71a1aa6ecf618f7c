"""SPLIT: one part of a text that a separator divides."""

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from stepmill.etl.plan.base import PlanModel, ShortText
from stepmill.etl.plan.scope import Mapped, Scope, empty_as_null
from stepmill.etl.values.parser import Problem, shown


class Split(PlanModel):
    """Divides a text and takes one part."""

    kind: Literal["SPLIT"]
    separator: Annotated[ShortText, Field(min_length=1)]
    """What stands between the parts."""
    index: Annotated[int, Field(ge=-1_000, le=1_000)]
    """Which part: 0 is the first, -1 the last."""
    missing: Literal["reject", "null"] = "reject"
    """What happens to a row whose text has too few parts."""


def compile(mapping: Split, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Split and take the part; an empty part is null, not missing."""
    part = text.str.split(mapping.separator).list.get(mapping.index, null_on_oob=True)
    if mapping.missing == "null":
        return Mapped(empty_as_null(part))
    return Mapped(part, expects=text, explain=lambda raw: _too_few(mapping, raw))


def _too_few(mapping: Split, raw: str) -> Problem:
    parts = raw.count(mapping.separator) + 1
    return Problem(
        "no_match", f"{shown(raw)} has {parts} parts by {shown(mapping.separator)}, so none at {mapping.index}."
    )
