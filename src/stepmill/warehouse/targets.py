"""The unseen table that one load fills, and the books about how far it is.

A job has one target at most. It is filled by a compute child in chunks, each a transaction of its rows, its rejects and
its row in ``load_chunks``. The child makes the table in its first chunk's transaction, so a target has a table exactly
if it has a chunk. A small load's rows may be held in memory instead: its target has no table and is in no book, and is
made again by whoever finds it gone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.engine.ids import new_id
from stepmill.errors import StepmillError
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import LOAD_ID, ORDINAL, Column, columns_from_json
from stepmill.warehouse.tables import Owner, PhysicalTable, table_from_row

_OPEN = """
INSERT INTO load_targets (load_number, generation, table_name, load_id, job_id, tenant_id, env_id, phys_id, schema_name,
    plan_version, columns, source)
SELECT n, n, %s || n, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM nextval('load_numbers') AS n RETURNING *
"""
"""A generation is called by the number of its load, which no other has."""

_PLACE = """
SELECT *, nextval('load_numbers') AS load_number, clock_timestamp() AS asked_at FROM physical_tables
WHERE env_id = %s AND owner_kind = %s AND owner_id = %s AND generation IS NOT NULL
    AND NOT EXISTS (SELECT FROM load_targets WHERE job_id = %s)
"""
_FIND = "SELECT * FROM load_targets WHERE job_id = %s"
_FIND_FOR_UPDATE = f"{_FIND} FOR UPDATE"


@dataclass(frozen=True)
class Filled:
    """How far a target is: sums over its chunks. ``complete`` once every record of the source is accounted for."""

    chunks: int
    complete: bool
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_filtered: int
    bytes_read: int
    resume_at: dict[str, Any] | None


@dataclass(frozen=True)
class Held:
    """All rows of a small load in memory, as one COPY in binary form has them, and what became of its records.

    ``keep_rejects`` writes down those that were rejected, in the transaction that shows the rows.
    """

    columns: tuple[str, ...]
    data: bytes
    filled: Filled
    keep_rejects: Callable[[AsyncConnection[DictRow]], Awaitable[None]]


@dataclass(frozen=True)
class Target:
    """One load's unseen table."""

    load_id: str
    load_number: int
    job_id: str
    env_id: str
    phys_id: str
    generation: int
    schema_name: str
    table_name: str
    plan_version: int
    columns: tuple[Column, ...]
    rows_deduplicated: int | None
    carried_version: int | None
    created_at: datetime
    held: Held | None = None
    """Its rows, if they are in memory and it has no table."""

    @property
    def table(self) -> Identifier:
        """The target's table, quoted."""
        return Identifier(self.schema_name, self.table_name)


@dataclass(frozen=True)
class Place:
    """A table as readers see it now, and the number of a load that is to join it."""

    table: PhysicalTable
    load_number: int
    asked_at: datetime  # by the database's clock


_NOT_BEGUN = Filled(0, False, 0, 0, 0, 0, 0, None)


async def open_target(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    *,
    job_id: str,
    plan_version: int,
    columns: Sequence[Column],
    source: Mapping[str, Any],
) -> tuple[Target, Filled]:
    """The job's target, and how far it is: taken up again if for the same plan and source, otherwise made anew."""
    columns_json = [column.as_json() for column in columns]
    target = await find_target(conn, job_id, for_update=True)
    if target is not None:
        same = await conn.execute(
            "SELECT FROM load_targets WHERE job_id = %s AND phys_id = %s AND plan_version = %s AND columns = %s"
            " AND source = %s",
            (job_id, table.phys_id, plan_version, Jsonb(columns_json), Jsonb(dict(source))),
        )
        if same.rowcount:
            return target, await read_filled(conn, target)
        await discard_target(conn, target)
    cursor = await conn.execute(
        _OPEN,
        (
            table.generation_name(""),
            new_id("ld"),
            job_id,
            table.tenant_id,
            table.env_id,
            table.phys_id,
            table.data_schema,
            plan_version,
            Jsonb(columns_json),
            Jsonb(dict(source)),
        ),
    )
    return _from_row((await cursor.fetchall())[0]), _NOT_BEGUN


async def find_place(database: Database, tenant_id: str, env_id: str, owner: Owner, job_id: str) -> Place | None:
    """Where another load of the owner's could go; None before its first, and if the job has a target in the books.

    Each answer has a number of its own.
    """
    values = (env_id, owner.kind, owner.id, job_id)
    rows = await database.read("stepmill_loader", _PLACE, values, tenant=tenant_id)
    return Place(table_from_row(rows[0]), rows[0]["load_number"], rows[0]["asked_at"]) if rows else None


