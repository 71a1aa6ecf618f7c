"""What only one process at a time does, of however many there are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.gateways.sql.database import Database

_TRY_LOCK = """
SELECT CASE WHEN pg_try_advisory_lock(%s) THEN
    set_config('idle_session_timeout', %s, false) || set_config('lock_timeout', '5s', false) END IS NOT NULL AS mine
"""
_UNLOCK = """
SELECT set_config('idle_session_timeout', '0', false), set_config('lock_timeout', '0', false), pg_advisory_unlock(%s)
"""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def alone(database: Database, lock: int, *, hold_at_most: str) -> AsyncIterator[AsyncConnection[DictRow] | None]:
    """The session that holds the advisory lock for as long as the block takes; None if another process has it.

    A process that is frozen for longer than ``hold_at_most`` (an interval's text) loses its session, and so the lock:
    otherwise nobody would ever have it again. No statement waits for another's lock for more than 5 s: what one job's
    or lock's row keeps waiting would keep all others waiting, too.
    """
    async with database.autocommit() as conn:
        row = await (await conn.execute(_TRY_LOCK, (lock, hold_at_most))).fetchone()
        if not row or not row["mine"]:
            yield None
            return
        try:
            yield conn
            await conn.execute(_UNLOCK, (lock,))
        except BaseException:
            # The lock goes with the session. To unlock could fail in the middle of a statement, and that error would
            # take the place of a cancellation, which then nobody obeyed.
            await conn.close()
            raise


async def again_and_again(duty: Callable[[], Awaitable[object]], seconds: Callable[[], float], failed: str) -> None:
    """Do the duty, each time after so many seconds, until cancelled. Where it fails, that is logged as ``failed``."""
    while True:
        await asyncio.sleep(seconds())
        await done_or_logged(duty, failed)


async def done_or_logged(duty: Callable[[], Awaitable[object]], failed: str) -> None:
    """Do the duty once; where it fails, that is logged as ``failed``."""
    try:
        await duty()
    except Exception as error:  # noqa: BLE001  (storage libraries have errors of their own; none may end what goes on)
        _log.warning(failed, error=type(error).__name__, detail=str(error)[:200])
