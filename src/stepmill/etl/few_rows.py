"""Expressions on frames of any height: one after another where there are few rows.

To have several threads begin takes longer than the work on a few rows does.
"""

from collections.abc import Iterable

import polars as pl

_FEW = 5_000


def select_few(frame: pl.DataFrame, expressions: Iterable[pl.Expr | pl.Series | str]) -> pl.DataFrame:
    """As ``select`` does."""
    return frame.select_seq(expressions) if frame.height <= _FEW else frame.select(expressions)


def with_few(frame: pl.DataFrame, expressions: Iterable[pl.Expr]) -> pl.DataFrame:
    """As ``with_columns`` does."""
    return frame.with_columns_seq(expressions) if frame.height <= _FEW else frame.with_columns(expressions)
