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

# Anybody may call a session so; those of others can't be ended by the login role, and hold nothing of a job's.
_THEIRS = """
FROM pg_stat_activity WHERE application_name = ANY(%s) AND usename = session_user AND pid <> pg_backend_pid()
"""
_CANCEL = f"SELECT count(pg_cancel_backend(pid)) AS n {_THEIRS}"
_TERMINATE = f"SELECT count(pg_terminate_backend(pid)) AS n {_THEIRS}"
_COUNT = f"SELECT count(*) AS n {_THEIRS}"
_CLAIMS = "stepmill:tickets:"
# Who may not see what a backend does sees its name and that it holds something, which a claim does for a millisecond.
_CLAIMING = f"""
SELECT FROM pg_stat_activity a WHERE starts_with(application_name, '{_CLAIMS}') AND datname = current_database()
AND usename = session_user
AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.mode = 'RowExclusiveLock') LIMIT 1
"""
_STUCK = f"""
SELECT DISTINCT application_name AS name FROM pg_stat_activity
WHERE (application_name = ANY(%s) OR wait_event = 'ClientWrite') AND starts_with(application_name, '{_CLAIMS}')
    AND datname = current_database() AND usename = session_user AND state = 'active'
    AND query_start < clock_timestamp() - make_interval(secs => %s)
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
    return f"{_CLAIMS}{worker_id[len(_CLAIMS) - _NAME_BYTES :]}"  # its end, as hosts of one kind begin alike


async def stuck_claims(
    database: Database, conn: AsyncConnection[DictRow], silent_workers: Sequence[str], seconds: float
) -> list[str]:
    """The names of backends that have been in one claim for so long: of a silent worker, or in sending the answer."""
    if (await conn.execute(_CLAIMING)).rowcount == 0:
        return []
    names = [tickets_name(worker_id) for worker_id in silent_workers]
    # Only the login role itself sees what its backends do.
    async with await database.connect(application_name="stepmill:ends-backends", role=None) as login:
        rows = await (await login.execute(_STUCK.encode(), (names, seconds))).fetchall()
    return [row["name"] for row in rows]


async def end_backends(database: Database, *names: str, give_up_seconds: float = _GIVE_UP_SECONDS) -> None:
    """Return when no backend of these names is left. Raises UnavailableError if one outlives so long a terminating."""
    # The login role itself, not one it sets: only it may signal its own backends.
    conn = await database.connect(application_name="stepmill:ends-backends", role=None)
    async with conn:
        started = time.monotonic()
        statement = _CANCEL
        while True:
            row = await (await conn.execute(statement, ([*names],))).fetchone()
            if row is None or row["n"] == 0:
                return
            waited = time.monotonic() - started
            if waited > give_up_seconds:
                raise UnavailableError(
                    "backend_survives", f"A database backend of {', '.join(names[:3])} can't be ended."
                )
            statement = _TERMINATE if waited > _CANCEL_GRACE_SECONDS else _COUNT
            await asyncio.sleep(_POLL_SECONDS)
