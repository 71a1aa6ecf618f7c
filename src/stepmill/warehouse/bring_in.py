"""Bring a filled target in: ready it, then show it to readers. Every part is safe to repeat after a crash."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow

from stepmill.engine.context import Transaction
from stepmill.warehouse import prepare, views
from stepmill.warehouse.columns import Column, keep_order
from stepmill.warehouse.ledger import LoadEntry
from stepmill.warehouse.load import Load, find_instead
from stepmill.warehouse.prepare import Course
from stepmill.warehouse.publish import course_of, publish
from stepmill.warehouse.small import refuse_small
from stepmill.warehouse.tables import PhysicalTable, get_table
from stepmill.warehouse.targets import Target, get_target, read_filled

Begin = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Begins a transaction as stepmill_loader that commits only while the job's attempt is current."""

Finish = Callable[[Transaction, LoadEntry], Awaitable[None]]
"""Called in the transaction that shows the load, as the last thing in it."""

Tell = Callable[[str], None]
"""Told in a sentence what goes on."""

_LONGEST_PAUSE = 3.0


async def bring_in(begin: Begin, target: Target, load: Load, finish: Finish, tell: Tell) -> LoadEntry | None:
    """Show a filled target to readers at one instant, together with what ``finish`` writes. Answers its ledger row.

    If another load makes it needless (see ``find_instead``), nothing is done, and that one's row is answered. None, and
    nothing done, if the rows are held in memory and the table asks for more than that they join it: then they need a
    table of their own.
    """
    if target.held is not None:
        return await _publish(begin, target, None, load, finish, tell)
    while True:
        target, table = await _prepare(begin, target, load, tell)
        tell("Showing the rows to readers.")
        entry = await _publish(begin, target, table.version, load, finish, tell)
        if entry is not None:
            return entry
        tell("The table was changed meanwhile; getting ready again.")


async def _prepare(begin: Begin, target: Target, load: Load, tell: Tell) -> tuple[Target, PhysicalTable]:
    """Everything that takes long, in the unseen table and outside the transaction that readers wait for.

    Answers the target, and the table for which it is ready.
    """
    key = load.key
    if key is not None and key.unique and target.rows_deduplicated is None:
        tell("Looking for rows with the same key.")
        async with begin() as tx:
            await prepare.make_unique(tx.conn, target, key)
    async with begin() as tx:
        target = await get_target(tx.conn, target.job_id)
        table = await get_table(tx.conn, target.env_id, target.phys_id)
        course = await course_of(tx.conn, table, target, load)
        await _refuse_early(tx.conn, table, target, load, course)
        if target.carried_version is not None and course.way != "carry":  # the table is another one since
            await prepare.drop_carried(tx.conn, target)
            target = await get_target(tx.conn, target.job_id)
    if course.way == "carry" and target.carried_version != course.version:
        tell("Carrying earlier rows over to the plan's columns.")
        async with begin() as tx:
            await prepare.carry_over(tx.conn, table, target, course, load.displacing)
            target = await get_target(tx.conn, target.job_id)
    if course.way != "move":
        tell("Building indexes and statistics.")
        async with begin() as tx:
            await prepare.build_index(tx.conn, target, key)
    if course.way != "move" or load.displacing is not None:
        async with begin() as tx:
            await prepare.gather_statistics(tx.conn, target)
    added = prepare.additions(table, target.columns)
    if course.way == "move" and added:
        await _patiently(lambda: _widen(begin, table, added), tell)
    return target, table


async def _refuse_early(
    conn: AsyncConnection[DictRow], table: PhysicalTable, target: Target, load: Load, course: Course
) -> None:
    """What the last transaction would refuse is refused before the long work, too."""
    filled = await read_filled(conn, target)
    if not load.allow_small and load.replay_of is None:
        rows = filled.rows_loaded - (target.rows_deduplicated or 0)
        refuse_small(load.mode, rows, course.replaces, load.least_share, load.file_name)
    if table.generation is not None:
        columns = keep_order(table.columns, target.columns)
        if not views.can_replace(table.columns, columns):
            await views.refuse_if_in_use(conn, table)


async def _widen(begin: Begin, table: PhysicalTable, added: Sequence[Column]) -> None:
    async with begin() as tx:
        await prepare.widen(tx.conn, table, added)


async def _publish(
    begin: Begin, target: Target, version: int | None, load: Load, finish: Finish, tell: Tell
) -> LoadEntry | None:
    entry: LoadEntry | None = None

    async def once() -> None:
        nonlocal entry
        async with begin() as tx:
            entry = await find_instead(tx.conn, target.phys_id, load)
            if entry is not None:
                return
            entry = await publish(tx.conn, target, version, load)
            if entry is not None:
                await finish(tx, entry)

    await _patiently(once, tell)
    return entry


async def _patiently(act: Callable[[], Awaitable[None]], tell: Tell) -> None:
    """Act again, after longer and longer pauses, for as long as readers hold what it has to lock."""
    pause = 0.2
    while True:
        try:
            return await act()
        except errors.LockNotAvailable:
            tell("Waiting for readers of the table to finish.")
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
        pause = min(2 * pause, _LONGEST_PAUSE)
