"""Write a target in chunks: each a fenced transaction with its rows, its rejects and its row in ``load_chunks``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection, Copy, sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from stepmill.engine.context import AttemptConnection
from stepmill.engine.fence import assert_current
from stepmill.errors import StepmillError
from stepmill.etl.readers.block import Reject

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
_CHUNK = """
INSERT INTO load_chunks (load_id, chunk, tenant_id, rows_read, rows_loaded, rows_rejected, rows_filtered, bytes_read,
                         resume_at, attempt)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_REJECTS = """
INSERT INTO load_rejects (load_id, tenant_id, plan_version, ordinal, line, column_name, code, reason, raw, record)
SELECT %s, %s, %s, r.* FROM
    unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) AS r
"""

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # no flags, no extension
_TRAILER = b"\xff\xff"


@dataclass(frozen=True)
class TargetTable:
    """The unseen table that is filled, as plain data. ``create`` is the statement that makes it."""

    load_id: str
    load_number: int
    plan_version: int
    schema_name: str
    table_name: str
    create: str
    columns: tuple[str, ...]  # in the order in which they are sent, the hidden ones among them
    freeze: bool  # all rows come in one chunk


@dataclass(frozen=True)
class Counts:
    """What became of source records."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_filtered: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.rows_read + other.rows_read,
            self.rows_loaded + other.rows_loaded,
            self.rows_rejected + other.rows_rejected,
            self.rows_filtered + other.rows_filtered,
        )


@dataclass(frozen=True)
class Batch:
    """A block of a source, ready to be sent: rows as COPY BINARY has them, without its header and trailer."""

    data: Sequence[bytes | memoryview]
    counts: Counts
    rejects: Sequence[Reject]
    bytes_read: int
    resume_at: dict[str, Any]  # where reading goes on after it


@dataclass
class Chunk:
    """A chunk under way: its COPY, and what is to be written down about it."""

    copy: Copy
    counts: Counts = field(default_factory=Counts)
    rejects: list[Reject] = field(default_factory=list)
    bytes_read: int = 0
    resume_at: dict[str, Any] | None = None  # None at the end of the source

    def add(self, batch: Batch) -> None:
        """Send a batch."""
        for part in batch.data:
            self.copy.write(part)
        self.counts += batch.counts
        self.rejects += batch.rejects
        self.bytes_read, self.resume_at = batch.bytes_read, batch.resume_at


class TargetWriter:
    """One attempt's connection to the target that it fills."""

    def __init__(self, conn: Connection[DictRow], own: AttemptConnection, target: TargetTable) -> None:
        self._conn = conn
        self._own = own
        self._target = target
        self._chunks = 0
        self.totals = Counts()  # of committed chunks
        self.bytes_read = 0

    @classmethod
    @contextmanager
    def opened(cls, own: AttemptConnection, target: TargetTable) -> Iterator["TargetWriter"]:
        """A writer on a connection of its own."""
        conn = psycopg.connect(own.url, application_name=own.application_name, autocommit=True, row_factory=dict_row)
        with conn:
            yield cls(conn, own, target)

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
    def chunk(self) -> Iterator[Chunk]:
        """A chunk, committed at the end of the block if the attempt is still current. The first one makes the table."""
        with self._transaction(fenced=True):
            if self._chunks == 0:
                self._conn.execute(self._target.create.encode())
            statement = _copy_statement(self._target, freeze=self._target.freeze and self._chunks == 0)
            with self._conn.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    copy.write(_HEADER)
                    written = Chunk(copy, bytes_read=self.bytes_read)
                    yield written
                    copy.write(_TRAILER)
                if cursor.rowcount != written.counts.rows_loaded:
                    raise _unbalanced(written.counts.rows_loaded, cursor.rowcount)
            self._record(written)
        self._chunks += 1
        self.totals = self.totals + written.counts
        self.bytes_read = written.bytes_read

    def _record(self, written: Chunk) -> None:
        target, counts, rejects = self._target, written.counts, written.rejects
        if rejects:
            first = self.totals.rows_rejected
            texts = [
                [_storable(getattr(reject, name)) for reject in rejects]
                for name in ("column", "code", "reason", "raw", "record")
            ]
            numbers = [list(range(first, first + len(rejects))), [reject.line for reject in rejects]]
            self._conn.execute(_REJECTS, (target.load_id, self._own.tenant_id, target.plan_version, *numbers, *texts))
        self._conn.execute(
            _CHUNK,
            (
                target.load_id,
                self._chunks,
                self._own.tenant_id,
                counts.rows_read,
                counts.rows_loaded,
                counts.rows_rejected,
                counts.rows_filtered,
                written.bytes_read,
                Jsonb(written.resume_at) if written.resume_at is not None else None,
                self._own.attempt,
            ),
        )

    @contextmanager
    def _transaction(self, *, fenced: bool) -> Iterator[None]:
        with self._conn.transaction():
            self._conn.execute(_BEGIN, (self._own.tenant_id,))
            yield
            if fenced:
                self._conn.execute("SELECT set_config('role', 'stepmill_engine', true)")
                assert_current(self._conn, self._own)


def _copy_statement(target: TargetTable, *, freeze: bool) -> sql.Composed:
    """Frozen rows need no later pass over them; only a table made in the same transaction takes them.

    Old snapshots see frozen rows too, so a table is frozen whole or not at all: it must never be seen in part.
    """
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary{})").format(
        sql.Identifier(target.schema_name, target.table_name),
        sql.SQL(", ").join(map(sql.Identifier, target.columns)),
        sql.SQL(", FREEZE" if freeze else ""),
    )


def _storable(text: str | None) -> str | None:
    """PostgreSQL stores no NUL, and no half of a surrogate pair."""
    return text.replace("\x00", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode() if text else text


def _unbalanced(sent: int, stored: int) -> StepmillError:
    return StepmillError("load_unbalanced", f"{sent} rows were sent and {stored} stored.")
