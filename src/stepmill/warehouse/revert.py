"""Take a load back, as far as what it replaced is still kept; and remove a file's rows."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import ConflictError, UnavailableError
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.warehouse import ledger, retired, views
from stepmill.warehouse.columns import LOAD_ID, identifiers
from stepmill.warehouse.ledger import LoadEntry, Undo
from stepmill.warehouse.tables import Key, PhysicalTable, change_rows, get_table, record_change

_NOW = timedelta(0)
_LOCK_SECONDS = 10.0
_HOLD = "SELECT FROM load_ledger WHERE load_id = %s FOR SHARE"


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
            for phys_id in sorted({load.phys_id for load in await ledger.loads_of_file(conn, env_id, file_id)}):
                table = await get_table(conn, env_id, phys_id, for_update=True)
                loads = [load for load in await ledger.loads_of_file(conn, env_id, file_id) if load.phys_id == phys_id]
                removed += await _delete_rows(conn, table, [load.load_number for load in loads if load.in_force])
                await ledger.mark(conn, loads, "removed_at")  # those that were replaced, too: they must not come back
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise _busy() from error
    return removed


async def _revert(conn: AsyncConnection[DictRow], table: PhysicalTable, load: LoadEntry) -> None:
    gone = [load, *await ledger.replays_of(conn, load.load_id)]
    others = [each for each in await ledger.loads_in_force(conn, load.phys_id) if each not in gone]
    _refuse(load, others)
    replaced = await ledger.superseded_by(conn, load.load_id)
    await ledger.mark(conn, gone, "reverted_at")
    await _refuse_without_rejects(conn, load)
    await ledger.release(conn, load.load_id)
    undo, staying = load.undo, {other.load_number for other in others}
    back = {each.load_number for each in replaced if each.removed_at is None}
    parts = [other.load_id for other in others if other.version > load.version and other.is_partial]
    if back and parts:  # what would come back may be in partitions that were replaced since
        raise _not_revertible(f"the load {parts[-1]} came after it and replaced partitions; revert that first")
    if load.is_partial and undo.kept_in:  # rows of loads that are in force all the same
        back = staying
    # Which generation is the present one doesn't matter, nor what came and went since: rows stay or go with their load,
    # so the generation before the load serves if it has those of all loads that stay.
    if undo.kept_in and undo.generation is not None and staying <= {*undo.carried}:
        if await retired.bring_back(conn, table, undo.kept_in):
            out = {*undo.carried, *(each.load_number for each in replaced)} - staying - back
            await _switch_back(conn, table, undo, undo.generation, out)
            return
        if load.mode == "replace" or load.is_partial:
            raise _no_longer_kept()
    if back:
        await _refuse_unless_kept(conn, table, undo)
    await _delete_rows(conn, table, [each.load_number for each in gone])
    if back:
        await _put_back(conn, table, undo, back)


def _refuse(load: LoadEntry, others: Sequence[LoadEntry]) -> None:
    if load.reverted_at is not None:
        raise _not_revertible("it is reverted already")
    if load.removed_at is not None:
        raise _not_revertible("its rows were removed with their file")
    if load.superseded_by is not None:
        raise _not_revertible(f"its rows were replaced by the load {load.superseded_by}; revert that first")
    if load.undo.impossible:
        raise _not_revertible(load.undo.impossible)
    later = [other.load_id for other in others if other.version > load.version]
    if later and (load.mode == "replace" or load.is_partial):
        raise _not_revertible(f"the load {later[-1]} came after it; revert that first")


async def _refuse_without_rejects(conn: AsyncConnection[DictRow], load: LoadEntry) -> None:
    """A replay's rows go back to the rejects that they were; where those are gone, they would be nowhere.

    Called with the replay's ledger row changed. The original's is locked: whoever removes its rejects at this moment is
    waited for, or waits.
    """
    if load.replay_of is None:
        return
    await conn.execute(_HOLD, (load.replay_of,))
    original = await ledger.get_load(conn, load.env_id, load.replay_of)
    if original.in_force and original.rejects_gone in ("replayed", "size_limit"):
        raise _not_revertible(f"the rejects of the load {original.load_id} that it loaded are no longer kept")


async def _switch_back(
    conn: AsyncConnection[DictRow], table: PhysicalTable, undo: Undo, generation: int, out: Collection[int]
) -> None:
    """Make the generation before the load the present one, as it was, but without rows ``out`` since, by load."""
    assert table.generation is not None
    await record_change(
        conn,
        table,
        generation=generation,
        columns=undo.columns,
        key=Key.from_json(undo.key),
        plan_version=undo.plan_version,
        rows=undo.rows,
        time_column=undo.time_column,
    )
    await _delete_rows(conn, replace(table, generation=generation), out)
    await retired.retire(conn, table, table.generation_name(table.generation), None, _NOW)
    await views.show(conn, table, generation, undo.columns)  # last: readers wait from here to the commit


async def _refuse_unless_kept(conn: AsyncConnection[DictRow], table: PhysicalTable, undo: Undo) -> None:
    if undo.kept_in is None or not await retired.is_kept(conn, table, undo.kept_in):
        raise _no_longer_kept()
    present = {(column.name, column.sql_type) for column in table.columns}
    if any((column.name, column.sql_type) not in present for column in undo.columns):
        raise _not_revertible("the table's columns have changed since")


async def _delete_rows(conn: AsyncConnection[DictRow], table: PhysicalTable, load_numbers: Collection[int]) -> int:
    if not load_numbers:
        return 0
    delete = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(table.live, Identifier(LOAD_ID))
    removed = (await conn.execute(delete, (list(load_numbers),))).rowcount
    await change_rows(conn, table, -removed)
    return removed


async def _put_back(
    conn: AsyncConnection[DictRow], table: PhysicalTable, undo: Undo, load_numbers: Collection[int]
) -> None:
    assert undo.kept_in is not None
    insert = sql.SQL("INSERT INTO {live} ({names}) SELECT {names} FROM {kept} WHERE {load_id} = ANY(%s)").format(
        live=table.live,
        names=sql.SQL(", ").join([Identifier(LOAD_ID), identifiers(undo.columns)]),
        kept=Identifier(table.data_schema, undo.kept_in),
        load_id=Identifier(LOAD_ID),
    )
    try:
        back = (await conn.execute(insert, (list(load_numbers),))).rowcount
    except errors.UniqueViolation as error:  # since then the table got a unique key, by an upsert
        raise _not_revertible("rows in the table share a key with those that it replaced") from error
    await change_rows(conn, table, back)


def _no_longer_kept() -> ConflictError:
    return _not_revertible("what it replaced is no longer kept")


def _not_revertible(why: str) -> ConflictError:
    return ConflictError("not_revertible", f"The load can't be reverted: {why}.", details={"reason": why})


def _busy() -> UnavailableError:
    return UnavailableError(
        "table_busy", "The table is being loaded, or its readers don't let go of it. Try again soon."
    )
