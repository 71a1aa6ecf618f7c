"""Tables, loads and rejects as the HTTP contract shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.errors import NotFoundError
from stepmill.gateways.sql.database import Database
from stepmill.warehouse.columns import columns_from_json
from stepmill.warehouse.ledger import get_load
from stepmill.warehouse.pages import page, read_cursor
from stepmill.warehouse.reject_upkeep import refuse_gone_to_readers
from stepmill.warehouse.tables import Owner, get_table

_TABLES = (
    "SELECT *, coalesce(pg_total_relation_size(to_regclass("
    "format('%%I.%%I', data_schema, phys_id || '_g' || generation))), 0) AS bytes"
    " FROM physical_tables WHERE env_id = %(env_id)s AND generation IS NOT NULL"
)
_LOADS = (
    "SELECT * FROM load_ledger WHERE phys_id = %(phys_id)s AND (%(after)s::bigint IS NULL OR version < %(after)s)"
    " ORDER BY version DESC LIMIT %(limit)s"
)
_LAST_LOADS = (
    "SELECT DISTINCT ON (file_id) * FROM load_ledger"
    " WHERE tenant_id = %s AND env_id = %s AND file_id = ANY(%s) ORDER BY file_id, load_number DESC"
)
_REJECTS = (
    "SELECT ordinal, line, column_name, code, reason, raw,"
    " CASE WHEN octet_length(record) <= %(record_bytes)s THEN record END AS record"
    " FROM load_rejects WHERE load_id = %(load_id)s AND ordinal > %(after)s ORDER BY ordinal LIMIT %(limit)s"
)
_RECORD_BYTES = 100_000
"""Longer records are left out of a page, which has up to 500."""


@dataclass(frozen=True)
class Rejects:
    """A page of a load's rejects ``{items, nextCursor?}``, and what was rejected.

    ``records`` are those of the items: JSON of a row's source fields, or of its text where it could not be split into
    fields; None for a large one. The load was by version ``plan_version`` of its owner's plan.
    """

    page: dict[str, Any]
    records: list[str | None]
    owner: Owner
    plan_version: int


async def list_tables(
    database: Database,
    tenant_id: str,
    env_id: str,
    *,
    name_contains: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The environment's tables that readers can see, by logical name: ``{items, nextCursor?}``.

    ``name_contains``: only those with this text in their name, in capitals or not.
    """
    after = read_cursor(cursor, str)
    query = (
        f"{_TABLES} AND (%(after)s::text IS NULL OR logical_name > %(after)s)"
        " AND (%(text)s::text IS NULL OR strpos(lower(logical_name), lower(%(text)s)) > 0)"
        " ORDER BY logical_name LIMIT %(limit)s"
    )
    values = {"env_id": env_id, "after": after[0] if after else None, "text": name_contains, "limit": limit + 1}
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        rows = await (await conn.execute(query, values)).fetchall()
    return page(rows, limit, _table_json, lambda row: [row["logical_name"]])


async def describe_table(database: Database, tenant_id: str, env_id: str, phys_id: str) -> dict[str, Any]:
    """One table. Raises NotFoundError, also for one that has not been loaded yet."""
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        return _table_json(await _table_row(conn, env_id, phys_id))


async def table_loads(
    database: Database, tenant_id: str, env_id: str, phys_id: str, *, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """The table's load ledger, newest first."""
    after = read_cursor(cursor, int)
    values = {"phys_id": phys_id, "after": after[0] if after else None, "limit": limit + 1}
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        await _table_row(conn, env_id, phys_id)
        rows = await (await conn.execute(_LOADS, values)).fetchall()
    return page(rows, limit, _load_json, lambda row: [row["version"]])


async def last_loads(
    database: Database, tenant_id: str, env_id: str, file_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The newest load of each file that has one: its ids, when it was finished, and what became of its rows."""
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        rows = await (await conn.execute(_LAST_LOADS, (tenant_id, env_id, list(file_ids)))).fetchall()
    return {
        row["file_id"]: {
            "loadId": row["load_id"],
            "jobId": row["job_id"],
            "finishedAt": row["finished_at"],
            **_row_counts(row),
        }
        for row in rows
    }


async def load_rejects(
    database: Database, tenant_id: str, env_id: str, load_id: str, *, limit: int = 50, cursor: str | None = None
) -> Rejects:
    """The rows that a load rejected, in the order of its source. Raises NotFoundError also if they are not kept."""
    after = read_cursor(cursor, int)
    values = {"load_id": load_id, "after": after[0] if after else -1, "limit": limit + 1}
    async with database.transaction("stepmill_loader", tenant=tenant_id) as conn:
        load = await get_load(conn, env_id, load_id)
        refuse_gone_to_readers(load)
        table = await get_table(conn, env_id, load.phys_id)
        rows = await (await conn.execute(_REJECTS, values | {"record_bytes": _RECORD_BYTES})).fetchall()
    found = page(rows, limit, _reject_json, lambda row: [row["ordinal"]])
    return Rejects(found, [row["record"] for row in rows[:limit]], table.owner, load.plan_version)


def _reject_json(row: DictRow) -> dict[str, Any]:
    return {
        "line": row["line"],
        "column": row["column_name"],
        "code": row["code"],
        "reason": row["reason"],
        "raw": row["raw"],
    }


async def _table_row(conn: AsyncConnection[DictRow], env_id: str, phys_id: str) -> DictRow:
    values = {"env_id": env_id, "phys_id": phys_id}
    row = await (await conn.execute(f"{_TABLES} AND phys_id = %(phys_id)s", values)).fetchone()
    if row is None:
        raise NotFoundError("table_not_found", f"There is no table {phys_id!r}.")
    return row


def _table_json(row: DictRow) -> dict[str, Any]:
    return {
        "physId": row["phys_id"],
        "logicalName": row["logical_name"],
        "owner": {"kind": row["owner_kind"], "id": row["owner_id"]},
        "columns": [
            {
                "name": column.name,
                "logicalName": column.logical_name,
                "type": column.type,
                "unit": column.unit,
                "nullable": column.nullable,
            }
            for column in columns_from_json(row["columns"])
        ],
        "rows": row["rows"],
        "bytes": row["bytes"],
        "timeColumn": row["time_column"],
        "timeSeries": {"kind": "none"},
        "planVersion": row["plan_version"],
        "lastLoadAt": row["last_load_at"],
    }


def _load_json(row: DictRow) -> dict[str, Any]:
    load = {
        "loadId": row["load_id"],
        "jobId": row["job_id"],
        "attempt": row["attempt"],
        "mode": row["mode"],
        "planVersion": row["plan_version"],
        "fileId": row["file_id"],
        "fileName": row["file_name"],
        **_row_counts(row),
        "bytesRead": row["bytes_read"],
        "startedAt": row["started_at"],
        "finishedAt": row["finished_at"],
        "replayOf": row["replay_of"],
        "supersededBy": row["superseded_by"],
        "revertedAt": row["reverted_at"],
        "removedAt": row["removed_at"],
        "rejectsGone": row["rejects_gone"],
        "rejectsGoneAt": row["rejects_gone_at"],
    }
    always = {"loadId", "jobId", "attempt", "mode", "planVersion"}
    return {name: value for name, value in load.items() if value is not None or name in always}


def _row_counts(row: DictRow) -> dict[str, int]:
    return {
        "rowsRead": row["rows_read"],
        "rowsLoaded": row["rows_loaded"],
        "rowsRejected": row["rows_rejected"],
        "rowsFiltered": row["rows_filtered"],
        "rowsDeduplicated": row["rows_deduplicated"],
    }
