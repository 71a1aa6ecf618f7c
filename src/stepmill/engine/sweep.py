"""The sweeper: one at a time, in any worker or api. Finds what was lost: dead workers' jobs, cancels, tickets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stepmill.engine.engine import Engine
from stepmill.engine.rescue import CANCEL_GRACE_SECONDS, logged_refusal, rescue_dead, settle_unheeded_cancels
from stepmill.errors import StepmillError

_LOCK = 5041_0001
_TRY_LOCK = """
SELECT CASE WHEN pg_try_advisory_lock(%s) THEN set_config('idle_session_timeout', %s, false) END IS NOT NULL AS mine
"""
_UNLOCK = "SELECT set_config('idle_session_timeout', '0', false), pg_advisory_unlock(%s)"
_HOLD_AT_MOST = "60s"
"""A sweeper that is frozen in its sweep loses its session, and so the lock: otherwise nobody would ever sweep again."""
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
_OLD_KEYS = "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(secs => %s)"
_RESERVED_SECONDS = 30.0
_HOUSEKEEPING_SECONDS = 60.0

_log = structlog.get_logger(__name__)

Housekeeping = Callable[[], Awaitable[None]]


class Sweeper:
    """Sweeps every few seconds. ``housekeeping`` are slower duties of other packages, each run once a minute.

    One that only stands in, as an api does, sweeps where no worker is alive to do it, or one does not heed a cancel.
    """

    def __init__(
        self, engine: Engine, housekeeping: Sequence[Housekeeping] = (), *, only_stands_in: bool = False
    ) -> None:
        self._engine = engine
        self._housekeeping = housekeeping
        self._only_stands_in = only_stands_in
        self._ticket_cursor = ""
        self._last_housekeeping = float("-inf")

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._engine.settings.sweep_seconds)
            try:
                async with self._engine.database.autocommit() as conn:
                    if not self._only_stands_in or await self._is_needed(conn):
                        await self._sweep_if_alone(conn)
            except (psycopg.Error, StepmillError, OSError) as error:
                _log.warning("sweep_failed", error=type(error).__name__, detail=str(error)[:200])

    async def _is_needed(self, conn: AsyncConnection[DictRow]) -> bool:
        limits = (CANCEL_GRACE_SECONDS, self._engine.settings.dead_after_seconds)
        row = await (await conn.execute(_NEEDED, limits)).fetchone()
        return bool(row and row["needed"])

    async def _sweep_if_alone(self, conn: AsyncConnection[DictRow]) -> None:
        row = await (await conn.execute(_TRY_LOCK, (_LOCK, _HOLD_AT_MOST))).fetchone()
        if not row or not row["mine"]:
            return
        try:
            await self.sweep(conn)
            await conn.execute(_UNLOCK, (_LOCK,))
        except BaseException:
            # The lock goes with the session. To unlock could fail in the middle of a statement, and that error would
            # take the place of a cancellation, which then nobody obeyed.
            await conn.close()
            raise

    async def sweep(self, conn: AsyncConnection[DictRow]) -> None:
        """One sweep."""
        await settle_unheeded_cancels(self._engine, conn)
        await rescue_dead(self._engine, conn)
        for row in await (await conn.execute(_STALLED_LOCKS, (_RESERVED_SECONDS,))).fetchall():
            async with logged_refusal("lock_not_handed_on", lock=row["key"]):
                await conn.execute(_WAKE, (row["key"], _RESERVED_SECONDS))
        await conn.execute(_WAKE_BELOW_LIMIT, (Jsonb(self._engine.settings.tenant_limits),))
        answer = await (await conn.execute(_TICKETS, (self._ticket_cursor, _TICKETS_AT_ONCE))).fetchone()
        self._ticket_cursor = answer["last"] if answer else ""
        await self._keep_house(conn)

    async def _keep_house(self, conn: AsyncConnection[DictRow]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last_housekeeping < _HOUSEKEEPING_SECONDS:
            return
        self._last_housekeeping = now
        await conn.execute(_OLD_KEYS, (self._engine.settings.idempotency_days * 86_400,))
        for duty in self._housekeeping:
            await duty()
