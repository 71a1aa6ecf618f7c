"""JSON documents that PostgreSQL's jsonb takes: valid, not too deep, without NUL and without numbers beyond it."""

import re

import polars as pl

from stepmill.etl.values.parser import Problem, shown

_NUL_ESCAPE = r"(?:^|[^\\])(?:\\\\)*\\u0000"
_TINY_NUMBER = r"[0-9][eE]-[0-9]{4,}"
_LONG_NUMBER = re.compile(r"[0-9.]{16000}")
_LONGEST_UNCHECKED = 16_000
"""Bytes; a shorter document has no number with more digits than jsonb can hold."""


def is_json(text: pl.Expr) -> pl.Expr:
    """Whether each text is one valid JSON document of at most 127 levels."""
    return (text == "null") | text.str.json_path_match("$").is_not_null()


class JsonParser:
    """Keeps the document's text; PostgreSQL makes jsonb of it."""

    dtype: pl.DataType = pl.String()

    def fast(self, text: pl.Expr) -> pl.Expr:
        """Documents of usual length."""
        refused = text.str.contains(_NUL_ESCAPE) | text.str.contains(_TINY_NUMBER)
        return pl.when(is_json(text) & ~refused & (text.str.len_bytes() <= _LONGEST_UNCHECKED)).then(text)

    def doubtful(self, text: pl.Expr, value: pl.Expr) -> pl.Expr | None:
        """Never: the text is kept."""
        return None

    def full(self, text: pl.Series) -> pl.Series:
        """Documents of any length; each long one is searched for a number that jsonb can't hold."""
        stripped = pl.col(text.name).str.strip_chars()
        refused = stripped.str.contains(_NUL_ESCAPE) | stripped.str.contains(_TINY_NUMBER)
        valid = text.to_frame().select(pl.when(is_json(stripped) & ~refused).then(text)).to_series()
        long = [value is not None and bool(_LONG_NUMBER.search(value)) for value in valid]
        return valid.set(pl.Series(long, dtype=pl.Boolean), None)

    def explain(self, text: str) -> Problem:
        """Tell the characters that PostgreSQL refuses from what is no JSON."""
        if re.search(_NUL_ESCAPE, text):
            return Problem("nul_character", f"{shown(text)} holds an escaped NUL, which PostgreSQL can't store.")
        if re.search(_TINY_NUMBER, text) or _LONG_NUMBER.search(text):
            return Problem("out_of_range", f"{shown(text)} holds a number that PostgreSQL's jsonb can't store.")
        return Problem("bad_json", f"{shown(text)} is not a JSON document of at most 127 levels.")
