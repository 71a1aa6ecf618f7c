"""TRIM: characters cut from the ends of a text."""

from typing import Literal

import polars as pl

from stepmill.etl.plan.base import PlanModel, ShortText
from stepmill.etl.plan.scope import Mapped, Scope, empty_as_null


class Trim(PlanModel):
    """Cuts white space, or other characters, from the ends."""

    kind: Literal["TRIM"]
    side: Literal["both", "start", "end"] = "both"
    """Which ends are cut."""
    characters: ShortText | None = None
    """The characters to cut, in any order; white space if left out."""


def compile(mapping: Trim, text: pl.Expr, scope: Scope) -> Mapped:  # noqa: A001
    """Cut; what becomes empty becomes null."""
    strip = {"both": text.str.strip_chars, "start": text.str.strip_chars_start, "end": text.str.strip_chars_end}
    trimmed = strip[mapping.side](mapping.characters)
    return Mapped(empty_as_null(trimmed))
