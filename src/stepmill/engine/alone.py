"""What only one process at a time does, of however many there are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.gateways.sql.database import Database

Duty = Literal["sweep", "housekeeping"]

# A process number may come again, in another session: so none holds a duty for ever.
_TAKE = """
WITH free AS (
    SELECT name FROM duties d WHERE name = %(duty)s AND (held_by IS NULL
        OR held_since < greatest(pg_postmaster_start_time(), clock_timestamp() - 6 * %(hold_at_most)s::text::interval)
        OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = d.held_by))
    FOR UPDATE SKIP LOCKED)
UPDATE duties SET held_by = pg_backend_pid(), held_since = clock_timestamp() WHERE name IN (SELECT name FROM free)
RETURNING set_config('idle_session_timeout', %(hold_at_most)s::text, false), set_config('lock_timeout', '5s', false)
"""
_LEAVE = """
WITH left_to_others AS (UPDATE duties SET held_by = NULL WHERE name = %s AND held_by = pg_backend_pid())
SELECT set_config('idle_session_timeout', '0', false), set_config('lock_timeout', '0', false)
"""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def alone(database: Database, duty: Duty, *, hold_at_most: str) -> AsyncIterator[AsyncConnection[DictRow] | None]:
    """The session that holds the duty for as long as the block takes; None if another process has it.

    A process that is frozen for longer than ``hold_at_most`` (an interval's text) loses its session, and so the duty:
    otherwise nobody would ever have it again. No statement waits for another's lock for more than 5 s: what one job's
    or lock's row keeps waiting would keep all others waiting, too.
    """
    async with database.autocommit() as conn:
        taken = await conn.execute(_TAKE, {"duty": duty, "hold_at_most": hold_at_most})
        if not taken.rowcount:
            yield None
            return
        try:
            yield conn
            await conn.execute(_LEAVE, (duty,))
        except BaseException:
            # The duty goes with the session. To leave it could fail in the middle of a statement, and that error would
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
