"""Finished jobs and their events are kept for a while, then removed in small batches that nobody waits for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.engine import Engine

# By the database's clock: a worker's own may be wrong.
_PRUNE_JOBS = "SELECT prune_jobs_v1(clock_timestamp() - make_interval(secs => %s), %s) AS gone"
_PRUNE_EVENTS = "SELECT prune_events_v2(%s, clock_timestamp() - make_interval(secs => %s), %s) AS answer"
_AT_ONCE = 100
_DAY_SECONDS = 86_400.0
_PAUSE_SECONDS = 0.02
"""Between two batches: what others want from the same tables goes first."""
_AT_MOST_SECONDS = 20.0
"""For one round. What is left is the next round's."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Retention:
    """Prunes for one process, which remembers how far the events are pruned already."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._events_until = _BEGINNING

    async def prune(self) -> None:
        """One round."""
        settings = self._engine.settings
        async with self._engine.database.autocommit() as conn:
            if settings.job_days:
                async for _ in _batches():
                    if not await _value(conn, _PRUNE_JOBS, settings.job_days * _DAY_SECONDS, _AT_ONCE):
                        break
            events_go_earlier = not settings.job_days or settings.event_days < settings.job_days
            if settings.event_days and events_go_earlier:
                await self._prune_events(conn, settings.event_days * _DAY_SECONDS)

    async def _prune_events(self, conn: AsyncConnection[DictRow], older_seconds: float) -> None:
        """One round. The next begins where it ended, or at the first job that somebody else was at."""
        until, left = self._events_until, None
        async for _ in _batches():
            answer = await _value(conn, _PRUNE_EVENTS, until, older_seconds, _AT_ONCE)
            if answer["last"] is None:
                break
            until = datetime.fromisoformat(answer["last"])
            left = left or answer["left"]
        self._events_until = datetime.fromisoformat(left) - timedelta(microseconds=1) if left else until


async def _batches() -> AsyncIterator[None]:
    """One turn for each batch, until the round is over."""
    clock = asyncio.get_running_loop().time
    until = clock() + _AT_MOST_SECONDS
    while clock() < until:
        yield
        await asyncio.sleep(_PAUSE_SECONDS)


async def _value(conn: AsyncConnection[DictRow], query: str, *values: object) -> Any:
    row = await (await conn.execute(query.encode(), values)).fetchone()
    return next(iter(row.values())) if row else None
