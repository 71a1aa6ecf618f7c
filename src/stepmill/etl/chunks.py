"""Write a target in chunks: each a fenced transaction with its rows, its rejects and its row in ``load_chunks``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from stepmill.engine.child_connection import connect_as
from stepmill.engine.context import AttemptConnection
from stepmill.engine.fence import assert_current, told_as_lost
from stepmill.errors import StepmillError
from stepmill.etl.chunk_rows import CHUNK, REJECTS, Counts, chunk_values, reject_values
from stepmill.etl.readers.block import Reject
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.gateways.sql.row_size import row_too_large

_BEGIN = "SELECT set_config('stepmill.tenant', %s, true), set_config('role', 'stepmill_loader', true)"
_LAST_CHUNK = "SELECT * FROM load_chunks WHERE load_id = %s ORDER BY chunk DESC LIMIT 1"
_TOTALS = """
SELECT coalesce(sum(rows_read), 0)::bigint AS rows_read, coalesce(sum(rows_loaded), 0)::bigint AS rows_loaded,
    coalesce(sum(rows_rejected), 0)::bigint AS rows_rejected, coalesce(sum(rows_filtered), 0)::bigint AS rows_filtered
FROM load_chunks WHERE load_id = %s
"""
_FIRST_REJECTS = """
SELECT line, column_name AS column, code, reason, left(raw, 200) AS raw FROM load_rejects
WHERE load_id = %s ORDER BY ordinal LIMIT %s
"""
HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # no flags, no extension
TRAILER: Final = b"\xff\xff"

_REJECTS_AT_ONCE = 10_000
"""Rejects are held in memory until their COPY ends."""


@dataclass(frozen=True)
class TargetTable:
    """The unseen table that is filled, as plain data. ``create`` is the statement that makes it."""

    load_id: str
    load_number: int
    plan_version: int
    schema_name: str
    table_name: str
    create: str
    freeze: bool  # all rows come in one chunk


@dataclass(frozen=True)
class Batch:
    """A block of a source, ready to be sent: rows as COPY BINARY has them, without its header and trailer."""

    data: Sequence[bytes | memoryview]
    counts: Counts
    rejects: Sequence[Reject]
    bytes_read: int
    resume_at: dict[str, Any]  # where reading goes on after it


class TargetWriter:
    """One attempt's connection to the target that it fills."""

    def __init__(
        self, conn: Connection[DictRow], own: AttemptConnection, target: TargetTable, columns: Sequence[str]
    ) -> None:
        self._conn = conn
        self._columns = columns
        self._own = own
        self._target = target
        self._chunks = 0
        self.totals = Counts()  # of committed chunks
        self.bytes_read = 0

    @classmethod
    @contextmanager
    def opened(cls, own: AttemptConnection, target: TargetTable, columns: Sequence[str]) -> Iterator["TargetWriter"]:
        """A writer on a connection of its own. ``columns`` are those that rows are sent with, in order."""
        conn = connect_as(own)
        with conn:
            yield cls(conn, own, target, columns)

    def resume(self) -> dict[str, Any] | None:
        """Where reading goes on after the chunks that are there: None for the beginning, ``{}`` if nothing is left."""
        with self._transaction(fenced=False):
            last = self._conn.execute(_LAST_CHUNK, (self._target.load_id,)).fetchone()
            totals = self._conn.execute(_TOTALS, (self._target.load_id,)).fetchone()
        if last is None or totals is None:
            return None
        self._chunks, self.bytes_read, self.totals = last["chunk"] + 1, last["bytes_read"], Counts(**totals)
        resume_at: dict[str, Any] | None = last["resume_at"]
        return resume_at or {}

    def first_rejects(self, limit: int) -> list[DictRow]:
        """Rejects of committed chunks, as errors show them."""
        with self._transaction(fenced=False):
            return self._conn.execute(_FIRST_REJECTS, (self._target.load_id, limit)).fetchall()

    @contextmanager
    def chunk(self) -> Iterator["Chunk"]:
        """A chunk, committed at the end of the block if the attempt is still current. The first one makes the table."""
        with self._transaction(fenced=True):
            if self._chunks == 0:
                self._conn.execute(self._target.create.encode())
            copy = _copy_statement(self._target, self._columns, freeze=self._target.freeze and self._chunks == 0)
            with Chunk(self._conn, copy, self._store_rejects) as chunk:
                chunk.bytes_read = self.bytes_read
                yield chunk
            self._record(chunk)
        self._chunks += 1
        self.totals += chunk.counts
        self.bytes_read = chunk.bytes_read

    def _store_rejects(self, rejects: Sequence[Reject], before: int) -> None:
        """Store rejects; ``before`` is how many of this chunk were stored already."""
        target = self._target
        first = self.totals.rows_rejected + before
        values = reject_values(target.load_id, self._own.tenant_id, target.plan_version, rejects, first)
        self._conn.execute(REJECTS, values)

    def _record(self, chunk: "Chunk") -> None:
        values = chunk_values(
            self._target.load_id,
            self._chunks,
            self._own.tenant_id,
            chunk.counts,
            bytes_read=chunk.bytes_read,
            resume_at=chunk.resume_at,
            attempt=self._own.attempt,
        )
        with told_as_lost(self._own.job_id, self._own.attempt):
            self._conn.execute(CHUNK, values)

    @contextmanager
    def _transaction(self, *, fenced: bool) -> Iterator[None]:
        with self._conn.transaction():
            self._conn.execute(_BEGIN, (self._own.tenant_id,))
            yield
            if fenced:
                self._conn.execute("SELECT set_config('role', 'stepmill_engine', true)")
                assert_current(self._conn, self._own)


