"""What a parser of values is, and how it speaks of a value that does not fit."""

from dataclasses import dataclass
from typing import Protocol

import polars as pl

_SHOWN = 80


@dataclass(frozen=True)
class Problem:
    """Why a value was refused: a stable code and a sentence for a person."""

    code: str
    reason: str


class ValueParser(Protocol):
    """Turns text into values of one type. A text that does not fit becomes null; no value is ever changed.

    ``fast`` handles the plain spellings of a clean block. What it leaves null although there is text, and what is
    ``doubtful``, goes through ``full``, which knows every accepted spelling, and what that leaves null through
    ``explain``.
    """

    @property
    def dtype(self) -> pl.DataType:
        """The type of the values."""
        ...

    def fast(self, text: pl.Expr) -> pl.Expr:
        """Values of the usual spellings."""
        ...

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Where the value that ``fast`` gave may differ from what the text says; None if it never does."""
        ...

    def full(self, text: pl.Series) -> pl.Series:
        """Values of all accepted spellings."""
        ...

    def explain(self, text: str) -> Problem:
        """Why ``full`` refused this text."""
        ...


def shown(text: str) -> str:
    """The text in quotes, shortened, for a sentence."""
    return f"“{text[:_SHOWN]}…”" if len(text) > _SHOWN else f"“{text}”"
