"""Counts the values of a column that gets no type of its own, since the table has no room for it."""

import polars as pl

from stepmill.etl.profile.model import ColumnProfile


class ColumnCount:
    """What is to be known of such a column: a look at it costs a fiftieth of one that tries all types."""

    def __init__(self, name: str, rows_before: int) -> None:
        self._name = name
        self._empty = rows_before
        self._filled = 0

    def skip(self, rows: int) -> None:
        """So many rows have no such field."""
        self._empty += rows

    def look(self, texts: pl.Series) -> None:
        """Look at the column's texts of one block."""
        filled = int((texts.str.len_bytes() > 0).sum())
        self._filled += filled
        self._empty += len(texts) - filled

    def profile(self) -> ColumnProfile:
        """What was counted."""
        return ColumnProfile(self._name, self._empty, self._filled, max_length=0, candidates=())
