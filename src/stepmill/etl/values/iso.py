"""The fields of ISO 8601 dates and times, checked and put together by arithmetic: the slow, complete way."""

import re

import polars as pl

_HOUR = r"(?P<hour>[0-9]{2})"
_MINUTE = r":(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
_ZONE = r"(?: ?(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?"
TIME_PATTERN = rf"^{_HOUR}{_MINUTE}$"
_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
DATE_TIME_PATTERN = rf"^{_DATE}(?:[Tt ]{_HOUR}(?:{_MINUTE})?{_ZONE})?$"
DATE_TIME = re.compile(DATE_TIME_PATTERN)
MAX_FRACTION_DIGITS = 6

_MICROS = 1_000_000
_LONGEST_OFFSET_SECONDS = 23 * 3600 + 59 * 60


def fields(text: pl.Series, pattern: str) -> pl.DataFrame:
    """The groups of a match as columns; null where there is no match or a group took no part."""
    stripped = text.str.strip_chars().alias("text")
    return stripped.to_frame().select(pl.col("text").str.extract_groups(pattern)).unnest("text")


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int64, strict=False)


def micros_of_day() -> pl.Expr:
    """Of the fields: microseconds since midnight, 0 without a time; null if there is no such time or it is finer."""
    hour, minute, second = (_number(name).fill_null(0) for name in ("hour", "minute", "second"))
    fraction = pl.col("fraction").fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    exists = (hour <= 23) & (minute <= 59) & (second <= 59) & (fraction % 1000 == 0)
    return pl.when(exists).then(((hour * 60 + minute) * 60 + second) * _MICROS + fraction // 1000)


def date() -> pl.Expr:
    """Of the fields: the date, null for a day that does not exist and for the year 0, which others can't read."""
    year, month, day = (_number(name) for name in ("year", "month", "day"))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    february = pl.when(leap).then(29).otherwise(28)
    days = pl.when(month == 2).then(february).when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31)
    exists = (year >= 1) & month.is_between(1, 12) & day.is_between(1, days)
    valid = [pl.when(exists).then(part) for part in (year, month, day)]
    return pl.date(valid[0], valid[1], valid[2])


def offset_seconds() -> pl.Expr:
    """Of the fields: seconds east of UTC; null without a zone or for one that can't be."""
    zone = pl.col("zone")
    digits = zone.str.replace_all(r"[^0-9]", "").str.pad_end(4, "0")
    minutes = digits.str.slice(2, 2).cast(pl.Int64, strict=False)
    seconds = digits.str.slice(0, 2).cast(pl.Int64, strict=False) * 3600 + minutes * 60
    signed = pl.when(zone.str.starts_with("-")).then(-seconds).otherwise(seconds)
    possible = (minutes <= 59) & (seconds <= _LONGEST_OFFSET_SECONDS)
    return pl.when(zone.str.contains("[A-Za-z]")).then(0).when(possible).then(signed)
