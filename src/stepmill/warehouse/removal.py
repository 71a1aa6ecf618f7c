"""Rename and remove a physical table, as its owner is renamed and removed."""

from datetime import timedelta

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import ConflictError, NotFoundError, UnavailableError
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse.locks import under_short_lock
from stepmill.warehouse.retired import retire
from stepmill.warehouse.tables import PhysicalTable, get_table, name_taken
from stepmill.warehouse.targets import discard_target, targets_of
from stepmill.warehouse.views import users_of

_LOCK_SECONDS = 10.0


async def rename_table(database: Database, tenant_id: str, env_id: str, phys_id: str, logical_name: str) -> None:
    """Give the logical view another name; what stands on it stays. Nothing to do before the table's first load.

    Raises :class:`ConflictError` ``name_taken``.
    """
    try:
        async with database.transaction("stepmill_loader", tenant=tenant_id, lock_timeout=_LOCK_SECONDS) as conn:
            await rename(conn, await get_table(conn, env_id, phys_id, for_update=True), logical_name)
    except NotFoundError:
        return
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise _busy() from error


async def rename(conn: AsyncConnection[DictRow], table: PhysicalTable, logical_name: str) -> None:
    """The same in a transaction that holds the table."""
    if logical_name == table.logical_name:
        return
    try:
        await conn.execute(
            "UPDATE physical_tables SET logical_name = %s WHERE phys_id = %s", (logical_name, table.phys_id)
        )
        if table.generation is not None:
            alter = sql.SQL("ALTER VIEW {} RENAME TO {}").format(table.view, Identifier(logical_name))
            await under_short_lock(conn, [alter])
    except (errors.UniqueViolation, errors.DuplicateTable) as error:
        raise name_taken(logical_name) from error


async def drop_table(database: Database, tenant_id: str, env_id: str, phys_id: str) -> None:
    """Remove a table with its view, its generations, its ledger and its rejects.

    Raises :class:`ConflictError` ``view_in_use`` if somebody's view stands on it. That there is none is no error.
    """
    try:
        async with database.transaction("stepmill_loader", tenant=tenant_id, lock_timeout=_LOCK_SECONDS) as conn:
            await _drop(conn, await get_table(conn, env_id, phys_id, for_update=True))
    except NotFoundError:
        return
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise _busy() from error


async def _drop(conn: AsyncConnection[DictRow], table: PhysicalTable) -> None:
    if users := await users_of(conn, table):
        raise ConflictError(
            "view_in_use",
            f"{', '.join(users)} stands on the view {table.logical_name!r}. Drop that first.",
            details={"views": users},
        )
    for target in await targets_of(conn, table.phys_id):
        await discard_target(conn, target)
    await conn.execute(
        "UPDATE retired_tables SET drop_after = clock_timestamp()"
        " WHERE schema_name = %s AND starts_with(table_name, %s)",
        (table.data_schema, f"{table.phys_id}_g"),
    )
    await conn.execute(
        "DELETE FROM load_rejects WHERE load_id IN (SELECT load_id FROM load_ledger WHERE phys_id = %s)",
        (table.phys_id,),
    )
    await conn.execute("DELETE FROM physical_tables WHERE phys_id = %s", (table.phys_id,))
    if table.generation is not None:
        await retire(conn, table, table.generation_name(table.generation), None, timedelta(0))
        await under_short_lock(conn, [sql.SQL("DROP VIEW {}").format(table.view)])


def _busy() -> UnavailableError:
    return UnavailableError(
        "table_busy", "The table is being loaded, or its readers don't let go of it. Try again soon."
    )