class Chunk:
    """A chunk under way. It is one COPY, or several where rejects have to be stored in between."""

    def __init__(
        self, conn: Connection[DictRow], copy: sql.Composed, store_rejects: Callable[[Sequence[Reject], int], None]
    ) -> None:
        self._conn = conn
        self._statement = copy
        self._store_rejects = store_rejects
        self._copying: _Copying | None = None
        self._rejects: list[Reject] = []
        self.counts = Counts()
        self.bytes_read = 0
        self.resume_at: dict[str, Any] | None = None  # None at the end of the source

    def add(self, batch: Batch) -> None:
        """Send a batch."""
        if self._copying is None:
            self._copying = _Copying(self._conn, self._statement)
        self._copying.send(batch)
        self._rejects += batch.rejects
        self.counts += batch.counts
        self.bytes_read, self.resume_at = batch.bytes_read, batch.resume_at
        if len(self._rejects) >= _REJECTS_AT_ONCE:
            self._settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._settle()
        elif self._copying is not None:
            self._copying.abort(kind, error, trace)

    def _settle(self) -> None:
        """End the COPY and store the rejects: a connection does one thing at a time."""
        if self._copying is not None:
            self._copying.end()
            self._copying = None
        if self._rejects:
            self._store_rejects(self._rejects, self.counts.rows_rejected - len(self._rejects))
            self._rejects = []


class _Copying:
    """A COPY under way."""

    def __init__(self, conn: Connection[DictRow], statement: sql.Composed) -> None:
        self._cursor = conn.cursor()
        self._context = self._cursor.copy(statement)
        self._copy = self._context.__enter__()
        self._copy.write(HEADER)
        self._rows = 0

    def send(self, batch: Batch) -> None:
        for part in batch.data:
            self._copy.write(part)
        self._rows += batch.counts.rows_loaded

    def end(self) -> None:
        self._copy.write(TRAILER)
        try:
            self._context.__exit__(None, None, None)
        except psycopg.errors.ProgramLimitExceeded as error:
            raise row_too_large(error) from error
        if self._cursor.rowcount != self._rows:
            raise StepmillError("load_unbalanced", f"{self._rows} rows were sent and {self._cursor.rowcount} stored.")

    def abort(self, kind: type[BaseException] | None, error: BaseException, trace: TracebackType | None) -> None:
        with suppress(type(error)):  # it is raised on by whoever left the chunk with it
            self._context.__exit__(kind, error, trace)


def _copy_statement(target: TargetTable, columns: Sequence[str], *, freeze: bool) -> sql.Composed:
    """Frozen rows need no later pass over them; only a table made in the same transaction takes them.

    Old snapshots see frozen rows too, so a table is frozen whole or not at all: it must never be seen in part.
    """
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary{})").format(
        Identifier(target.schema_name, target.table_name),
        sql.SQL(", ").join(map(Identifier, columns)),
        sql.SQL(", FREEZE" if freeze else ""),
    )
