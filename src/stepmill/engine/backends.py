"""End the database backends of an attempt, and prove them gone.

A statement is first cancelled; what still runs 200 ms later is terminated, because COPY FROM STDIN does not answer a
cancel and a frozen worker's open transaction holds locks that its successor needs.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.errors import UnavailableError
from stepmill.gateways.sql.database import Database

SURVIVES = "backend_survives"
"""The code of the error for a backend that can't be ended."""

_THEIRS = "FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
_CANCEL = f"SELECT count(pg_cancel_backend(pid)) AS n {_THEIRS}"
_TERMINATE = f"SELECT count(pg_terminate_backend(pid)) AS n {_THEIRS}"
_COUNT = f"SELECT count(*) AS n {_THEIRS}"
_NAMED = "SELECT FROM pg_stat_activity WHERE application_name = ANY(%s) LIMIT 1"
_BUSY = """
SELECT DISTINCT application_name AS name FROM pg_stat_activity
WHERE application_name = ANY(%s) AND state = 'active' AND query_start < clock_timestamp() - make_interval(secs => %s)
"""
_CANCEL_GRACE_SECONDS = 0.2
_POLL_SECONDS = 0.02
_GIVE_UP_SECONDS = 30.0
_NAME_BYTES = 63  # the server cuts a longer one

_log = structlog.get_logger(__name__)


def attempt_name(job_id: str, attempt: int) -> str:
    """The ``application_name`` of every connection of an attempt."""
    return f"stepmill:{job_id}:{attempt}"


def tickets_name(worker_id: str) -> str:
    """The ``application_name`` of the connections by which a worker claims."""
    return f"stepmill:tickets:{worker_id}"[:_NAME_BYTES]


async def busy_for(
    database: Database, conn: AsyncConnection[DictRow], names: Sequence[str], seconds: float
) -> list[str]:
    """Which of these names have a backend that has been in one statement for so long, or in sending its answer."""
    if not names or (await conn.execute(_NAMED, (list(names),))).rowcount == 0:
        return []
    # Only the login role itself sees what its backends do.
    async with await database.connect(application_name="stepmill:ends-backends", role=None) as login:
        rows = await (await login.execute(_BUSY, (list(names), seconds))).fetchall()
    return [row["name"] for row in rows]


async def end_backends(database: Database, application_name: str) -> None:
    """Return when no backend of that name is left. Raises UnavailableError if one outlives 30 s of terminating."""
    # The login role itself, not one it sets: only it may signal its own backends.
    conn = await database.connect(application_name="stepmill:ends-backends", role=None)
    async with conn:
        started = time.monotonic()
        statement = _CANCEL
        while True:
            row = await (await conn.execute(statement, (application_name,))).fetchone()
            if row is None or row["n"] == 0:
                return
            waited = time.monotonic() - started
            if waited > _GIVE_UP_SECONDS:
                raise UnavailableError("backend_survives", f"A database backend of {application_name} can't be ended.")
            statement = _TERMINATE if waited > _CANCEL_GRACE_SECONDS else _COUNT
            await asyncio.sleep(_POLL_SECONDS)
