"""The sweeper: one at a time, in any worker or api. Finds what was lost: dead workers' jobs, cancels, tickets."""

import time

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.engine.alone import again_and_again, alone
from stepmill.engine.engine import Engine
from stepmill.engine.rescue import CANCEL_GRACE_SECONDS, logged_refusal, rescue_dead, settle_unheeded_cancels

_HOLD_AT_MOST = "10s"
"""A process that is frozen while it sweeps keeps all others from it for so long."""
_NEEDED = """
SELECT EXISTS (SELECT FROM job_attempts
        WHERE outcome IS NULL AND revoked_at < clock_timestamp() - make_interval(secs => %s))
    OR NOT EXISTS (SELECT FROM workers WHERE last_seen_at > clock_timestamp() - make_interval(secs => %s)) AS needed
"""
# From one lock to the next: how many jobs wait for each does not matter.
_STALLED_LOCKS = """
WITH RECURSIVE waited_for (key) AS (
    (SELECT waiting_lock FROM jobs WHERE waiting_lock IS NOT NULL ORDER BY waiting_lock LIMIT 1)
    UNION ALL
    SELECT (SELECT waiting_lock FROM jobs j WHERE j.waiting_lock > w.key ORDER BY j.waiting_lock LIMIT 1)
    FROM waited_for w WHERE w.key IS NOT NULL)
SELECT key FROM waited_for WHERE key IS NOT NULL AND NOT EXISTS (
    SELECT FROM job_locks l WHERE l.key = waited_for.key
        AND (l.attempt IS NOT NULL OR l.since > clock_timestamp() - make_interval(secs => %s)))
"""
_WAKE = "SELECT wake_waiting_v1(%s, %s)"
_WAKE_BELOW_LIMIT = "SELECT wake_below_limit_v1(%s)"
_TICKETS = "SELECT issue_missing_tickets_v1(%s, %s) AS last"
_TICKETS_AT_ONCE = 500
_RESERVED_SECONDS = 30.0


class Sweeper:
    """Sweeps every few seconds.

    One that only stands in, as an api does, sweeps where no worker is alive to do it, or one does not heed a cancel.
    """

    def __init__(self, engine: Engine, *, only_stands_in: bool = False) -> None:
        self._engine = engine
        self._only_stands_in = only_stands_in
        self._ticket_cursor = ""
        self._reached_at = time.monotonic()

    async def run(self) -> None:
        """Sweep until cancelled."""
        await again_and_again(self._turn, lambda: self._engine.settings.sweep_seconds, "sweep_failed")

    async def _turn(self) -> None:
        if self._only_stands_in:
            async with self._engine.database.autocommit() as conn:
                if not await self._is_needed(conn):
                    self._reached()
                    return
        async with alone(self._engine.database, "sweep", hold_at_most=_HOLD_AT_MOST) as mine:
            was_away = self._reached()
            if mine is not None:
                await self.sweep(mine, rescues=not was_away)

    def _reached(self) -> bool:
        """Whether the database answers after a while in which nobody could say that it lives: the next sweep judges."""
        before, self._reached_at = self._reached_at, time.monotonic()
        settings = self._engine.settings
        return self._reached_at - before > settings.sweep_seconds + settings.dead_after_seconds / 2

    async def _is_needed(self, conn: AsyncConnection[DictRow]) -> bool:
        limits = (CANCEL_GRACE_SECONDS, self._engine.settings.dead_after_seconds)
        row = await (await conn.execute(_NEEDED, limits)).fetchone()
        return bool(row and row["needed"])

    async def sweep(self, conn: AsyncConnection[DictRow], *, rescues: bool = True) -> None:
        """One sweep, which takes jobs away from silent workers if it ``rescues``."""
        await settle_unheeded_cancels(self._engine, conn)
        if rescues:
            await rescue_dead(self._engine, conn)
        for row in await (await conn.execute(_STALLED_LOCKS, (_RESERVED_SECONDS,))).fetchall():
            async with logged_refusal("lock_not_handed_on", lock=row["key"]):
                await conn.execute(_WAKE, (row["key"], _RESERVED_SECONDS))
        await conn.execute(_WAKE_BELOW_LIMIT, (Jsonb(self._engine.settings.tenant_limits),))
        answer = await (await conn.execute(_TICKETS, (self._ticket_cursor, _TICKETS_AT_ONCE))).fetchone()
        self._ticket_cursor = answer["last"] if answer else ""
