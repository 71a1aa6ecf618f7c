"""The fence: an attempt's transaction commits only while the attempt is the job's current one."""

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.rows import DictRow

from stepmill.engine.context import AttemptConnection
from stepmill.errors import AttemptLostError

ATTEMPT_LOST_SQLSTATE = "SM001"
FENCE = "SELECT fence_v1(%s, %s)"


def is_attempt_lost(error: BaseException) -> bool:
    """Whether a database error says that the attempt is no longer current."""
    return isinstance(error, psycopg.Error) and error.sqlstate == ATTEMPT_LOST_SQLSTATE


async def assert_current_async(conn: AsyncConnection[DictRow], job_id: str, attempt: int) -> None:
    """Hold the attempt's row to the end of the transaction. Raises AttemptLostError."""
    try:
        await conn.execute(FENCE, (job_id, attempt))
    except psycopg.Error as error:
        if is_attempt_lost(error):
            raise AttemptLostError(job_id, attempt) from error
        raise


def assert_current(conn: Connection[DictRow], own: AttemptConnection) -> None:
    """The same in a compute child: the last statement before each of its commits. Raises AttemptLostError."""
    try:
        conn.execute(FENCE, (own.job_id, own.attempt))
    except psycopg.Error as error:
        if is_attempt_lost(error):
            raise AttemptLostError(own.job_id, own.attempt) from error
        raise
