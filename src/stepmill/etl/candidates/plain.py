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
        shaped = texts.str.contains(r"^[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?$")
        misfits = where(texts, ~shaped)
        candidates = where(texts, shaped)
        return misfits.append(unread(candidates, self._parser.full(candidates))) if len(candidates) else misfits

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
        shaped = texts.str.contains(r"^\s*[\[{]")
        misfits = where(texts, ~shaped)
        candidates = where(texts, shaped)
        return misfits.append(unread(candidates, self._parser.full(candidates))) if len(candidates) else misfits

    def result(self) -> dict[str, Any]:
        """There is only one spelling."""
        return {}
