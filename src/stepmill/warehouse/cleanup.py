"""Drop what nobody needs any more: targets of jobs that ended without them, and tables kept for an undo long enough."""

from collections.abc import Awaitable, Callable

import structlog
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import DictRow

from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.identifiers import Identifier

_LOCK_SECONDS = 0.05
_AT_ONCE = 100

_ABANDONED = """
SELECT t.job_id FROM load_targets t LEFT JOIN jobs j USING (job_id)
WHERE j.job_id IS NULL OR j.status IN ('DONE', 'ERROR', 'CANCELLED') ORDER BY t.created_at LIMIT %s
"""
_STILL_ABANDONED = """
SELECT NOT EXISTS (SELECT FROM jobs WHERE job_id = %s AND status IN ('PENDING', 'RUNNING')) AS abandoned
"""
_DUE = """
SELECT schema_name, table_name FROM retired_tables WHERE drop_after <= clock_timestamp() ORDER BY drop_after LIMIT %s
"""

_log = structlog.get_logger(__name__)


async def drop_leftovers(database: Database) -> int:
    """Drop leftovers of all tenants; safe to repeat and to run twice at once. Answers how many tables went.

    A job that is retried after its target was dropped fills it anew.
    """
    async with database.autocommit() as conn:
        jobs = await (await conn.execute(_ABANDONED, (_AT_ONCE,))).fetchall()
        due = await (await conn.execute(_DUE, (_AT_ONCE,))).fetchall()
    dropped = 0
    for row in jobs:
        dropped += await _try(database, _drop_target, (row["job_id"],))
    for row in due:
        dropped += await _try(database, _drop_retired, (row["schema_name"], row["table_name"]))
    return dropped


async def _try(database: Database, drop: Callable[..., Awaitable[bool]], args: tuple[str, ...]) -> bool:
    """Drop one leftover in a transaction of its own; one that somebody still reads is left for the next time."""
    try:
        async with database.transaction("stepmill_engine", lock_timeout=_LOCK_SECONDS) as conn:
            return await drop(conn, *args)
    except errors.LockNotAvailable:
        return False
    except errors.Error as error:  # one table that can't be dropped must not keep the others
        _log.warning("leftover_not_dropped", leftover=args, detail=str(error)[:200])
        return False


async def _drop_target(conn: AsyncConnection[DictRow], job_id: str) -> bool:
    cursor = await conn.execute("SELECT * FROM load_targets WHERE job_id = %s FOR UPDATE SKIP LOCKED", (job_id,))
    row = await cursor.fetchone()
    # A retry may have come between; its Transform waits for this row, so what is seen now stays true.
    status = await (await conn.execute(_STILL_ABANDONED, (job_id,))).fetchone()
    if row is None or not status or not status["abandoned"]:
        return False
    await _drop_table(conn, row["schema_name"], row["table_name"])
    await conn.execute("DELETE FROM load_rejects WHERE load_id = %s", (row["load_id"],))
    await conn.execute("DELETE FROM load_targets WHERE load_id = %s", (row["load_id"],))
    return True


async def _drop_retired(conn: AsyncConnection[DictRow], schema_name: str, table_name: str) -> bool:
    taken = await conn.execute(
        "DELETE FROM retired_tables WHERE schema_name = %s AND table_name = %s AND drop_after <= clock_timestamp()",
        (schema_name, table_name),
    )
    if not taken.rowcount:
        return False  # brought back by a revert, or dropped by another
    await _drop_table(conn, schema_name, table_name)
    return True


async def _drop_table(conn: AsyncConnection[DictRow], schema_name: str, table_name: str) -> None:
    await conn.execute("SET LOCAL ROLE stepmill_loader")  # who owns the warehouse
    await conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(Identifier(schema_name, table_name)))
    await conn.execute("SET LOCAL ROLE stepmill_engine")
