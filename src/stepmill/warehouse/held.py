"""Rows of a small load that are held in memory, in place of an unseen table: sent where they belong."""

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.gateways.sql.identifiers import Identifier
from stepmill.gateways.sql.row_size import row_too_large
from stepmill.warehouse.targets import Held


async def send(conn: AsyncConnection[DictRow], held: Held, table: Identifier) -> int:
    """Send the rows to a table whose columns have their types. Answers how many it took.

    Raises :class:`DataError` ``row_too_large`` and ``key_too_long``.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        table, sql.SQL(", ").join(map(Identifier, held.columns))
    )
    copying = conn.cursor()
    try:
        async with copying.copy(statement) as copy:
            await copy.write(held.data)
    except errors.ProgramLimitExceeded as error:
        raise row_too_large(error) from error
    return copying.rowcount
