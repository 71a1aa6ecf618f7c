"""Ready a filled target to be shown: no duplicate keys, earlier rows carried over where need be, indexes, statistics.

All of it happens in tables that nobody sees, each part in a transaction of its own and safe to repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import DataError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.gateways.sql.row_size import key_too_long
from stepmill.warehouse import casts
from stepmill.warehouse.columns import LOAD_ID, ORDINAL, Column, difference
from stepmill.warehouse.displaced import displacement
from stepmill.warehouse.ledger import LoadEntry, Mode, has_other_loads, loads_in_force, loads_of_name
from stepmill.warehouse.locks import under_short_lock
from stepmill.warehouse.tables import Key, PhysicalTable
from stepmill.warehouse.targets import Target

Way = Literal["switch", "carry", "move"]
"""How a load is shown: its target becomes the generation, as it is or with earlier rows carried into it; or its rows
are moved into the present generation."""


@dataclass(frozen=True)
class Course:
    """What a load will do to the table as it is now."""

    way: Way
    replaces: tuple[LoadEntry, ...]  # loads whose rows go
    version: int  # of the physical table that this was decided for


async def decide(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    columns: Sequence[Column],
    key: Key | None,
    *,
    mode: Mode,
    file_name: str | None,
    is_replay: bool,
) -> Course:
    """What a load of this mode will do."""
    replaces: list[LoadEntry] = []
    if not is_replay:
        if mode == "replace":
            replaces = await loads_in_force(conn, table.phys_id)
        elif mode == "replaceFile":
            replaces = await loads_of_name(conn, table.phys_id, file_name)
    is_empty = table.generation is None or table.rows == 0
    if is_empty or (replaces and not await has_other_loads(conn, table.phys_id, replaces)):
        way: Way = "switch"
    elif difference(table.columns, columns) == "rebuilt" or table.key != key:
        way = "carry"
    else:
        way = "move"
    return Course(way, tuple(replaces), table.version)


async def make_unique(conn: AsyncConnection[DictRow], target: Target, key: Key) -> None:
    """Keep the last row of each key in the target, and index it by its key.

    The index is tried first: most files have no duplicates, and then no other look at the rows is needed.
    """
    try:
        async with conn.transaction():
            await conn.execute(_index_statement(target, key))
        removed = 0
    except errors.UniqueViolation:
        removed = await _remove_duplicates(conn, target, key)
        await conn.execute(_index_statement(target, key))
    except errors.ProgramLimitExceeded as error:
        raise key_too_long(key.columns) from error
    drop = sql.SQL("ALTER TABLE {} DROP COLUMN {}")
    await conn.execute(drop.format(target.table, Identifier(ORDINAL)))
    await conn.execute("UPDATE load_targets SET rows_deduplicated = %s WHERE load_id = %s", (removed, target.load_id))


async def _remove_duplicates(conn: AsyncConnection[DictRow], target: Target, key: Key) -> int:
    statement = sql.SQL(
        "DELETE FROM {table} AS t USING (SELECT ctid, row_number() OVER (PARTITION BY {key} ORDER BY {ordinal} DESC)"
        " AS place FROM {table}) AS ranked WHERE t.ctid = ranked.ctid AND ranked.place > 1"
    ).format(table=target.table, key=_names(key), ordinal=Identifier(ORDINAL))
    return (await conn.execute(statement)).rowcount


async def carry_over(
    conn: AsyncConnection[DictRow], table: PhysicalTable, target: Target, course: Course, displacing: Key | None
) -> int:
    """Copy the earlier rows that stay into the target, cast to its columns. Answers how many.

    By the key ``displacing``, if there is one, rows of the target displace earlier ones.

    Raises :class:`DataError` ``column_cannot_convert`` if a value is not one of the column's new type,
    ``key_not_unique`` if rows that stay share a key.
    """
    await casts.refuse_lossy(conn, table, target.columns)
    await drop_carried(conn, target)
    known = {column.name: column for column in table.columns}
    kept = [column for column in target.columns if column.name in known]
    values = [casts.expression(known[column.name], column) for column in kept]
    hidden = Identifier(LOAD_ID)
    statement = sql.SQL("INSERT INTO {target} ({columns}) SELECT {values} FROM {live} AS old WHERE {stays}").format(
        target=target.table,
        columns=sql.SQL(", ").join([hidden, *(Identifier(column.name) for column in kept)]),
        values=sql.SQL(", ").join([sql.SQL("old.{}").format(hidden), *values]),
        live=table.live,
        stays=_stays(known, target, displacing),
    )
    gone = [load.load_number for load in course.replaces]
    try:
        carried = (await conn.execute(statement, {"gone": gone})).rowcount
    except errors.UniqueViolation as error:
        raise DataError(
            "key_not_unique",
            f"Rows loaded earlier share a key, so rows can't be told apart by it: {error.diag.message_detail or ''} "
            "Choose other key columns.",
        ) from error
    await conn.execute(
        "UPDATE load_targets SET carried_version = %s WHERE load_id = %s", (course.version, target.load_id)
    )
    return carried


async def drop_carried(conn: AsyncConnection[DictRow], target: Target) -> None:
    """Take earlier rows out of the target again, which were carried over to it for the table as it was."""
    others = sql.SQL("DELETE FROM {} WHERE {} <> %s").format(target.table, Identifier(LOAD_ID))
    await conn.execute(others, (target.load_number,))
    await conn.execute("UPDATE load_targets SET carried_version = NULL WHERE load_id = %s", (target.load_id,))


async def build_index(conn: AsyncConnection[DictRow], target: Target, key: Key | None) -> None:
    """Index the target by its key, unless it is already."""
    if key is None:
        return
    try:
        await conn.execute(_index_statement(target, key))
    except errors.ProgramLimitExceeded as error:
        raise key_too_long(key.columns) from error


def _index_statement(target: Target, key: Key) -> sql.Composed:
    return sql.SQL("CREATE {unique}INDEX IF NOT EXISTS {name} ON {table} ({key})").format(
        unique=sql.SQL("UNIQUE " if key.unique else ""),
        name=Identifier(f"{target.table_name}_key"),
        table=target.table,
        key=_names(key),
    )


async def gather_statistics(conn: AsyncConnection[DictRow], target: Target) -> None:
    """Let the planner know the target before anybody asks for its rows, and leave it to autovacuum from then on."""
    await conn.execute(sql.SQL("ANALYZE {}").format(target.table))
    await conn.execute(sql.SQL("ALTER TABLE {} RESET (autovacuum_enabled)").format(target.table))


def additions(table: PhysicalTable, columns: Sequence[Column]) -> list[Column]:
    """The columns that only the load has."""
    known = {column.name for column in table.columns}
    return [column for column in columns if column.name not in known]


async def widen(conn: AsyncConnection[DictRow], table: PhysicalTable, added: Sequence[Column]) -> None:
    """Add columns to the present generation; the view shows them with the load's rows.

    A column that the books don't know is a leftover of a load that failed, maybe of another type.
    """
    changes = [
        sql.SQL("DROP COLUMN IF EXISTS {0}, ADD COLUMN {0} {1}").format(Identifier(column.name), column.type_sql)
        for column in added
    ]
    await under_short_lock(conn, [sql.SQL("ALTER TABLE {} {}").format(table.live, sql.SQL(", ").join(changes))])


def _stays(known: dict[str, Column], target: Target, displacing: Key | None) -> sql.Composable:
    """Which earlier rows are carried over: not those of replaced loads, nor those that the target displaces."""
    stays: sql.Composable = sql.SQL("old.{} <> ALL(%(gone)s)").format(Identifier(LOAD_ID))
    if displacing is None:
        return stays
    types = {column.name: column for column in target.columns}
    old: dict[str, sql.Composable] = {
        name: casts.expression(known[name], types[name])
        if name in known
        else sql.SQL("NULL::{}").format(types[name].type_sql)
        for name in displacing.columns
    }
    relation, displaced = displacement(target, displacing, old)
    return sql.SQL("{} AND NOT EXISTS (SELECT FROM {} WHERE {})").format(stays, relation, displaced)


def _names(key: Key) -> sql.Composed:
    return sql.SQL(", ").join(map(Identifier, key.columns))
