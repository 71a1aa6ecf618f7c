"""Parquet and Arrow files: records with typed columns, read as texts, in blocks, from any record on.

Their records are counted, not measured in bytes: a place is the number of the records before it, a line the number of
the record.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, Any, Literal

import polars as pl
import pyarrow as pa

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.readers.block import BlockStart, RawBlock
from stepmill.etl.readers.columnar_text import as_texts
from stepmill.gateways.blobs import BlobLocation

Columnar = Literal["parquet", "arrow"]

_PARQUET = b"PAR1"
_ARROW_FILE = b"ARROW1\x00\x00"
_ARROW_STREAM = b"\xff\xff\xff\xff"
_BUFFER_BYTES = 1024 * 1024  # read at once of a column; without it, a column of a whole row group
_MOST_ROWS = 65_536  # in a block


@dataclass(frozen=True)
class ColumnarFile:
    """What a file says of itself. ``record_bytes`` is about how much memory a record takes."""

    schema: pa.Schema
    records: int | None
    stored_bytes: int
    record_bytes: int


def columnar_format(head: bytes) -> Columnar | None:
    """By the first bytes of a file. Text may begin with the same words, but has no zeros behind them."""
    if head.startswith(_PARQUET) and b"\x00" in head:
        return "parquet"
    is_stream = head.startswith(_ARROW_STREAM) and head[6:8] == b"\x00\x00"  # the length of a schema
    return "arrow" if is_stream or head.startswith(_ARROW_FILE) else None


def look_into(location: BlobLocation, kind: Columnar) -> ColumnarFile:
    """The columns of a file. Raises DataError ``damaged_file``."""
    with _opened(location, kind) as (file, opened):
        stored = file.seek(0, SEEK_END)
        if kind == "parquet":
            metadata = opened.metadata
            groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
            size = sum(group.total_byte_size for group in groups)
            rows = metadata.num_rows
            return ColumnarFile(opened.schema_arrow, rows, stored, size // max(1, rows))
        return ColumnarFile(opened.schema, None, stored, 0)


def read_columnar(
    location: BlobLocation, source: SourceFormat, start: BlockStart | None, stop: BlockStart | None, block_bytes: int
) -> Generator[RawBlock, None, None]:
    """The records from ``start`` up to ``stop``. Raises DataError ``damaged_file``."""
    kind: Columnar = "parquet" if source.format == "parquet" else "arrow"
    about = look_into(location, kind)
    rows = max(1, min(_MOST_ROWS, block_bytes // max(1, about.record_bytes)))
    first, last = start.record if start else 0, stop.record if stop else None
    with _opened(location, kind) as (file, opened):
        batches = _of_parquet(opened, first, rows) if kind == "parquet" else _of_arrow(opened, first, rows)
        for place, whole in batches:
            batch = whole if last is None else whole.slice(0, max(0, last - place))
            if not batch.num_rows:
                return
            done = place + batch.num_rows
            share = done / about.records if about.records else file.tell() / max(1, about.stored_bytes)
            yield RawBlock(
                frame=_texts(batch, source.columns),
                lines=pl.int_range(place + 1, done + 1, dtype=pl.UInt64, eager=True),
                rejects=[],
                bytes_read=int(min(1.0, share) * about.stored_bytes),
                start=_place(place),
                next=_place(done),
            )


def _place(record: int) -> BlockStart:
    return BlockStart(record, record + 1, record)


def _texts(batch: pa.RecordBatch, names: tuple[str, ...]) -> pl.DataFrame:
    columns = zip(names, batch.columns, strict=True)
    return pl.DataFrame([as_texts(column).alias(name) for name, column in columns])


def _of_parquet(file: Any, first: int, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The records from ``first`` on, each batch with the number of those before it."""
    begin = 0
    for group in range(file.metadata.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        if end > first:
            place = begin
            for batch in file.iter_batches(rows, row_groups=[group], use_threads=False):
                yield from _from(place, batch, first)
                place += batch.num_rows
        begin = end


def _of_arrow(file: Any, first: int, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    batches = (
        (file.get_batch(index) for index in range(file.num_record_batches))
        if isinstance(file, pa.ipc.RecordBatchFileReader)
        else iter(file)
    )
    place = 0
    for whole in batches:
        for offset in range(0, whole.num_rows, rows):
            batch = whole.slice(offset, rows)
            yield from _from(place, batch, first)
            place += batch.num_rows


def _from(place: int, batch: pa.RecordBatch, first: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    left_out = max(0, first - place)
    if left_out < batch.num_rows:
        yield place + left_out, batch.slice(left_out)


@contextmanager
def _opened(location: BlobLocation, kind: Columnar) -> Iterator[tuple[IO[bytes], Any]]:
    from pyarrow import parquet  # takes a while, and other files don't need it

    try:
        with location.open() as file:
            if kind == "parquet":
                options = {"buffer_size": _BUFFER_BYTES, "page_checksum_verification": True}
                yield file, parquet.ParquetFile(file, **options)
            else:
                begin = file.read(len(_ARROW_FILE))
                file.seek(0)
                yield file, pa.ipc.open_file(file) if begin == _ARROW_FILE else pa.ipc.open_stream(file)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        name = "Parquet" if kind == "parquet" else "Arrow"
        raise DataError("damaged_file", f"The {name} file can't be read: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    return f"{str(error).splitlines()[0].rstrip('.')[:500]}."
