"""Floating-point numbers (double precision): the nearest double to the text, never infinity or zero by accident."""

import re

import polars as pl

from stepmill.etl.values.parser import Problem, shown

NUMBER_PATTERN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
SPECIAL_PATTERN = r"(?i)^[+-]?(?:nan|inf|infinity)$"
_NUMBER = re.compile(NUMBER_PATTERN)
_SPECIAL = re.compile(SPECIAL_PATTERN)
_LONGEST_SAFE_ZERO = 5
"""The shortest text that underflows to zero is ``1e-324``."""


class DoubleParser:
    """Decimal numbers, with an exponent or without; NaN and infinity only if asked for."""

    dtype: pl.DataType = pl.Float64()

    def __init__(self, *, non_finite: bool = False) -> None:
        self._non_finite = non_finite

    def fast(self, text: pl.Expr) -> pl.Expr:
        """The nearest double."""
        return text.cast(pl.Float64, strict=False)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Infinity and NaN, and a zero whose text is long enough for an underflow."""
        return ~value.is_finite() | ((value == 0) & (text.str.len_bytes() > _LONGEST_SAFE_ZERO))

    def full(self, text: pl.Series) -> pl.Series:
        """Spaces around the number ignored; what overflows or underflows is refused."""
        stripped = pl.col(text.name).str.strip_chars()
        value = stripped.cast(pl.Float64, strict=False)
        underflows = (value == 0) & stripped.str.replace(r"[eE].*$", "").str.contains("[1-9]")
        fits = stripped.str.contains(NUMBER_PATTERN) & value.is_finite() & ~underflows
        if self._non_finite:
            fits |= stripped.str.contains(SPECIAL_PATTERN)
        return text.to_frame().select(pl.when(fits).then(value)).to_series()

    def explain(self, text: str) -> Problem:
        """Tell what is out of range from what is no number."""
        stripped = text.strip()
        if _NUMBER.match(stripped):
            return Problem("out_of_range", f"{shown(text)} is beyond the range of a double-precision number.")
        if _SPECIAL.match(stripped):
            return Problem("bad_number", f"{shown(text)} is not a finite number, and the plan does not allow others.")
        return Problem("bad_number", f"{shown(text)} is not a number.")
