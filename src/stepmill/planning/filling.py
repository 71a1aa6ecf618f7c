"""Fill a load's unseen table: what a plan says, what a compute child does, and what the warehouse keeps, together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine import StepContext, Transaction
from stepmill.errors import StepmillError
from stepmill.etl.batches import FillOrder
from stepmill.etl.chunk_rows import REJECTS, reject_values
from stepmill.etl.chunks import TargetTable
from stepmill.etl.held import HeldRows
from stepmill.etl.load import CHUNK_ROWS
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.readers.block import Reject
from stepmill.planning.layout import columns_of
from stepmill.store import environments
from stepmill.warehouse.columns import LOAD_ID, ORDINAL
from stepmill.warehouse.removal import rename
from stepmill.warehouse.tables import Key, Owner, PhysicalTable, ensure_table
from stepmill.warehouse.targets import Filled as TargetCounts
from stepmill.warehouse.targets import (
    Held,
    Place,
    Target,
    create_statement,
    discard_target,
    open_target,
    target_at,
)


@dataclass(frozen=True)
class Destination:
    """The table that rows go to."""

    owner: Owner
    logical_name: str
    phys_id: str
    key: Key | None


@dataclass(frozen=True)
class Rows:
    """The rows that go there: ``fill``, run in a compute child with a :class:`FillOrder` and ``args``, sends them.

    ``source`` tells one source from another: a target that was begun is only gone on with for the same. ``missing`` and
    ``refuses_unknown`` are as a :class:`FillOrder` has them.
    """

    plan: TransformPlan
    plan_version: int
    limit: RejectLimit
    expected: int | None
    stored_bytes: int | None
    source: dict[str, Any]
    fill: Callable[..., dict[str, Any]]
    args: tuple[Any, ...]
    missing: tuple[str, ...] = ()
    refuses_unknown: bool = False
    hold: Callable[..., dict[str, Any] | None] | None = None
    """As ``fill``, for a source so small that its rows need no table of their own: answers them, or None."""


@dataclass(frozen=True)
class Filled:
    """A target with all of its rows in it, and how many were rejected; ``rejects`` are those, if the rows are held."""

    target: Target
    rows_rejected: int
    rejects: tuple[Reject, ...] = ()


async def held_target(
    ctx: StepContext[Any], destination: Destination, rows: Rows, place: Place | None
) -> Filled | None:
    """A target with all rows held in memory: of a small source that can join the table in ``place``; else None."""
    if place is None or rows.hold is None or place.table.logical_name != destination.logical_name:
        return None
    target = target_at(place, job_id=ctx.job_id, plan_version=rows.plan_version, columns=columns_of(rows.plan))
    found = await ctx.compute(rows.hold, _order(ctx, destination, rows, target), *rows.args)
    if found is None:
        return None
    held = HeldRows.from_json(found)

    async def keep_rejects(conn: AsyncConnection[DictRow]) -> None:
        if held.rejects:
            values = reject_values(target.load_id, ctx.tenant_id, target.plan_version, held.rejects, 0)
            await conn.execute(REJECTS, values)

    counts = TargetCounts(chunks=1, complete=True, **vars(held.counts), bytes_read=held.bytes_read, resume_at=None)
    at_hand = Held(held.columns, held.data, counts, keep_rejects)
    return Filled(replace(target, held=at_hand), held.counts.rows_rejected, held.rejects)


async def filled_target(ctx: StepContext[Any], destination: Destination, rows: Rows) -> Filled:
    """The job's target with all rows in its table. Safe to repeat: what is there is not filled again.

    Rows that can't be loaded at all leave no target behind.
    """
    environment = await environments.get(ctx.gateways.sql, ctx.tenant_id, ctx.env_id)
    async with ctx.transaction() as tx:
        table = await _table(tx, ctx, destination, environment.schema_name)
        target, filled = await open_target(
            tx.conn,
            table,
            job_id=ctx.job_id,
            plan_version=rows.plan_version,
            columns=columns_of(rows.plan),
            source=rows.source,
        )
    if filled.complete:
        return Filled(target, filled.rows_rejected)
    try:
        counts = await ctx.compute(rows.fill, _order(ctx, destination, rows, target), *rows.args)
    except StepmillError as error:
        if not error.retryable:
            async with ctx.transaction() as tx:
                await discard_target(tx.conn, target)
        raise
    return Filled(target, counts["rows_rejected"])


async def _table(tx: Transaction, ctx: StepContext[Any], destination: Destination, schema_name: str) -> PhysicalTable:
    """The destination's table, made if need be, under the name that its owner has now."""
    table = await ensure_table(
        tx.conn,
        tenant_id=ctx.tenant_id,
        env_id=ctx.env_id,
        owner=destination.owner,
        schema_name=schema_name,
        logical_name=destination.logical_name,
        phys_id=destination.phys_id,
    )
    await rename(tx.conn, table, destination.logical_name)
    return table


def _order(ctx: StepContext[Any], destination: Destination, rows: Rows, target: Target) -> FillOrder:
    has_ordinal = destination.key is not None and destination.key.unique
    return FillOrder(
        own=ctx.attempt_connection,
        target=TargetTable(
            load_id=target.load_id,
            load_number=target.load_number,
            plan_version=target.plan_version,
            schema_name=target.schema_name,
            table_name=target.table_name,
            create=create_statement(target, ordinal=has_ordinal).as_string(),
            freeze=rows.expected is not None and rows.expected <= CHUNK_ROWS,
        ),
        plan=rows.plan.model_dump_json(),
        limit=rows.limit,
        expected_rows=rows.expected,
        stored_bytes=rows.stored_bytes,
        load_id_column=LOAD_ID,
        ordinal_column=ORDINAL if has_ordinal else None,
        missing=rows.missing,
        refuses_unknown=rows.refuses_unknown,
    )
