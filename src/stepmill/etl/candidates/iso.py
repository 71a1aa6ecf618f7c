"""The candidate ISO 8601: dates, timestamps, and timestamps with a zone."""

from typing import Any, Literal

import polars as pl

from stepmill.etl.candidates.candidate import unread, where
from stepmill.etl.values.parser import ValueParser
from stepmill.etl.values.temporal import DateParser, TimestampParser

_SHAPE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[Tt ])"
_DATE_LENGTH = 10

Mode = Literal["date", "timestamp", "timestamptz"]


class IsoCandidate:
    """Dates until the first time of day; then timestamps, all with a zone or all without.

    Midnights are timestamps: who writes a time of day will sooner or later write another.
    """

    kind = "iso"

    def __init__(self) -> None:
        self._mode: Mode = "date"
        self._has_dates = False
        self._parsers: dict[Mode, ValueParser] = {
            "date": DateParser(),
            "timestamp": TimestampParser(with_zone=False),
            "timestamptz": TimestampParser(with_zone=True),
        }

    def look(self, texts: pl.Series) -> pl.Series:
        """Read all as what the column was so far; then what does not fit as more than that."""
        rest = self._read_fast(texts)
        if not len(rest):
            return rest
        shaped = rest.str.contains(_SHAPE)
        misfits, rest = where(rest, ~shaped), where(rest, shaped)
        return misfits.append(self._read_fully(rest)) if len(rest) else misfits

    def result(self) -> dict[str, Any]:
        """Which of the three."""
        return {"type": self._mode}

    def _read_fast(self, texts: pl.Series) -> pl.Series:
        """What the fast parser leaves, or can't be sure of."""
        parser = self._parsers[self._mode]
        frame = texts.alias("text").to_frame().with_columns(parser.fast(pl.col("text")).alias("value"))
        doubtful = parser.doubtful(pl.col("text"), pl.col("value"))
        if doubtful is not None and frame.select(doubtful.any()).item():
            frame = frame.with_columns(pl.when(~doubtful).then(pl.col("value")).alias("value"))
        rest = unread(frame["text"], frame["value"])
        self._has_dates |= self._mode == "date" and len(rest) < len(texts)
        return rest

    def _read_fully(self, texts: pl.Series) -> pl.Series:
        if self._mode != "date":
            return unread(texts, self._parsers[self._mode].full(texts))
        is_date = texts.str.len_bytes() == _DATE_LENGTH
        dates, others = where(texts, is_date), where(texts, ~is_date)
        misfits = unread(dates, self._parsers["date"].full(dates)) if len(dates) else dates
        return misfits.append(self._grow(others)) if len(others) else misfits

    def _grow(self, texts: pl.Series) -> pl.Series:
        """Take the column for timestamps if that explains what no date does. A date has no zone."""
        modes: tuple[Mode, ...] = ("timestamp",) if self._has_dates else ("timestamp", "timestamptz")
        for mode in modes:
            left = unread(texts, self._parsers[mode].full(texts))
            if len(left) < len(texts):
                self._mode = mode
                return left
        return texts
