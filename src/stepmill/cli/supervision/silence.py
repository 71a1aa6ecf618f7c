"""Noticing that a worker gives no sign of life any more though its process is there: it is frozen, or cut off."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import psycopg

from stepmill.engine.engine import Engine
from stepmill.errors import StepmillError

LastSeen = Callable[[], Awaitable[datetime | None]]

_LAST_SEEN = "SELECT last_seen_at FROM workers WHERE worker_id = %s"


async def worker_fell_silent(engine: Engine, worker_id: str) -> None:
    """Return when the worker has been silent for as long as makes it dead."""

    async def last_seen() -> datetime | None:
        async with engine.database.autocommit() as conn:
            row = await (await conn.execute(_LAST_SEEN, (worker_id,))).fetchone()
        return row["last_seen_at"] if row else None

    settings = engine.settings
    await silence(last_seen, settings.dead_after_seconds, settings.heartbeat_seconds)


async def silence(last_seen: LastSeen, dead_after_seconds: float, look_seconds: float) -> None:
    """Return when look after look for so long has found the same sign of life.

    Looks are counted and no clock is read: where both processes stood still, as in a sleeping machine, or the database
    was away, the worker has all its time again to say that it is alive. One that was never seen is still starting.
    """
    known: datetime | None = None
    unchanged = 0.0
    while unchanged < dead_after_seconds:
        await asyncio.sleep(look_seconds)
        try:
            seen = await last_seen()
        except (psycopg.Error, StepmillError, OSError):
            seen = None
        unchanged = unchanged + look_seconds if seen is not None and seen == known else 0.0
        known = seen
