"""The candidate boolean: two words that are each other's opposite."""

from typing import Any

import polars as pl

from stepmill.etl.candidates.candidate import where

PAIRS: tuple[tuple[str, str], ...] = (
    ("true", "false"),
    ("t", "f"),
    ("yes", "no"),
    ("y", "n"),
    ("on", "off"),
    ("ja", "nein"),
    ("wahr", "falsch"),
    ("oui", "non"),
    ("vrai", "faux"),
    ("sí", "no"),
    ("verdadero", "falso"),
    ("sim", "não"),
    ("vero", "falso"),
    ("да", "нет"),
)
"""Words for true and false, in small letters."""

_ALL = sorted({word for pair in PAIRS for word in pair})


class BooleanCandidate:
    """Words for true and false in some languages."""

    kind = "boolean"

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def look(self, texts: pl.Series) -> pl.Series:
        """Compare without regard to case."""
        known = texts.is_in(list(self._seen)) if self._seen else None
        if known is not None and known.all():
            return texts.head(0)
        distinct = texts.unique().drop_nulls()
        words = distinct.filter(distinct.str.to_lowercase().is_in(_ALL))
        self._seen.update(words.to_list())
        return where(texts, ~texts.is_in(words.to_list()))

    def result(self) -> dict[str, Any]:
        """The words as they are written."""
        return {"words": sorted(self._seen)}
