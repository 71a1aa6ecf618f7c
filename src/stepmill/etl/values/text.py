"""Text: any characters but NUL, which PostgreSQL can't store."""

import polars as pl

from stepmill.etl.values.parser import Problem

NUL = "\x00"


def has_nul(text: pl.Expr) -> pl.Expr:
    """Whether any value of the column holds a NUL: one search over the joined column, not one per value."""
    return text.str.join("").str.contains(NUL, literal=True)


class TextParser:
    """Keeps text as it is."""

    dtype: pl.DataType = pl.String()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """The text."""
        return text

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """All of the column, if there is a NUL somewhere in it."""
        return has_nul(text)

    def full(self, text: pl.Series) -> pl.Series:
        """The texts without a NUL."""
        return text.set(text.str.contains(NUL, literal=True), None)

    def explain(self, text: str) -> Problem:
        """Where the NUL is."""
        return Problem("nul_character", f"Character {text.find(NUL) + 1} is NUL, which PostgreSQL can't store in text.")
