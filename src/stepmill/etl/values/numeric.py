"""Exact decimals. Nothing is rounded: a number with more decimals than the column has is refused."""

import re

import polars as pl

from stepmill.etl.values.double import NUMBER_PATTERN
from stepmill.etl.values.parser import Problem, shown

_NUMBER = re.compile(NUMBER_PATTERN)
_POINT = ord(".")


class NumericParser:
    """Decimals of at most ``precision`` digits, ``scale`` of them after the point."""

    def __init__(self, precision: int, scale: int) -> None:
        self.dtype: pl.DataType = pl.Decimal(precision, scale)
        self._precision = precision
        self._scale = scale

    def fast(self, text: pl.Expr) -> pl.Expr:
        """The decimal, rounded to the column's scale; whole numbers by way of an integer, which rounds nothing."""
        return (text.cast(pl.Int128, strict=False) if self._scale == 0 else text).cast(self.dtype, strict=False)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Whatever was perhaps rounded: all but texts with exactly the column's decimals and no exponent."""
        if self._scale == 0:
            return None
        exponents = text.str.join("").str.contains_any(["e", "E"])
        point = text.cast(pl.Binary).bin.get(-(self._scale + 1), null_on_oob=True)
        return exponents | point.ne_missing(_POINT)

    def full(self, text: pl.Series) -> pl.Series:
        """All spellings of a number; zeros beyond the column's decimals change nothing and are let pass."""
        stripped = text.str.strip_chars()
        plain = stripped.str.contains(rf"^[+-]?[0-9]*\.?[0-9]{{0,{self._scale}}}$")
        values = stripped.set(~plain, None).cast(self.dtype, strict=False)
        others = (~plain).arg_true()
        return values.scatter(others, self._exact(stripped.gather(others))) if len(others) else values

    def _exact(self, text: pl.Series) -> pl.Series:
        """Count the decimals that a number needs, whatever its zeros and exponent; Polars may then round nothing."""
        number = pl.col(text.name)
        mantissa = number.str.replace(r"[eE].*$", "")
        exponent = number.str.extract(r"[eE]\+?(-?[0-9]+)$").cast(pl.Int64, strict=False)
        digits = mantissa.str.replace_all(r"[^0-9]", "")
        zeros_at_end = digits.str.len_bytes().cast(pl.Int64) - digits.str.strip_chars_end("0").str.len_bytes()
        decimals = mantissa.str.extract(r"\.([0-9]*)$").str.len_bytes().cast(pl.Int64).fill_null(0)
        needed = decimals - exponent.fill_null(0) - zeros_at_end
        readable = number.str.contains(NUMBER_PATTERN) & (exponent.is_not_null() | ~number.str.contains("[eE]"))
        exact = readable & ((needed <= self._scale) | ~mantissa.str.contains("[1-9]"))
        return text.to_frame().select(pl.when(exact).then(number.cast(self.dtype, strict=False))).to_series()

    def explain(self, text: str) -> Problem:
        """Tell too many decimals from too many digits from what is no number."""
        stripped = text.strip()
        if not _NUMBER.match(stripped):
            return Problem("bad_number", f"{shown(text)} is not a number.")
        if _decimals(stripped) > self._scale:
            return Problem("too_many_decimals", f"{shown(text)} has more than its column's {self._scale} decimals.")
        whole = self._precision - self._scale
        return Problem("out_of_range", f"{shown(text)} has more than its column's {whole} digits before the point.")


def _decimals(number: str) -> int:
    """How many decimals a number needs, zeros at its end not counted."""
    mantissa, _, exponent = number.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    return len(fraction) - int(exponent or "0") - (len(digits) - len(digits.rstrip("0")))
