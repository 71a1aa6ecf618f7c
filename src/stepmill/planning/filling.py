"""Fill a load's unseen table: what a plan says, what a compute child does, and what the warehouse keeps, together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stepmill.engine import StepContext, Transaction
from stepmill.engine.fence import told_as_lost
from stepmill.errors import StepmillError
from stepmill.etl.batches import FillOrder
from stepmill.etl.chunk_rows import CHUNK, REJECTS, chunk_values, reject_values
from stepmill.etl.chunks import TargetTable
from stepmill.etl.held import HeldRows
from stepmill.etl.load import CHUNK_ROWS
from stepmill.etl.plan.model import TransformPlan
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.planning.layout import columns_of
from stepmill.warehouse import held as held_rows
from stepmill.warehouse.columns import LOAD_ID, ORDINAL
from stepmill.warehouse.ledger import Mode
from stepmill.warehouse.removal import rename
from stepmill.warehouse.tables import Key, Owner, PhysicalTable, ensure_table
from stepmill.warehouse.targets import Target, create_statement, discard_target, open_target


@dataclass(frozen=True)
class Destination:
    """The table that rows go to."""

    owner: Owner
    schema_name: str
    logical_name: str
    phys_id: str
    mode: Mode
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
    """A target with all of its rows in it, and how many were rejected; or with ``held`` rows that are to be kept."""

    target: Target
    rows_rejected: int
    held: HeldRows | None = None


async def table_of(tx: Transaction, ctx: StepContext[Any], destination: Destination) -> PhysicalTable:
    """The destination's table, made if need be, under the name that its owner has now."""
    table = await ensure_table(
        tx.conn,
        tenant_id=ctx.tenant_id,
        env_id=ctx.env_id,
        owner=destination.owner,
        schema_name=destination.schema_name,
        logical_name=destination.logical_name,
        phys_id=destination.phys_id,
    )
    await rename(tx.conn, table, destination.logical_name)
    return table


async def filled_target(ctx: StepContext[Any], destination: Destination, rows: Rows) -> Filled:
    """The job's target with all rows in it, or held to be kept. Safe to repeat: what is there is not filled again.

    Rows that can't be loaded at all leave no target behind.
    """
    async with ctx.transaction() as tx:
        table = await table_of(tx, ctx, destination)
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
    order = _order(ctx, destination, rows, target)
    try:
        # What is compared with the rows that are there has to be in a table, too.
        is_compared = destination.key is not None and destination.key.must_have_values
        if rows.hold is not None and filled.chunks == 0 and not is_compared and table.generation is not None:
            found = await ctx.compute(rows.hold, order, *rows.args)
            if found is not None:
                held = HeldRows.from_json(found)
                return Filled(target, held.counts.rows_rejected, held)
        counts = await ctx.compute(rows.fill, order, *rows.args)
    except StepmillError as error:
        if not error.retryable:
            async with ctx.transaction() as tx:
                await discard_target(tx.conn, target)
        raise
    return Filled(target, counts["rows_rejected"])


async def keep_held(ctx: StepContext[Any], tx: Transaction, filled: Filled) -> None:
    """Keep the target's held rows, if it has such, with all that the books have of a chunk."""
    target, rows = filled.target, filled.held
    if rows is None:
        return
    place = (target.load_id, 0, ctx.tenant_id)
    values = chunk_values(*place, rows.counts, bytes_read=rows.bytes_read, resume_at=None, attempt=ctx.attempt)
    with told_as_lost(ctx.job_id, ctx.attempt):
        await tx.conn.execute(CHUNK, values)
    await held_rows.hold(tx.conn, target, ctx.tenant_id, rows.columns, rows.data)
    if rows.rejects:
        rejects = reject_values(target.load_id, ctx.tenant_id, target.plan_version, rows.rejects, 0)
        await tx.conn.execute(REJECTS, rejects)


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
