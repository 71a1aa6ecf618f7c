"""Candidates that are told by their looks alone: times of day, UUIDs and JSON."""

from typing import Any

import polars as pl

from stepmill.etl.candidates.candidate import unread, where
from stepmill.etl.values.json import JsonParser
from stepmill.etl.values.parser import ValueParser
from stepmill.etl.values.temporal import TimeParser
from stepmill.etl.values.uuid import CANONICAL


class TimeCandidate:
    """Times of day with two digits for the hour; others may well be durations."""

    kind = "time"

    def __init__(self) -> None:
        self._parser: ValueParser = TimeParser()

    def look(self, texts: pl.Series) -> pl.Series:
        """Read them by the parser that will load them."""
        return _misfits(texts, r"^[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?$", self._parser)

    def result(self) -> dict[str, Any]:
        """There is only one spelling."""
        return {}


class UuidCandidate:
    """UUIDs with hyphens; without them, 32 digits may be any fingerprint."""

    kind = "uuid"

    def look(self, texts: pl.Series) -> pl.Series:
        """Compare with the canonical form."""
        return where(texts, ~texts.str.contains(CANONICAL))

    def result(self) -> dict[str, Any]:
        """There is only one spelling."""
        return {}


class JsonCandidate:
    """JSON objects and arrays; other JSON values are numbers, booleans and texts like any."""

    kind = "json"

    def __init__(self) -> None:
        self._parser = JsonParser()

    def look(self, texts: pl.Series) -> pl.Series:
        """Read them by the parser that will load them."""
        return _misfits(texts, r"^\s*[\[{]", self._parser)

    def result(self) -> dict[str, Any]:
        """There is only one spelling."""
        return {}


def _misfits(texts: pl.Series, shape: str, parser: ValueParser) -> pl.Series:
    """Those of another shape, and those of it that the parser can't read."""
    shaped = texts.str.contains(shape)
    misfits = where(texts, ~shaped)
    candidates = where(texts, shaped)
    return misfits.append(unread(candidates, parser.full(candidates))) if len(candidates) else misfits
