"""Rows of a small load that are held as COPY takes them, in place of an unseen table: to be sent where they belong."""

from collections.abc import Sequence

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import StepmillError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.gateways.sql.row_size import row_too_large
from stepmill.warehouse.targets import Target, create_statement

_HOLD = """
WITH marked AS (UPDATE load_targets SET is_held = true WHERE load_id = %s)
INSERT INTO held_rows (load_id, tenant_id, columns, data) VALUES (%s, %s, %s, %b)
"""
_RELEASE = """
WITH marked AS (UPDATE load_targets SET is_held = false WHERE load_id = %s) DELETE FROM held_rows WHERE load_id = %s
"""
_HELD = "SELECT columns, data FROM held_rows WHERE load_id = %s"


async def hold(
    conn: AsyncConnection[DictRow], target: Target, tenant_id: str, columns: Sequence[str], data: bytes
) -> None:
    """Keep all rows of a target, as one COPY in binary form has them, in place of its table."""
    await conn.execute(_HOLD, (target.load_id, target.load_id, tenant_id, list(columns), data))


async def send(conn: AsyncConnection[DictRow], target: Target, table: Identifier) -> int:
    """Send the held rows to a table whose columns have their types. Answers how many it took.

    Raises :class:`DataError` ``row_too_large`` and ``key_too_long``.
    """
    cursor = await conn.execute(_HELD, (target.load_id,), binary=True)
    held = await cursor.fetchone()
    if held is None:
        raise StepmillError("target_gone", "The rows that this job held are gone. Retry it from the step Transform.")
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        table, sql.SQL(", ").join(map(Identifier, held["columns"]))
    )
    copying = conn.cursor()
    try:
        async with copying.copy(statement) as copy:
            await copy.write(held["data"])
    except errors.ProgramLimitExceeded as error:
        raise row_too_large(error) from error
    return copying.rowcount


async def give_table(conn: AsyncConnection[DictRow], target: Target) -> None:
    """Make the target's table after all, with the held rows in it."""
    await conn.execute(create_statement(target, ordinal=False))
    await send(conn, target, target.table)
    await conn.execute(_RELEASE, (target.load_id, target.load_id))
