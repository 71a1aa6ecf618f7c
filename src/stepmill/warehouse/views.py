"""The logical view: the name and the column names that people know, over the generation that is in force."""

from collections.abc import Sequence

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import ConflictError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.columns import Column
from stepmill.warehouse.locks import under_short_lock
from stepmill.warehouse.tables import PhysicalTable


async def show(
    conn: AsyncConnection[DictRow], table: PhysicalTable, generation: int, columns: Sequence[Column]
) -> None:
    """Point the view at a generation with these columns, from the transaction's commit on.

    ``table`` is the table as it was before. Where columns only came at the end, or got another logical name, views of
    others that stand on this one are kept; where one was dropped, retyped or moved the view is made anew, which raises
    :class:`ConflictError` ``view_in_use`` if another stands on it. Call it last in the transaction: from here on new
    readers wait. Raises ``LockNotAvailable`` if readers hold the view for seconds.
    """
    definition = sql.SQL("{view} AS SELECT {columns} FROM {table}").format(
        view=table.view,
        columns=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(Identifier(column.name), Identifier(column.logical_name)) for column in columns
        ),
        table=table.generation_table(generation),
    )
    replace = sql.SQL("CREATE OR REPLACE VIEW ") + definition
    if table.generation is None:
        await under_short_lock(conn, [replace])
    elif can_replace(table.columns, columns):
        await under_short_lock(conn, [*_renames(table, columns), replace])
    else:
        await refuse_if_in_use(conn, table)
        grants = await _grants(conn, table)
        drop = sql.SQL("DROP VIEW {}").format(table.view)
        try:
            await under_short_lock(conn, [drop, replace, *grants])
        except errors.DependentObjectsStillExist as error:
            raise _in_use(table, [error.diag.message_detail or "another object"]) from error


def can_replace(old: Sequence[Column], new: Sequence[Column]) -> bool:
    """Whether the view over ``old`` can become the one over ``new`` without being dropped."""
    kept = new[: len(old)]
    if [(column.name, column.sql_type) for column in old] != [(column.name, column.sql_type) for column in kept]:
        return False
    # One column's new name may be another's old one; renaming them one by one would meet it.
    before = {column.logical_name for column in old}
    return all(after not in before for _, after in _renamed(old, kept))


def _renamed(old: Sequence[Column], new: Sequence[Column]) -> list[tuple[str, str]]:
    return [
        (known.logical_name, column.logical_name)
        for known, column in zip(old, new, strict=False)
        if known.logical_name != column.logical_name
    ]


def _renames(table: PhysicalTable, columns: Sequence[Column]) -> list[sql.Composed]:
    statement = sql.SQL("ALTER VIEW {} RENAME COLUMN {} TO {}")
    return [
        statement.format(table.view, Identifier(before), Identifier(after))
        for before, after in _renamed(table.columns, columns)
    ]


async def refuse_if_in_use(conn: AsyncConnection[DictRow], table: PhysicalTable) -> None:
    """Raise :class:`ConflictError` ``view_in_use`` if somebody's view stands on the table's view."""
    if users := await users_of(conn, table):
        raise _in_use(table, users)


async def users_of(conn: AsyncConnection[DictRow], table: PhysicalTable) -> list[str]:
    """Names of the views that stand on the table's view."""
    cursor = await conn.execute(
        "SELECT DISTINCT format('%%I.%%I', n.nspname, c.relname) AS name FROM pg_depend d"
        " JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid"
        " JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(format('%%I.%%I', %s::text, %s::text))"
        " AND c.oid <> d.refobjid"
        " ORDER BY name",
        (table.view_schema, table.logical_name),
    )
    return [row["name"] for row in await cursor.fetchall()]


async def _grants(conn: AsyncConnection[DictRow], table: PhysicalTable) -> list[sql.Composed]:
    """Statements that give the view made anew to those who may read the present one."""
    cursor = await conn.execute(
        "SELECT CASE a.grantee WHEN 0 THEN NULL ELSE a.grantee::regrole::text END AS grantee, a.privilege_type,"
        " a.is_grantable FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.oid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND a.grantee <> c.relowner",
        (table.view_schema, table.logical_name),
    )
    return [
        sql.SQL("GRANT {} ON {} TO {}{}").format(
            sql.SQL(row["privilege_type"]),  # a keyword, from PostgreSQL itself
            table.view,
            sql.SQL(row["grantee"] or "PUBLIC"),  # regrole::text is quoted already
            sql.SQL(" WITH GRANT OPTION" if row["is_grantable"] else ""),
        )
        for row in await cursor.fetchall()
    ]


def _in_use(table: PhysicalTable, users: Sequence[str]) -> ConflictError:
    return ConflictError(
        "view_in_use",
        f"Columns of {table.logical_name!r} are dropped, retyped or moved, so its view has to be made anew, but "
        f"{', '.join(users)} stands on it. Drop that first, then load again.",
        details={"views": list(users)},
    )
