"""Tables that nobody sees any more: kept so that a load can be reverted, then dropped."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.tables import PhysicalTable


async def retire(
    conn: AsyncConnection[DictRow], table: PhysicalTable, name: str, load_id: str | None, keep: timedelta
) -> None:
    """Let a table of the data schema be dropped when ``keep`` is over."""
    await conn.execute(
        "INSERT INTO retired_tables (schema_name, table_name, tenant_id, load_id, drop_after)"
        " VALUES (%s, %s, %s, %s, clock_timestamp() + %s)"
        " ON CONFLICT (schema_name, table_name) DO UPDATE"
        " SET load_id = excluded.load_id, drop_after = excluded.drop_after",
        (table.data_schema, name, table.tenant_id, load_id, keep),
    )


async def bring_back(conn: AsyncConnection[DictRow], table: PhysicalTable, name: str) -> bool:
    """Keep a retired table after all. False if it is gone."""
    taken = await conn.execute(
        "DELETE FROM retired_tables WHERE schema_name = %s AND table_name = %s", (table.data_schema, name)
    )
    return taken.rowcount > 0


async def is_kept(conn: AsyncConnection[DictRow], table: PhysicalTable, name: str) -> bool:
    """Whether a retired table is still there; if so, it stays until this transaction ends."""
    found = await conn.execute(
        "SELECT FROM retired_tables WHERE schema_name = %s AND table_name = %s FOR UPDATE", (table.data_schema, name)
    )
    return found.rowcount > 0


async def set_aside(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    name: str,
    which: sql.Composable,
    values: Sequence[Any] | None = None,
) -> int:
    """Move rows out of the present generation into a new table. Answers how many.

    ``which`` is what follows in the statement that deletes them as ``old``: ``WHERE``, or ``USING`` and ``WHERE``.
    """
    aside = Identifier(table.data_schema, name)
    await conn.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(aside, table.live))
    move = sql.SQL(
        "WITH gone AS (DELETE FROM {live} AS old {which} RETURNING old.*) INSERT INTO {aside} SELECT * FROM gone"
    )
    return (await conn.execute(move.format(live=table.live, which=which, aside=aside), values)).rowcount
