"""Rescue: take attempts away from workers that are dead, or that do not heed a cancel."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.backends import SURVIVES, attempt_name, end_backends, stuck_claims
from stepmill.engine.engine import Engine
from stepmill.engine.failures import is_connection_lost
from stepmill.errors import StepmillError, UnavailableError

UNHEEDED = "cancel_requested"
"""The outcome of an attempt that was cancelled over its worker's head."""
CANCEL_GRACE_SECONDS = 2.0
"""What a worker, which hears of a cancel within 250 ms, has to carry it out before another process does."""

_GIVE_UP_SECONDS = 5.0
"""Meanwhile the sweeper's own session is idle, and must not be taken for a frozen one's. Another sweep comes."""

_RESCUE = "SELECT rescue_v1(%s, %s, %s, %s) AS status, (SELECT type FROM jobs WHERE job_id = %s) AS type"
# When the server itself has not been there for so long, no worker could have said that it is alive. An attempt that
# began since a worker's last beat shows that it lived then: it may only be that its beats don't come through.
_DEAD = """
SELECT a.job_id, a.attempt, a.worker_id, a.tenant_id FROM job_attempts a LEFT JOIN workers w USING (worker_id)
WHERE a.outcome IS NULL AND (w.worker_id IS NULL OR w.last_seen_at = '-infinity'
    OR greatest(w.last_seen_at, a.started_at, pg_postmaster_start_time())
        < clock_timestamp() - make_interval(secs => %s))
"""
_UNHEEDED = """
SELECT job_id, attempt, worker_id, tenant_id FROM job_attempts
WHERE outcome IS NULL AND revoked_at < clock_timestamp() - make_interval(secs => %s)
"""
_DROP_IDLE_TICKETS = "SELECT drop_idle_tickets_v1(%s)"
_SILENT = """
SELECT worker_id FROM workers
WHERE last_seen_at = '-infinity'
    OR greatest(last_seen_at, pg_postmaster_start_time()) < clock_timestamp() - make_interval(secs => %s)
"""
_DECLARE_DEAD = "UPDATE workers SET last_seen_at = '-infinity' WHERE worker_id = %s"
_FORGET = """
DELETE FROM workers WHERE greatest(last_seen_at, pg_postmaster_start_time()) < clock_timestamp() - interval '1 hour'
"""
_FORGET_TURNS = """
DELETE FROM queue_tenants WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM queue_tenants WHERE at < clock_timestamp() - interval '1 hour' FOR UPDATE SKIP LOCKED))
"""

_log = structlog.get_logger(__name__)


async def rescue_dead(engine: Engine, conn: AsyncConnection[DictRow]) -> None:
    """Rescue the jobs of every worker that has been silent for too long."""
    seconds = engine.settings.dead_after_seconds
    silent = await (await conn.execute(_SILENT, (seconds,))).fetchall()
    for name in await stuck_claims(engine.database, conn, [row["worker_id"] for row in silent], seconds):
        async with logged_refusal("claim_not_ended", connection=name):
            await end_backends(engine.database, name, give_up_seconds=_GIVE_UP_SECONDS)
    for row in await _take_away(engine, conn, await (await conn.execute(_DEAD, (seconds,))).fetchall(), "crashed"):
        _log.warning("job_rescued", **_where(row), dead_worker=row["worker_id"])
    await conn.execute(_DROP_IDLE_TICKETS, (seconds,))
    await conn.execute(_FORGET)
    await conn.execute(_FORGET_TURNS)


async def settle_unheeded_cancels(engine: Engine, conn: AsyncConnection[DictRow]) -> None:
    """Carry out the cancels that a worker should have carried out and has not: it may be frozen, or cut off."""
    rows = await (await conn.execute(_UNHEEDED, (CANCEL_GRACE_SECONDS,))).fetchall()
    for row in await _take_away(engine, conn, rows, UNHEEDED):
        _log.warning("cancel_unheeded", **_where(row), worker_id=row["worker_id"])


async def rescue(engine: Engine, conn: AsyncConnection[DictRow], key: tuple[str, int], reason: str) -> str | None:
    """Take an attempt away from its worker. Answers the job's status then; None if the attempt had ended already."""
    values = (*key, reason, engine.settings.max_crashes, key[0])
    answer = await (await conn.execute(_RESCUE, values)).fetchone()
    if answer is None or not answer["status"]:
        return None
    engine.metrics.rescues.labels(answer["type"], reason).inc()
    engine.metrics.ended(answer["type"], answer["status"])
    return str(answer["status"])


async def _take_away(
    engine: Engine, conn: AsyncConnection[DictRow], rows: Sequence[DictRow], reason: str
) -> list[DictRow]:
    """End attempts and their backends. Answers those that had not ended already.

    All at once, since a dead worker's jobs may be many; one by one where one of them can't be ended.
    """
    if not rows:
        return []
    try:
        return await _taken_away(engine, conn, rows, reason)
    except UnavailableError as error:
        if error.code != SURVIVES:
            raise
    taken = []
    for row in rows:
        async with logged_refusal("rescue_refused", **_where(row), reason=reason):
            taken += await _taken_away(engine, conn, [row], reason)
    return taken


async def _taken_away(
    engine: Engine, conn: AsyncConnection[DictRow], rows: Sequence[DictRow], reason: str
) -> list[DictRow]:
    names = [attempt_name(row["job_id"], row["attempt"]) for row in rows]
    await end_backends(engine.database, *names, give_up_seconds=_GIVE_UP_SECONDS)
    taken = []
    for row in rows:
        async with logged_refusal("rescue_refused", **_where(row), reason=reason):
            if await rescue(engine, conn, (row["job_id"], row["attempt"]), reason) is not None:
                engine.notifier.touch(row["job_id"])
                taken.append(row)
    # A frozen worker may have begun another transaction meanwhile; the successor must not meet it.
    await end_backends(engine.database, *names, give_up_seconds=_GIVE_UP_SECONDS)
    return taken


@asynccontextmanager
async def logged_refusal(event: str, **where: Any) -> AsyncIterator[None]:
    """Log what the database refuses for one job or lock, so that the sweep goes on to the others."""
    try:
        yield
    except psycopg.Error as error:
        if is_connection_lost(error):
            raise
        _log.error(event, **where, sqlstate=error.sqlstate, detail=error.diag.message_primary)
    except StepmillError as error:
        if is_connection_lost(error):
            raise
        _log.error(event, **where, code=error.code, detail=error.message)


def _where(row: DictRow) -> dict[str, Any]:
    return {"job_id": row["job_id"], "attempt": row["attempt"], "tenant": row["tenant_id"]}


async def declare_dead(engine: Engine, worker_id: str) -> None:
    """Say that a worker's process is gone, so that the next sweep need not wait for its silence."""
    async with engine.database.autocommit() as conn:
        await conn.execute(_DECLARE_DEAD, (worker_id,))
