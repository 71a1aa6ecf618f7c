"""Look at a table's rows, in the order in which they lie there."""

from typing import Any

import orjson
from psycopg import sql

from stepmill.errors import ConflictError
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.pages import page, read_cursor
from stepmill.warehouse.tables import PhysicalTable, get_loaded_table

_STATEMENT_SECONDS = 30.0
_AFTER = "ctid > %s::tid"
_AT_OFFSET = "ctid >= (SELECT ctid FROM {table} WHERE ctid > '(0,0)' OFFSET %s LIMIT 1)"
"""The rows before are passed over without a look at their columns."""


async def table_rows(
    database: Database,
    tenant_id: str,
    env_id: str,
    phys_id: str,
    *,
    limit: int = 50,
    cursor: str | None = None,
    offset: int | None = None,
) -> dict[str, Any]:
    """A page of rows as objects by logical names: ``{items, nextCursor?}``.

    It begins after ``cursor``, or leaves out the first ``offset`` rows, or else is the first one.
    Each item is an :class:`orjson.Fragment` that PostgreSQL wrote, so that numbers keep all their digits: they are JSON
    numbers, also past what a double holds, and NaN and the infinities are strings. Times are RFC 3339.
    Raises ConflictError ``table_replaced`` for a cursor into a generation that is no longer the present one.
    """
    place = read_cursor(cursor, int, str)
    async with database.transaction("stepmill_loader", tenant=tenant_id, statement_timeout=_STATEMENT_SECONDS) as conn:
        table = await get_loaded_table(conn, env_id, phys_id)
        if place and place[0] != table.generation:
            raise ConflictError(
                "table_replaced", "The table was replaced since the first page. Start without a cursor."
            )
        # By place on disk (a TID range scan): no index is needed, and a page after a cursor costs the same wherever it
        # is. Other scans, and those that processes share, may begin elsewhere.
        await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0")
        query = _page_query(table, _AFTER if offset is None else _AT_OFFSET)
        begin = offset if offset is not None else place[1] if place else "(0,0)"
        found = await (await conn.execute(query, (begin, limit + 1))).fetchall()
    return page(
        found,
        limit,
        lambda row: orjson.Fragment(row["item"]),
        lambda row: [table.generation, str(row["place"])],
    )


def _page_query(table: PhysicalTable, begins: str) -> sql.Composed:
    """Within it columns go by short names, since one of the table may be called ``place``, too."""
    short = [Identifier(f"c{index}") for index in range(len(table.columns))]
    return sql.SQL(
        "SELECT place, to_json(item)::text AS item FROM (SELECT ctid AS place, {columns} FROM {table}"
        " WHERE {begins} LIMIT %s) AS t, LATERAL (SELECT {names}) AS item"
    ).format(
        columns=_renamed([Identifier(column.name) for column in table.columns], short),
        table=table.live,
        begins=sql.SQL(begins).format(table=table.live),
        names=_renamed(short, [Identifier(column.logical_name) for column in table.columns]),
    )


def _renamed(names: list[Identifier], others: list[Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} AS {}").format(*pair) for pair in zip(names, others, strict=True))
