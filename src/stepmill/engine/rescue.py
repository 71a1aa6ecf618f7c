"""Rescue: take attempts away from workers that are dead, and send their jobs back to PENDING."""

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.backends import attempt_name, end_backends
from stepmill.engine.engine import Engine

RESCUE = "SELECT rescue_v1(%s, %s, %s, %s) AS status"

_DEAD = """
SELECT a.job_id, a.attempt, a.worker_id FROM job_attempts a LEFT JOIN workers w USING (worker_id)
WHERE a.ended_at IS NULL AND (w.worker_id IS NULL OR w.last_seen_at < clock_timestamp() - make_interval(secs => %s))
"""
_DEAD_TICKETS = """
DELETE FROM procrastinate_jobs WHERE status = 'doing' AND (worker_id IS NULL OR worker_id IN (
    SELECT id FROM procrastinate_workers WHERE last_heartbeat < clock_timestamp() - make_interval(secs => %s)))
"""
_DECLARE_DEAD = "UPDATE workers SET last_seen_at = '-infinity' WHERE worker_id = %s"
_FORGET = "DELETE FROM workers WHERE last_seen_at < clock_timestamp() - interval '1 hour'"

_log = structlog.get_logger(__name__)


async def rescue_dead(engine: Engine, conn: AsyncConnection[DictRow]) -> None:
    """Rescue the jobs of every worker that has been silent for too long."""
    seconds = engine.settings.dead_after_seconds
    for row in await (await conn.execute(_DEAD, (seconds,))).fetchall():
        name = attempt_name(row["job_id"], row["attempt"])
        await end_backends(engine.database, name)
        answer = await (
            await conn.execute(RESCUE, (row["job_id"], row["attempt"], "crashed", engine.settings.max_crashes))
        ).fetchone()
        # A frozen worker may have begun another transaction between the two; the successor must not meet it.
        await end_backends(engine.database, name)
        if answer and answer["status"]:
            _log.warning("job_rescued", job_id=row["job_id"], attempt=row["attempt"], dead_worker=row["worker_id"])
            engine.notifier.touch(row["job_id"])
    await conn.execute(_DEAD_TICKETS, (seconds,))
    await conn.execute(_FORGET)


async def declare_dead(engine: Engine, worker_id: str) -> None:
    """Say that a worker's process is gone, so that the next sweep need not wait for its silence."""
    async with engine.database.autocommit() as conn:
        await conn.execute(_DECLARE_DEAD, (worker_id,))
