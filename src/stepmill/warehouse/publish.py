"""Show a load to readers: one transaction with its rows' arrival, its ledger row, and the change of the view."""

from collections.abc import Sequence
from dataclasses import replace

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.errors import ConflictError, StepmillError
from stepmill.gateways.sql.identifiers import Identifier
from stepmill.gateways.sql.row_size import row_too_large
from stepmill.warehouse import held, ledger, retired, views
from stepmill.warehouse.columns import LOAD_ID, Column, allow_kept_nulls, identifiers, keep_order
from stepmill.warehouse.displaced import displacement
from stepmill.warehouse.ledger import LoadEntry, Undo
from stepmill.warehouse.load import Load
from stepmill.warehouse.prepare import Course, additions, decide
from stepmill.warehouse.reject_upkeep import refuse_gone_to_replays
from stepmill.warehouse.small import refuse_small
from stepmill.warehouse.tables import PhysicalTable, get_table, record_change
from stepmill.warehouse.targets import Filled, Target, close_target, read_filled

_REJECTS = """
SELECT count(*) AS rejects, coalesce(sum(octet_length(concat(record, raw, reason))), 0) AS bytes
FROM load_rejects WHERE load_id = %s
"""


async def course_of(conn: AsyncConnection[DictRow], table: PhysicalTable, target: Target, load: Load) -> Course:
    """What the load will do to the table as it is now. Raises what forbids it."""
    if load.replay_of is not None:
        await refuse_superseded(conn, table.env_id, load.replay_of)
    return await decide(
        conn,
        table,
        target.columns,
        load.key,
        mode=load.mode,
        file_name=load.file_name,
        is_replay=load.replay_of is not None,
    )


async def refuse_superseded(conn: AsyncConnection[DictRow], env_id: str, load_id: str) -> LoadEntry:
    """The load whose rejects are to be replayed.

    Raises :class:`ConflictError` if that can't be: ``superseded``, or ``rejects_gone`` if they are no longer kept.
    """
    original = await ledger.get_load(conn, env_id, load_id)
    if not original.in_force:
        raise ConflictError(
            "superseded", f"The load {load_id} is no longer in force, so its rejects can't be replayed."
        )
    replays = [replay for replay in await ledger.replays_of(conn, load_id) if replay.replay_of == load_id]
    if replays:
        later = replays[-1].load_id
        raise ConflictError(
            "superseded", f"The rejects of {load_id} were replayed by {later}. Replay what that one rejected."
        )
    present = await ledger.loads_in_force(conn, original.phys_id)
    partial = [each.load_id for each in present if each.version > original.version and each.is_partial]
    if partial:
        raise ConflictError(
            "superseded",
            f"The load {partial[-1]} came after {load_id} and replaced partitions, so the rejects' may be among them. "
            "Load the file again, or revert that load first.",
        )
    refuse_gone_to_replays(original)
    return original


async def publish(conn: AsyncConnection[DictRow], target: Target, version: int | None, load: Load) -> LoadEntry | None:
    """Show the load from this transaction's commit on; None if the table changed after ``version``.

    Without a version the load was not made ready for any: None if it has to be, for the table as it is, or if the table
    is of a later version of the plan.

    Nothing may follow in the transaction but the step's DONE: readers wait from the change of the view to the commit.
    Raises ``LockNotAvailable`` if readers hold the view for seconds: then the transaction is to be tried again.
    """
    table = await get_table(conn, target.env_id, target.phys_id, for_update=True)
    if version is not None and table.version != version:
        return None
    course = await course_of(conn, table, target, load)
    is_later = (table.plan_version or 0) > target.plan_version
    if version is None and (course.way != "move" or load.displacing or is_later or additions(table, target.columns)):
        return None
    if target.held is not None:
        await target.held.keep_rejects(conn)
    filled = await read_filled(conn, target)
    entry = _entry(table, target, load, filled)
    entry = await _verified(conn, target, entry, filled, course)
    if not load.allow_small and load.replay_of is None:
        refuse_small(load.mode, entry.rows_loaded, course.replaces, load.least_share, load.file_name)
    columns = keep_order(table.columns, target.columns)
    if course.way != "switch":
        columns = allow_kept_nulls(table.columns, columns)
    if course.way == "move":
        entry = await _move(conn, table, target, load, course, entry, columns)
    else:
        entry = await _switch(conn, table, target, load, course, entry, columns)
    await ledger.record(conn, entry)
    await ledger.supersede(conn, course.replaces, entry.load_id)
    await close_target(conn, target)
    if course.way != "move" or columns != table.columns:
        await views.show(conn, table, entry.generation, columns)
    return entry


def _entry(table: PhysicalTable, target: Target, load: Load, filled: Filled) -> LoadEntry:
    deduplicated = target.rows_deduplicated or 0
    return LoadEntry(
        load_id=target.load_id,
        load_number=target.load_number,
        tenant_id=table.tenant_id,
        env_id=table.env_id,
        phys_id=table.phys_id,
        job_id=load.job_id,
        attempt=load.attempt,
        mode=load.mode,
        plan_version=target.plan_version,
        version=table.version + 1,
        generation=target.generation,
        file_id=load.file_id,
        file_name=load.file_name,
        replay_of=load.replay_of,
        rows_read=filled.rows_read,
        rows_loaded=filled.rows_loaded - deduplicated,
        rows_rejected=filled.rows_rejected,
        rows_filtered=filled.rows_filtered,
        rows_deduplicated=deduplicated,
        bytes_read=filled.bytes_read,
        undo=Undo(),
        started_at=target.created_at,
    )


