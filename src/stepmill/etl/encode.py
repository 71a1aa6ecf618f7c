"""From typed blocks to the bytes that ``COPY … FROM STDIN (FORMAT BINARY)`` takes.

The server parses nothing of them: it checks lengths and stores. Runs in compute children only, as it needs Arrow.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder, encoders, schema

from stepmill.etl.few_rows import select_few
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.types import TargetType

_ROWS_AT_ONCE = 1_024
"""Rows that are encoded into one piece of bytes. While it does so the encoder lets no other thread run (it holds the
interpreter's lock), and the thread that sends must not be kept waiting for longer than the server is busy anyway."""


class CopyEncoder:
    """Encodes frames of one plan's columns, with constant or given hidden columns (bigint) after them.

    One encoder makes one stream: ``header``, any number of ``encode``, ``trailer``.
    """

    def __init__(self, plan: TransformPlan, hidden: Sequence[str] = ()) -> None:
        self._types = {column.name: column.target for column in plan.columns}
        self._hidden = tuple(hidden)
        fields = [*(_field(name, target) for name, target in self._types.items()), *map(_bigint, hidden)]
        self._schema = pa.schema(fields)
        self._encoder = ArrowToPostgresBinaryEncoder.new_with_encoders(self._schema, self._encoders())

    def header(self) -> bytes:
        """The beginning of the stream."""
        return bytes(self._encoder.write_header())

    def encode(self, frame: pl.DataFrame, hidden: Mapping[str, int | pl.Series] | None = None) -> Iterator[bytes]:
        """The rows of a frame, in pieces. ``hidden`` has a value, or a column of them, for each hidden column."""
        given = hidden or {}
        extra = [_hidden_column(name, given[name]) for name in self._hidden]
        table = select_few(frame, [*self._types, *extra]).to_arrow(compat_level=pl.CompatLevel.newest())
        for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield self._encoder.write_batch(_as_declared(batch, self._schema))

    def trailer(self) -> bytes:
        """The end of the stream."""
        return bytes(self._encoder.finish())

    def _encoders(self) -> dict[str, Any]:
        found = {field.name: ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in self._schema}
        for name, target in self._types.items():
            if target.wire == "jsonb":
                field = self._schema.field(name)
                found[name] = encoders.StringViewEncoderBuilder.new_with_output(field, schema.Jsonb())
        return found


_ARROW_TYPES: dict[str, Any] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "text": pa.string_view(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "uuid": pa.large_binary(),
    "json": pa.string_view(),
}


def _field(name: str, target: TargetType) -> pa.Field:
    arrow_type = _ARROW_TYPES.get(target.logical) or pa.decimal128(target.precision, target.scale)
    return pa.field(name, arrow_type)


def _bigint(name: str) -> pa.Field:
    return pa.field(name, pa.int64())


def _hidden_column(name: str, value: int | pl.Series) -> pl.Series | pl.Expr:
    if isinstance(value, pl.Series):
        return value.cast(pl.Int64).alias(name)
    return pl.lit(value, dtype=pl.Int64).alias(name)


def _as_declared(batch: pa.RecordBatch, declared: pa.Schema) -> pa.RecordBatch:
    """Times of day come in nanoseconds and UUIDs as views, which the encoder does not know; all else is as declared."""
    if batch.schema.equals(declared):
        return batch
    columns = [column.cast(field.type) for column, field in zip(batch.columns, declared, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=declared)
