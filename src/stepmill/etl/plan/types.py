"""The logical types, and for each what it is in PostgreSQL, in a typed frame and on the wire: one table for all."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import polars as pl

MAX_PRECISION = 38
"""Digits that a numeric column of a typed frame, and the binary encoder, can hold."""


class LogicalType(StrEnum):
    """What a column's values are."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMERIC = "numeric"
    DOUBLE = "double"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    JSON = "json"

    @property
    def is_temporal(self) -> bool:
        """Whether the values can be points on the time axis of a table."""
        return self in {LogicalType.DATE, LogicalType.TIMESTAMP, LogicalType.TIMESTAMPTZ}

    @property
    def is_number(self) -> bool:
        """Whether one can reckon with the values."""
        return self in {LogicalType.INTEGER, LogicalType.NUMERIC, LogicalType.DOUBLE}


@dataclass(frozen=True)
class _Facts:
    sql: str
    dtype: pl.DataType
    wire: Literal["plain", "jsonb", "time"] = "plain"


_FACTS: dict[LogicalType, _Facts] = {
    LogicalType.BOOLEAN: _Facts("boolean", pl.Boolean()),
    LogicalType.INTEGER: _Facts("bigint", pl.Int64()),
    LogicalType.NUMERIC: _Facts("numeric", pl.Decimal(MAX_PRECISION, 0)),
    LogicalType.DOUBLE: _Facts("double precision", pl.Float64()),
    LogicalType.TEXT: _Facts("text", pl.String()),
    LogicalType.DATE: _Facts("date", pl.Date()),
    LogicalType.TIME: _Facts("time without time zone", pl.Time(), "time"),
    LogicalType.TIMESTAMP: _Facts("timestamp without time zone", pl.Datetime("us")),
    LogicalType.TIMESTAMPTZ: _Facts("timestamp with time zone", pl.Datetime("us", "UTC")),
    LogicalType.UUID: _Facts("uuid", pl.Binary()),
    LogicalType.JSON: _Facts("jsonb", pl.String(), "jsonb"),
}


@dataclass(frozen=True)
class TargetType:
    """A logical type with its precision and scale, which only a numeric has."""

    logical: LogicalType
    precision: int = MAX_PRECISION
    scale: int = 0

    @property
    def sql(self) -> str:
        """The type in DDL, spelled as ``format_type`` spells it."""
        sql = _FACTS[self.logical].sql
        return f"{sql}({self.precision},{self.scale})" if self.logical is LogicalType.NUMERIC else sql

    @property
    def dtype(self) -> pl.DataType:
        """The type of the column in a typed frame."""
        if self.logical is LogicalType.NUMERIC:
            return pl.Decimal(self.precision, self.scale)
        return _FACTS[self.logical].dtype

    @property
    def wire(self) -> Literal["plain", "jsonb", "time"]:
        """How the binary encoder must be told to write it; ``plain`` where it knows by itself."""
        return _FACTS[self.logical].wire