async def _verified(
    conn: AsyncConnection[DictRow], target: Target, entry: LoadEntry, filled: Filled, course: Course
) -> LoadEntry:
    """Count what is really there, and how large its rejects are: a load whose rows don't add up must not commit.

    Only where earlier rows are carried over may there be others in the target. Rows that are held are counted when they
    are sent.
    """
    rows = entry.rows_loaded
    if target.held is None:
        own = sql.SQL("FILTER (WHERE {} = %s)").format(Identifier(LOAD_ID)) if course.way == "carry" else sql.SQL("")
        count = sql.SQL("SELECT count(*) {} AS rows FROM {}").format(own, target.table)
        values = (target.load_number,) if course.way == "carry" else None
        rows = (await (await conn.execute(count, values)).fetchall())[0]["rows"]
    real = (await (await conn.execute(_REJECTS, (target.load_id,))).fetchall())[0]
    if not filled.complete or rows != entry.rows_loaded or real["rejects"] != entry.rows_rejected:
        raise StepmillError(
            "load_unbalanced",
            f"The unseen table holds {rows} rows and {real['rejects']} rejects where {entry.rows_loaded} and "
            f"{entry.rows_rejected} were written. Nothing was shown to readers. Retry from the step Transform.",
        )
    return replace(entry, rejects_bytes=int(real["bytes"]))


async def _switch(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    target: Target,
    load: Load,
    course: Course,
    entry: LoadEntry,
    columns: Sequence[Column],
) -> LoadEntry:
    """The target becomes the generation; the one before is kept for a while."""
    rows = entry.rows_loaded
    if course.way == "carry":
        total = await conn.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(target.table))
        rows = (await total.fetchall())[0]["rows"]
    await record_change(
        conn,
        table,
        generation=target.generation,
        columns=columns,
        key=load.key,
        plan_version=target.plan_version,
        rows=rows,
        time_column=load.time_column,
    )
    undo = Undo()
    if table.generation is not None:
        before = table.generation_name(table.generation)
        present = await ledger.loads_in_force(conn, table.phys_id)
        await retired.retire(conn, table, before, entry.load_id, load.keep_undo)
        undo = Undo(
            kept_in=before,
            generation=table.generation,
            carried=tuple(each.load_number for each in present if each not in course.replaces),
            columns=table.columns,
            key=table.key.as_json() if table.key else None,
            plan_version=table.plan_version,
            time_column=table.time_column,
            rows=table.rows,
        )
    return replace(entry, undo=_possible(undo, load))


async def _move(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    target: Target,
    load: Load,
    course: Course,
    entry: LoadEntry,
    columns: Sequence[Column],
) -> LoadEntry:
    """The target's rows join those of the present generation; those that they replace go."""
    assert table.generation is not None
    removed, undo = await _displace(conn, table, target, load, course, entry)
    moved = await _moved(conn, table, target)
    if moved != entry.rows_loaded:
        raise StepmillError("load_unbalanced", f"{moved} rows were moved where there were {entry.rows_loaded}.")
    await record_change(
        conn,
        table,
        generation=table.generation,
        columns=columns,
        key=load.key,
        plan_version=target.plan_version,
        rows=table.rows - removed + moved,
        time_column=load.time_column,
    )
    return replace(entry, generation=table.generation, undo=_possible(undo, load))


async def _displace(
    conn: AsyncConnection[DictRow],
    table: PhysicalTable,
    target: Target,
    load: Load,
    course: Course,
    entry: LoadEntry,
) -> tuple[int, Undo]:
    """Take the rows that give way to the load's out of the present generation. Answers how many, and what is kept."""
    if load.displacing is not None:
        old = {name: sql.SQL("old.{}").format(Identifier(name)) for name in load.displacing.columns}
        which, values = sql.SQL("USING {} WHERE {}").format(*displacement(target, load.displacing, old)), None
        if load.displacing.unique:
            gone = await conn.execute(sql.SQL("DELETE FROM {} AS old {}").format(table.live, which))
            return gone.rowcount, Undo()
    elif course.replaces:
        which = sql.SQL("WHERE old.{} = ANY(%s)").format(Identifier(LOAD_ID))
        values = ([each.load_number for each in course.replaces],)
    else:
        return 0, Undo()
    kept_in = f"{target.table_name}_replaced"
    removed = await retired.set_aside(conn, table, kept_in, which, values)
    await retired.retire(conn, table, kept_in, entry.load_id, load.keep_undo)
    return removed, Undo(kept_in=kept_in, columns=table.columns)


async def _moved(conn: AsyncConnection[DictRow], table: PhysicalTable, target: Target) -> int:
    """Put the target's rows into the present generation, and drop what they were in. Answers how many they were."""
    if target.held is not None:
        return await held.send(conn, target.held, table.live)
    names = sql.SQL(", ").join([Identifier(LOAD_ID), identifiers(target.columns)])
    insert = sql.SQL("INSERT INTO {live} ({names}) SELECT {names} FROM {stage}")
    try:
        moved = (await conn.execute(insert.format(live=table.live, names=names, stage=target.table))).rowcount
    except errors.ProgramLimitExceeded as error:
        raise row_too_large(error) from error
    await conn.execute(sql.SQL("DROP TABLE {}").format(target.table))
    return moved


def _possible(undo: Undo, load: Load) -> Undo:
    if load.mode != "upsert":
        return undo
    return Undo(
        impossible="An upsert can't be reverted: which rows it replaced is not kept. Load the earlier file again."
    )
