"""Booleans, in the words that PostgreSQL knows."""

import polars as pl

from stepmill.etl.values.parser import Problem, shown

TRUE_WORDS = ("true", "t", "yes", "y", "on", "1")
FALSE_WORDS = ("false", "f", "no", "n", "off", "0")


def spellings(words: tuple[str, ...]) -> list[str]:
    """The words in lower case, with a capital, and in capitals."""
    return sorted({spelling for word in words for spelling in (word, word.title(), word.upper())})


def true_or_false(text: pl.Expr, true: list[str], false: list[str]) -> pl.Expr:
    """True for the one list's texts, false for the other's, else null."""
    return pl.when(text.is_in(true)).then(True).when(text.is_in(false)).then(False)


class BooleanParser:
    """True, t, yes, y, on, 1 and their opposites, in any case."""

    dtype: pl.DataType = pl.Boolean()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """The words in their usual cases."""
        return true_or_false(text, spellings(TRUE_WORDS), spellings(FALSE_WORDS))

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Never: each word has one meaning."""
        return None

    def full(self, text: pl.Series) -> pl.Series:
        """The words in any case, spaces around them ignored."""
        words = pl.col(text.name).str.strip_chars().str.to_lowercase()
        return text.to_frame().select(true_or_false(words, list(TRUE_WORDS), list(FALSE_WORDS))).to_series()

    def explain(self, text: str) -> Problem:
        """Name the words that would do."""
        return Problem("bad_boolean", f"{shown(text)} is not true, t, yes, y, on, 1 or the opposite of one of these.")
