"""HASH: a fingerprint of one or several values."""

import hashlib
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from stepmill.etl.plan.base import PlanModel, SourceName
from stepmill.etl.plan.scope import Mapped, Scope, joined


class Hash(PlanModel):
    """The SHA-256 of some columns' texts, in hexadecimal. It is not keyed: who can guess a value can check it."""

    kind: Literal["HASH"]
    columns: Annotated[tuple[SourceName, ...], Field(min_length=1, max_length=50)]
    """The source columns; the same texts in the same order give the same fingerprint. A missing one gives null."""
    length: Annotated[int, Field(ge=16, le=64)] = 64
    """How many of the 64 hexadecimal digits are kept."""

    def source_columns(self) -> tuple[str, ...]:
        """The source columns it takes."""
        return self.columns


def compile(mapping: Hash, scope: Scope) -> Mapped:  # noqa: A001
    """Hash each distinct text once."""
    key = joined([scope.text(column) for column in mapping.columns])
    return Mapped(key.map_batches(lambda texts: _fingerprints(texts, mapping.length), return_dtype=pl.String))


def _fingerprints(texts: pl.Series, length: int) -> pl.Series:
    distinct = texts.unique().drop_nulls()
    if distinct.is_empty():
        return texts
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:length] for text in distinct]
    return texts.replace_strict(distinct, pl.Series(hashes, dtype=pl.String), default=None, return_dtype=pl.String)
