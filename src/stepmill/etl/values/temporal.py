"""Dates, times and timestamps in ISO 8601, years 1 to 9999: what every reader of the table can show."""

from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl

from stepmill.etl.values import arrow, iso
from stepmill.etl.values.parser import Problem, shown

_EARLIEST = datetime(1, 1, 1)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999)
_EPOCH = datetime(1970, 1, 1)
_EARLIEST_MICROS = (_EARLIEST - _EPOCH) // timedelta(microseconds=1)
_LATEST_MICROS = (_LATEST - _EPOCH) // timedelta(microseconds=1)
_MIDNIGHT = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(?::00(?:\.0+)?)?$"


class DateParser:
    """``2024-03-31``; also a timestamp at midnight, as spreadsheets write dates."""

    dtype: pl.DataType = pl.Date()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """ISO dates."""
        return text.map_batches(arrow.date_caster(), return_dtype=self.dtype)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """The year 0."""
        return ~value.is_between(_EARLIEST.date(), _LATEST.date())

    def full(self, text: pl.Series) -> pl.Series:
        """Spaces around the date and midnight after it ignored."""
        dates = text.str.strip_chars().str.replace(_MIDNIGHT, "$1")
        fields = iso.fields(dates, iso.DATE_TIME_PATTERN)
        return fields.select(pl.when(pl.col("hour").is_null()).then(iso.date())).to_series()

    def explain(self, text: str) -> Problem:
        """Tell a time that would be lost from a day that does not exist from what is no date."""
        match = iso.DATE_TIME.match(text.strip())
        if match is None:
            return Problem("bad_date", f"{shown(text)} is not a date such as 2024-03-31.")
        if match["hour"] is not None:
            return Problem("bad_date", f"{shown(text)} has a time of day, which a date can't hold.")
        return _no_such_day(match["year"], text, "bad_date")


class TimeParser:
    """``13:45`` or ``13:45:10.5``."""

    dtype: pl.DataType = pl.Time()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """ISO times as Arrow reads them after a date."""
        moment = ("1970-01-01T" + text).map_batches(arrow.timestamp_caster(None), return_dtype=pl.Datetime("us"))
        return (moment.to_physical() * 1000).cast(pl.Time)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """An hour alone, which Arrow takes."""
        return text.str.len_bytes() < len("13:45")

    def full(self, text: pl.Series) -> pl.Series:
        """Spaces around the time ignored."""
        fields = iso.fields(text, iso.TIME_PATTERN)
        micros = pl.when(pl.col("hour").is_not_null()).then(iso.micros_of_day())
        return fields.select((micros * 1000).cast(pl.Time)).to_series()

    def explain(self, text: str) -> Problem:
        """Show what a time looks like."""
        return Problem("bad_time", f"{shown(text)} is not a time of day such as 13:45 or 13:45:10.5.")


class TimestampParser:
    """``2024-03-31T13:45:10.5``, with a zone if and only if the type has one; a date alone is its midnight."""

    def __init__(self, *, with_zone: bool) -> None:
        self._with_zone = with_zone
        self.dtype: pl.DataType = pl.Datetime("us", "UTC" if with_zone else None)
        self._cast: Callable[[pl.Series], pl.Series] = arrow.timestamp_caster("UTC" if with_zone else None)

    def fast(self, text: pl.Expr) -> pl.Expr:
        """ISO timestamps as Arrow reads them."""
        return text.map_batches(self._cast, return_dtype=self.dtype)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """The year 0, and the year 10000, into which a zone can move a moment of 9999."""
        return ~value.to_physical().is_between(_EARLIEST_MICROS, _LATEST_MICROS)

    def full(self, text: pl.Series) -> pl.Series:
        """Also a comma before the fraction, zeros beyond its sixth digit, a space before the zone, UTC and GMT."""
        fields = iso.fields(text, iso.DATE_TIME_PATTERN)
        if self._with_zone:
            micros = iso.micros_of_day() - iso.offset_seconds() * 1_000_000
        else:
            micros = pl.when(pl.col("zone").is_null()).then(iso.micros_of_day())
        moments = fields.select(iso.date().cast(pl.Datetime("us")) + pl.duration(microseconds=micros)).to_series()
        naive = moments.set(~moments.is_between(_EARLIEST, _LATEST), None)
        return naive.dt.replace_time_zone("UTC") if self._with_zone else naive

    def explain(self, text: str) -> Problem:
        """Tell a missing zone, one too many, a fraction too fine and a moment that does not exist apart."""
        match = iso.DATE_TIME.match(text.strip())
        if match is None:
            return Problem("bad_timestamp", f"{shown(text)} is not a timestamp such as {self._example}.")
        if self._with_zone and match["zone"] is None:
            return Problem("zone_missing", f"{shown(text)} does not say its time zone, as in {self._example}.")
        if not self._with_zone and match["zone"] is not None:
            return Problem("zone_unexpected", f"{shown(text)} has a time zone, which this type would lose.")
        if (match["fraction"] or "")[iso.MAX_FRACTION_DIGITS :].strip("0"):
            return Problem("too_precise", f"{shown(text)} is finer than a microsecond.")
        return _no_such_day(match["year"], text, "bad_timestamp")

    @property
    def _example(self) -> str:
        return "2024-03-31T13:45:10Z" if self._with_zone else "2024-03-31T13:45:10"


def _no_such_day(year: str, text: str, code: str) -> Problem:
    if year == "0000":
        return Problem("out_of_range", f"{shown(text)} is in the year 0; years 1 to 9999 can be loaded.")
    return Problem(code, f"{shown(text)} is not in the calendar, not on the clock, or not in the years 1 to 9999.")
