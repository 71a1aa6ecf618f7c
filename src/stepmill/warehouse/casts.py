"""Casting the rows of one generation to the columns of the next."""

from collections.abc import Sequence

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from stepmill.errors import DataError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column
from stepmill.warehouse.tables import PhysicalTable

#: What a cast from these may cut off without a word: digits, the time of day, the zone.
_MAY_LOSE = ("numeric", "double precision", "real", "bigint", "integer", "timestamp")


def expression(old: Column, new: Column) -> sql.Composed:
    """The value of a row called ``old``, cast to the new column's type.

    By way of text, so that what can be told from the spelling can be cast (a boolean to an integer can't).
    """
    value = sql.SQL("old.{}").format(Identifier(old.name))
    if old.sql_type == new.sql_type:
        return value
    if old.sql_type == "text" or new.sql_type == "text" or not old.sql_type.startswith(_MAY_LOSE):
        return sql.SQL("{}::text::{}").format(value, new.type_sql)
    return sql.SQL("{}::{}").format(value, new.type_sql)


async def refuse_lossy(conn: AsyncConnection[DictRow], table: PhysicalTable, new: Sequence[Column]) -> None:
    """Raise :class:`DataError` ``column_cannot_convert`` if a row's value would be lost or changed by the cast."""
    known = {column.name: column for column in table.columns}
    for column in new:
        old = known.get(column.name)
        if old is not None and old.sql_type != column.sql_type:
            await _refuse_lossy_column(conn, table, old, column)


async def _refuse_lossy_column(conn: AsyncConnection[DictRow], table: PhysicalTable, old: Column, new: Column) -> None:
    cast, value = expression(old, new), sql.SQL("old.{}").format(Identifier(old.name))
    changed: sql.Composable = sql.SQL("{} IS NULL").format(cast)
    if new.sql_type != "text" and old.sql_type.startswith(_MAY_LOSE):
        changed = sql.SQL("({})::{} IS DISTINCT FROM {}").format(cast, old.type_sql, value)
    query = sql.SQL(
        "SELECT {value}::text AS example FROM {live} AS old WHERE {value} IS NOT NULL AND {changed} LIMIT 1"
    )
    try:
        async with conn.transaction():
            cursor = await conn.execute(query.format(value=value, live=table.live, changed=changed))
            row = await cursor.fetchone()
    except (psycopg.errors.DataError, psycopg.errors.CannotCoerce) as error:
        raise _cannot_convert(old, new, error.diag.message_primary or "") from error
    if row is not None:
        raise _cannot_convert(old, new, f"{row['example']!r} would change")


def _cannot_convert(old: Column, new: Column, why: str) -> DataError:
    return DataError(
        "column_cannot_convert",
        f"Column {new.logical_name!r} is {old.sql_type} in the table and {new.sql_type} in the plan, and not every row "
        f"loaded before fits: {why}. Keep the type in the plan, or load with the mode replace.",
        details={"column": new.logical_name, "from": old.sql_type, "to": new.sql_type},
    )
