"""Take a load back, as far as what it replaced is still kept; and remove a file's rows."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import ConflictError, UnavailableError
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse import ledger, retired, views
from stepmill.warehouse.columns import LOAD_ID, Column, identifiers
from stepmill.warehouse.ledger import LoadEntry
from stepmill.warehouse.tables import Key, PhysicalTable, change_rows, get_table, record_change

_NOW = timedelta(0)
_LOCK_SECONDS = 10.0


async def revert_load(database: Database, tenant_id: str, env_id: str, load_id: str) -> None:
    """Undo a load: an append's rows go, what a replace replaced comes back; at one instant for readers.

    Raises :class:`ConflictError` ``not_revertible`` with the reason, :class:`UnavailableError` ``table_busy`` if a load
    is changing the table or its readers don't let go of it.
    """
    try:
        async with database.transaction("stepmill_loader", tenant=tenant_id, lock_timeout=_LOCK_SECONDS) as conn:
            load = await ledger.get_load(conn, env_id, load_id)
            table = await get_table(conn, env_id, load.phys_id, for_update=True)
            await _revert(
                conn, table, await ledger.get_load(conn, env_id, load_id)
            )  # as it is now that we hold the table
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise _busy() from error


async def remove_file_rows(database: Database, tenant_id: str, env_id: str, file_id: str) -> int:
    """Delete the rows that a file brought, and those of replays of its rejects. Answers how many went."""
    removed = 0
    try:
        async with database.transaction("stepmill_loader", tenant=tenant_id, lock_timeout=_LOCK_SECONDS) as conn:
            for phys_id in await ledger.tables_of_file(conn, env_id, file_id):
                table = await get_table(conn, env_id, phys_id, for_update=True)
                loads = [load for load in await ledger.loads_in_force(conn, phys_id) if load.file_id == file_id]
                removed += await _delete_rows(conn, table, loads)
                await ledger.mark(conn, loads, "removed_at")
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise _busy() from error
    return removed


async def _revert(conn: AsyncConnection[DictRow], table: PhysicalTable, load: LoadEntry) -> None:
    replays = await ledger.replays_of(conn, load.load_id)
    gone = [load, *replays]
    await _refuse(conn, load, replays)
    undo = load.undo
    if undo.kept_in and undo.generation is not None and load.version == table.version:
        if not await retired.bring_back(conn, table, undo.kept_in):
            raise _not_revertible("the generation before it is no longer kept")
        await _switch_back(conn, table, load)
        await _settle(conn, load, gone)
        await views.show(conn, table, undo.generation, undo.columns)  # last: readers wait from here to the commit
        return
    replaced = await ledger.superseded_by(conn, load.load_id)
    if replaced:
        await _refuse_unless_kept(conn, table, load)
    await _delete_rows(conn, table, gone)
    if replaced:
        await _put_back(conn, table, load, replaced)
    await _settle(conn, load, gone)


async def _refuse(conn: AsyncConnection[DictRow], load: LoadEntry, replays: Sequence[LoadEntry]) -> None:
    if load.reverted_at is not None:
        raise _not_revertible("it is reverted already")
    if load.removed_at is not None:
        raise _not_revertible("its rows were removed with their file")
    if load.superseded_by is not None:
        raise _not_revertible(f"its rows were replaced by the load {load.superseded_by}; revert that first")
    if load.undo.impossible:
        raise _not_revertible(load.undo.impossible)
    if load.mode == "replace":
        own = {load.load_id, *(replay.load_id for replay in replays)}
        later = [
            other.load_id
            for other in await ledger.loads_in_force(conn, load.phys_id)
            if other.version > load.version and other.load_id not in own
        ]
        if later:
            raise _not_revertible(f"the load {later[-1]} came after it; revert that first")


async def _switch_back(conn: AsyncConnection[DictRow], table: PhysicalTable, load: LoadEntry) -> None:
    """Make the generation before the load the present one, as it was."""
    undo = load.undo
    assert undo.generation is not None
    assert table.generation is not None
    await record_change(
        conn,
        table,
        generation=undo.generation,
        columns=undo.columns,
        key=Key.from_json(undo.key),
        plan_version=undo.plan_version,
        rows=undo.rows,
        time_column=undo.time_column,
    )
    await retired.retire(conn, table, table.generation_name(table.generation), None, _NOW)


async def _refuse_unless_kept(conn: AsyncConnection[DictRow], table: PhysicalTable, load: LoadEntry) -> None:
    undo = load.undo
    if undo.kept_in is None or not await retired.is_kept(conn, table, undo.kept_in):
        raise _not_revertible("the rows it replaced are no longer kept")
    present = {(column.name, column.sql_type) for column in table.columns}
    if any((column.name, column.sql_type) not in present for column in undo.columns):
        raise _not_revertible("the table's columns have changed since")


async def _delete_rows(conn: AsyncConnection[DictRow], table: PhysicalTable, loads: Sequence[LoadEntry]) -> int:
    if not loads:
        return 0
    delete = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(table.live, Identifier(LOAD_ID))
    removed = (await conn.execute(delete, ([load.load_number for load in loads],))).rowcount
    await change_rows(conn, table, -removed)
    return removed


async def _put_back(
    conn: AsyncConnection[DictRow], table: PhysicalTable, load: LoadEntry, replaced: Sequence[LoadEntry]
) -> None:
    assert load.undo.kept_in is not None
    columns: tuple[Column, ...] = load.undo.columns
    insert = sql.SQL("INSERT INTO {live} ({names}) SELECT {names} FROM {kept} WHERE {load_id} = ANY(%s)").format(
        live=table.live,
        names=sql.SQL(", ").join([Identifier(LOAD_ID), identifiers(columns)]),
        kept=Identifier(table.data_schema, load.undo.kept_in),
        load_id=Identifier(LOAD_ID),
    )
    await change_rows(conn, table, (await conn.execute(insert, ([each.load_number for each in replaced],))).rowcount)


async def _settle(conn: AsyncConnection[DictRow], load: LoadEntry, gone: Sequence[LoadEntry]) -> None:
    await ledger.mark(conn, gone, "reverted_at")
    await ledger.release(conn, load.load_id)


def _not_revertible(why: str) -> ConflictError:
    return ConflictError("not_revertible", f"The load can't be reverted: {why}.", details={"reason": why})


def _busy() -> UnavailableError:
    return UnavailableError(
        "table_busy", "The table is being loaded, or its readers don't let go of it. Try again soon."
    )