def target_at(place: Place, *, job_id: str, plan_version: int, columns: Sequence[Column]) -> Target:
    """A target that is in no book."""
    table, number = place.table, place.load_number
    return Target(
        load_id=new_id("ld"),
        load_number=number,
        job_id=job_id,
        env_id=table.env_id,
        phys_id=table.phys_id,
        generation=number,
        schema_name=table.data_schema,
        table_name=table.generation_name(number),
        plan_version=plan_version,
        columns=tuple(columns),
        rows_deduplicated=None,
        carried_version=None,
        created_at=place.asked_at,
    )


async def find_target(conn: AsyncConnection[DictRow], job_id: str, *, for_update: bool = False) -> Target | None:
    """The job's target, if it has one. ``for_update`` keeps the clean-up away from it."""
    cursor = await conn.execute(_FIND_FOR_UPDATE if for_update else _FIND, (job_id,))
    row = await cursor.fetchone()
    return _from_row(row) if row else None


async def get_target(conn: AsyncConnection[DictRow], job_id: str) -> Target:
    """The job's target, which must be there."""
    target = await find_target(conn, job_id)
    if target is None:
        raise StepmillError(
            "target_gone", "The unseen table of this job was dropped while it was being shown. Retry it."
        )
    return target


async def targets_of(conn: AsyncConnection[DictRow], phys_id: str) -> list[Target]:
    """The targets of all jobs that are loading a table."""
    cursor = await conn.execute("SELECT * FROM load_targets WHERE phys_id = %s FOR UPDATE", (phys_id,))
    return [_from_row(row) for row in await cursor.fetchall()]


async def read_filled(conn: AsyncConnection[DictRow], target: Target) -> Filled:
    """How far the target is."""
    if target.held is not None:
        return target.held.filled
    cursor = await conn.execute(
        "SELECT count(*) AS chunks, coalesce(bool_or(resume_at IS NULL), false) AS complete,"
        " coalesce(sum(rows_read), 0)::bigint AS rows_read, coalesce(sum(rows_loaded), 0)::bigint AS rows_loaded,"
        " coalesce(sum(rows_rejected), 0)::bigint AS rows_rejected,"
        " coalesce(sum(rows_filtered), 0)::bigint AS rows_filtered, coalesce(max(bytes_read), 0) AS bytes_read,"
        " (array_agg(resume_at ORDER BY chunk DESC))[1] AS resume_at FROM load_chunks WHERE load_id = %s",
        (target.load_id,),
    )
    return Filled(**(await cursor.fetchall())[0])


async def discard_target(conn: AsyncConnection[DictRow], target: Target) -> None:
    """Drop the target, its rows, its rejects and its place in the books."""
    await conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(target.table))
    await conn.execute("DELETE FROM load_rejects WHERE load_id = %s", (target.load_id,))
    await close_target(conn, target)


async def close_target(conn: AsyncConnection[DictRow], target: Target) -> None:
    """Take the target out of the books of things under way: its rows have found their place."""
    if target.held is None:
        await conn.execute("DELETE FROM load_targets WHERE load_id = %s", (target.load_id,))


def create_statement(target: Target, *, ordinal: bool) -> sql.Composed:
    """The statement that makes the target's table; autovacuum leaves it alone until it is shown.

    The hidden columns come first, because the encoder writes them first.
    """
    hidden = [LOAD_ID, *([ORDINAL] if ordinal else [])]
    definitions = [sql.SQL("{} bigint NOT NULL").format(Identifier(name)) for name in hidden]
    definitions += [sql.SQL("{} {}").format(Identifier(column.name), column.type_sql) for column in target.columns]
    return sql.SQL("CREATE TABLE {} ({}) WITH (autovacuum_enabled = off)").format(
        target.table, sql.SQL(", ").join(definitions)
    )


def _from_row(row: DictRow) -> Target:
    return Target(
        load_id=row["load_id"],
        load_number=row["load_number"],
        job_id=row["job_id"],
        env_id=row["env_id"],
        phys_id=row["phys_id"],
        generation=row["generation"],
        schema_name=row["schema_name"],
        table_name=row["table_name"],
        plan_version=row["plan_version"],
        columns=columns_from_json(row["columns"]),
        rows_deduplicated=row["rows_deduplicated"],
        carried_version=row["carried_version"],
        created_at=row["created_at"],
    )
