"""The candidate number: whole or with decimals, and what tells a code, an amount and a measurement apart."""

from collections import Counter
from typing import Any

import polars as pl

from stepmill.etl.candidates.candidate import unread, where

_POINT = ord(".")
_DOUBLE_DIGITS = 17
"""Significant digits that a double surely keeps apart."""
_OPEN_SCALE = 12
"""Beyond so many decimals their number is not looked at any more."""
_LEADING_ZERO = r"^[+-]?0[0-9]"


class NumberCandidate:
    """Numbers with a decimal point, with an exponent or without."""

    kind = "number"

    def __init__(self) -> None:
        self._whole = True
        self._count = 0
        self._smallest: float | None = None
        self._largest: float | None = None
        self._smallest_whole: int | None = None
        self._largest_whole: int | None = None
        self._scales: tuple[int, int] | None = None
        self._pointless = 0
        self._digits = 0
        self._exponents = False
        self._leading_zeros = 0
        self._plus_signs = 0
        self._beyond_64_bits = 0
        self._whole_lengths: tuple[int, int] | None = None
        self._specials: Counter[str] = Counter()

    def look(self, texts: pl.Series) -> pl.Series:
        """Read whole numbers as such until the first that is not; then all as doubles."""
        self._look_at_beginnings(texts)
        if not self._whole:
            return self._look_at_decimals(texts)
        values = texts.cast(pl.Int64, strict=False)
        self._note_whole(values)
        others = unread(texts, values)
        return self._look_at_decimals(others) if len(others) else others

    def result(self) -> dict[str, Any]:
        """The facts that a type is chosen by."""
        return {
            "whole": self._whole,
            "count": self._count,
            "min": self._smallest_whole if self._whole else self._smallest,
            "max": self._largest_whole if self._whole else self._largest,
            "minScale": self._scales[0] if self._scales else None,
            "maxScale": self._scales[1] if self._scales else None,
            "pointless": self._pointless,
            "digits": self._digits,
            "exponents": self._exponents,
            "leadingZeros": self._leading_zeros,
            "plusSigns": self._plus_signs,
            "beyond64Bits": self._beyond_64_bits,
            "wholeLengths": list(self._whole_lengths) if self._whole_lengths else None,
            "specials": dict(sorted(self._specials.items())),
        }

    def _look_at_beginnings(self, texts: pl.Series) -> None:
        """Zeros and pluses before a number mean that it is a code. All such texts sort before "1"."""
        first = texts.min()
        if not isinstance(first, str) or first >= "1":
            return
        low = where(texts, texts < "1")
        self._leading_zeros += int(low.str.contains(_LEADING_ZERO).sum())
        self._plus_signs += int(low.str.starts_with("+").sum())

    def _note_whole(self, values: pl.Series) -> None:
        count = len(values) - values.null_count()
        if not count:
            return
        smallest, largest = int(values.min()), int(values.max())  # type: ignore[arg-type]
        self._count += count
        self._pointless += count
        self._smallest_whole = smallest if self._smallest_whole is None else min(self._smallest_whole, smallest)
        self._largest_whole = largest if self._largest_whole is None else max(self._largest_whole, largest)
        self._note_range(float(smallest), float(largest))

    def _note_range(self, smallest: float, largest: float) -> None:
        self._smallest = smallest if self._smallest is None else min(self._smallest, smallest)
        self._largest = largest if self._largest is None else max(self._largest, largest)

    def _look_at_decimals(self, texts: pl.Series) -> pl.Series:
        values = texts.cast(pl.Float64, strict=False)
        misfits = unread(texts, values)
        finite = values.is_finite()
        if not finite.all():
            misfits = misfits.append(self._take_specials(where(texts, ~finite)))
            texts = where(texts, finite)
            values = values.filter(finite)
        if values.null_count() == len(values):
            return misfits
        if values.null_count():
            texts = texts.filter(values.is_not_null())
            values = values.drop_nulls()
        lost = self._lost_in_zero(texts, values)
        if lost.any():
            misfits = misfits.append(texts.filter(lost))
            texts, values = texts.filter(~lost), values.filter(~lost)
            if not len(texts):
                return misfits
        self._count += len(texts)
        self._note_range(float(values.min()), float(values.max()))  # type: ignore[arg-type]
        self._look_at_spelling(texts)
        return misfits

    def _lost_in_zero(self, texts: pl.Series, values: pl.Series) -> pl.Series:
        """Where a number is so small that a double takes it for zero."""
        zero = values == 0
        return zero & texts.str.contains("^[^eE]*[1-9]") if zero.any() else zero

    def _take_specials(self, texts: pl.Series) -> pl.Series:
        """NaN and infinity are noted by their words; digits that a double can't hold don't fit."""
        words = texts.str.contains("[0-9]").not_()
        self._specials.update(texts.filter(words).to_list())
        return texts.filter(~words)

    def _look_at_spelling(self, texts: pl.Series) -> None:
        has_exponents = bool(texts.str.join("").str.contains_any(["e", "E"]).item())
        self._exponents |= has_exponents
        lengths = texts.str.len_bytes()
        self._look_at_length(texts, lengths)
        if self._same_scale_again(texts, has_exponents):
            self._whole = False
            return
        points = texts.str.find(".", literal=True)
        pointless = points.null_count()
        self._pointless += pointless
        if pointless:
            self._look_at_pointless(where(texts, points.is_null()))
        if pointless < len(texts) or has_exponents:
            self._whole = False
        scales = lengths - points - 1
        if scales.null_count() < len(scales):
            least, most = int(scales.min()), int(scales.max())  # type: ignore[arg-type]
            known = self._scales or (least, most)
            self._scales = (min(known[0], least), max(known[1], most))

    def _same_scale_again(self, texts: pl.Series, has_exponents: bool) -> bool:
        """Whether nothing new can be learnt of the decimals: all have as many as ever, or far too many anyway."""
        if self._scales is None or has_exponents:
            return False
        if self._scales[1] > _OPEN_SCALE and self._scales[0] != self._scales[1]:
            return True
        if self._scales[0] != self._scales[1]:
            return False
        point = texts.cast(pl.Binary).bin.get(-(self._scales[0] + 1), null_on_oob=True)
        return bool((point == _POINT).all(ignore_nulls=False))

    def _look_at_pointless(self, texts: pl.Series) -> None:
        """Whole numbers among decimals, and those that are too large for 64 bits."""
        digits = texts.filter(texts.str.contains("^[+-]?[0-9]+$"))
        large = digits.filter(digits.cast(pl.Int64, strict=False).is_null())
        if not len(large):
            return
        self._beyond_64_bits += len(large)
        lengths = digits.str.strip_chars_start("+-").str.len_bytes()
        least, most = int(lengths.min()), int(lengths.max())  # type: ignore[arg-type]
        known = self._whole_lengths or (least, most)
        self._whole_lengths = (min(known[0], least), max(known[1], most))

    def _look_at_length(self, texts: pl.Series, lengths: pl.Series) -> None:
        """Count significant digits, but only where there can be more than counted before, and more than matter."""
        enough = max(self._digits, _DOUBLE_DIGITS)
        if self._digits <= _DOUBLE_DIGITS:
            self._digits = max(self._digits, min(int(lengths.max()), _DOUBLE_DIGITS))  # type: ignore[arg-type]
        if int(lengths.max()) <= enough + 1:  # type: ignore[arg-type]
            return
        long = texts.filter(lengths > enough + 1).str.strip_chars_start("+-0.")
        long = long.filter(long.str.len_bytes() > enough)
        if len(long):
            mantissas = long.str.replace("[eE].*$", "").str.replace(".", "", literal=True)
            self._digits = max(self._digits, int(mantissas.str.len_bytes().max()))  # type: ignore[arg-type]
