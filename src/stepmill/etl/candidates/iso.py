"""The candidate ISO 8601: dates, timestamps, and timestamps with a zone."""

from typing import Any, Literal

import polars as pl

from stepmill.etl.candidates.candidate import unread, where
from stepmill.etl.values.parser import ValueParser
from stepmill.etl.values.temporal import DateParser, TimestampParser

_SHAPE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[Tt ])"
_NANOSECONDS = r"(?i)^([0-9-]{10}[t ][0-9:]{8}\.[0-9]{6})[0-9]{1,3}(.*)$"
_OUT_OF_DATE_FORMAT = r"^([0-9-]{10}[T ][0-9:]{8}\.[0-9]{6})[0-9]*[1-9]"

Mode = Literal["date", "timestamp", "timestamptz"]


class IsoCandidate:
    """Dates until the first time of day; then timestamps, all with a zone or all without."""

    kind = "iso"

    def __init__(self) -> None:
        self._mode: Mode = "date"
        self._parsers: dict[Mode, ValueParser] = {
            "date": DateParser(),
            "timestamp": TimestampParser(with_zone=False),
            "timestamptz": TimestampParser(with_zone=True),
        }
        self._nanoseconds = 0
        self._seen = 0
        self._unusual = 0

    def look(self, texts: pl.Series) -> pl.Series:
        """Read all as what the column was so far; then what does not fit as more than that."""
        if self._nanoseconds:
            texts = self._cut(texts)
        rest = self._read(texts)
        if not len(rest):
            return rest
        shaped = rest.str.contains(_SHAPE)
        misfits, rest = where(rest, ~shaped), where(rest, shaped)
        if len(rest) and not self._nanoseconds:
            fine = rest.str.contains(_OUT_OF_DATE_FORMAT)
            if fine.any():
                rest = self._cut(rest)
        if len(rest):
            rest = self._grow(rest)
        return misfits.append(rest)

    def result(self) -> dict[str, Any]:
        """Which of the three, and whether digits beyond the microsecond must be cut."""
        return {"type": self._mode, "nanoseconds": self._nanoseconds}

    def _cut(self, texts: pl.Series) -> pl.Series:
        fine = texts.str.contains(_OUT_OF_DATE_FORMAT)
        self._nanoseconds += int(fine.sum())
        return texts.str.replace(_NANOSECONDS, "$1$2")

    def _read(self, texts: pl.Series) -> pl.Series:
        parser = self._parsers[self._mode]
        frame = texts.alias("text").to_frame().with_columns(parser.fast(pl.col("text")).alias("value"))
        doubtful = parser.doubtful(pl.col("text"), pl.col("value"))
        values = frame["value"]
        if doubtful is not None and frame.select(doubtful.any()).item():
            values = parser.full(texts)
        rest = unread(texts, values)
        rest = unread(rest, parser.full(rest)) if len(rest) and len(rest) < len(texts) // 2 + 1_000 else rest
        self._seen += len(texts) - texts.null_count() - len(rest)
        return rest

    def _grow(self, texts: pl.Series) -> pl.Series:
        """Take the column for timestamps if that explains what no date does, unless it is known to be something else."""
        if self._mode == "date":
            choices: list[Mode] = ["timestamp"] if self._seen else ["timestamp", "timestamptz"]
            for mode in choices:
                left = unread(texts, self._parsers[mode].full(texts))
                if len(left) < len(texts):
                    self._mode = mode
                    return left
            return texts
        return unread(texts, self._parsers[self._mode].full(texts))
