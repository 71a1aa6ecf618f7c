"""Reads what an earlier load rejected, as blocks, so that it can be loaded again by another plan."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import polars as pl
import psycopg
from psycopg.rows import DictRow

from stepmill.engine.child_connection import connect_as
from stepmill.engine.context import AttemptConnection
from stepmill.etl.readers.block import BlockStart, RawBlock, Reject

_PAGE_ROWS = 20_000
_BEGIN = "SELECT set_config('stepmill.tenant', %s, true), set_config('role', 'stepmill_loader', true)"
_PAGE = "SELECT * FROM load_rejects WHERE load_id = %s AND ordinal >= %s ORDER BY ordinal LIMIT %s"


def read_rejected(
    own: AttemptConnection, load_id: str, columns: Sequence[str], start: BlockStart | None = None
) -> Iterator[RawBlock]:
    """The rejects of a load as rows with these source columns; what could not be split into fields is rejected again.

    In a :class:`BlockStart` the record is the reject's ordinal; there are no offsets and lines to go by.
    """
    conn = connect_as(own)
    place = start.record if start else 0
    with conn:
        while rows := _page(conn, own.tenant_id, load_id, place):
            following = rows[-1]["ordinal"] + 1
            yield _block(rows, columns, BlockStart(0, 1, place), BlockStart(0, 1, following))
            place = following


def rejected_block(rejects: Sequence[dict[str, Any]], columns: Sequence[str]) -> RawBlock:
    """Rejects as one block: each with ``line``, ``column``, ``code``, ``reason``, ``raw`` and ``record``."""
    rows = [{**reject, "column_name": reject["column"]} for reject in rejects]
    return _block(rows, columns, BlockStart(0, 1, 0), BlockStart(0, 1, len(rows)))


def _page(conn: psycopg.Connection[DictRow], tenant_id: str, load_id: str, place: int) -> list[DictRow]:
    with conn.transaction():
        conn.execute(_BEGIN, (tenant_id,))
        return conn.execute(_PAGE, (load_id, place, _PAGE_ROWS)).fetchall()


def _block(rows: Sequence[DictRow], columns: Sequence[str], start: BlockStart, following: BlockStart) -> RawBlock:
    records = [orjson.loads(row["record"]) for row in rows]
    whole = [(row["line"], record) for row, record in zip(rows, records, strict=True) if isinstance(record, dict)]
    broken = [row for row, record in zip(rows, records, strict=True) if not isinstance(record, dict)]
    names = dict.fromkeys((*columns, *(name for _, record in whole for name in record)))
    return RawBlock(
        frame=pl.DataFrame(
            {name: [record.get(name) for _, record in whole] for name in names}, schema=dict.fromkeys(names, pl.String)
        ),
        lines=pl.Series([line for line, _ in whole], dtype=pl.UInt64),
        rejects=[_reject(row) for row in broken],
        bytes_read=0,
        start=start,
        next=following,
    )


def _reject(row: DictRow) -> Reject:
    return Reject(
        line=row["line"],
        column=row["column_name"],
        code=row["code"],
        reason=row["reason"],
        raw=row["raw"],
        record=row["record"],
    )
