"""Whole numbers that fit PostgreSQL's bigint."""

import re

import polars as pl

from stepmill.etl.values.parser import Problem, shown

_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")


class IntegerParser:
    """Digits with an optional sign; ``12.0`` is the whole number 12, ``12.5`` is refused."""

    dtype: pl.DataType = pl.Int64()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """Digits only."""
        return text.cast(pl.Int64, strict=False)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Never: the cast is exact or fails."""
        return None

    def full(self, text: pl.Series) -> pl.Series:
        """Spaces around the number and zeros after its point ignored."""
        return text.str.strip_chars().str.replace(r"^([+-]?[0-9]+)\.0*$", "$1").cast(pl.Int64, strict=False)

    def explain(self, text: str) -> Problem:
        """Tell a number that is too large from what is no whole number."""
        if _WHOLE.fullmatch(text.strip()):
            return Problem("out_of_range", f"{shown(text)} is beyond the range of a 64-bit integer.")
        return Problem("bad_integer", f"{shown(text)} is not a whole number.")
