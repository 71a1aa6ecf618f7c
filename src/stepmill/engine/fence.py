"""The fence: an attempt's transaction commits only while the attempt is the job's current one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import AsyncConnection, Connection, sql
from psycopg.rows import DictRow

from stepmill.engine.context import AttemptConnection
from stepmill.errors import AttemptLostError

ATTEMPT_LOST_SQLSTATE = "SM001"
FENCE = "SELECT fence_v1(%s, %s)"
_AS_ENGINE_FENCED = sql.SQL("SELECT set_config('role', 'stepmill_engine', true); SELECT fence_v1({}, {})")


def is_attempt_lost(error: BaseException) -> bool:
    """Whether a database error says that the attempt is no longer current."""
    return isinstance(error, psycopg.Error) and error.sqlstate == ATTEMPT_LOST_SQLSTATE


@contextmanager
def told_as_lost(job_id: str, attempt: int) -> Iterator[None]:
    """Raises AttemptLostError where the database says that the attempt is no longer current."""
    try:
        yield
    except psycopg.Error as error:
        if is_attempt_lost(error):
            raise AttemptLostError(job_id, attempt) from error
        raise


async def assert_current_async(conn: AsyncConnection[DictRow], job_id: str, attempt: int) -> None:
    """Hold the attempt's row to the end of the transaction, which acts as the engine then. Raises AttemptLostError."""
    with told_as_lost(job_id, attempt):
        await conn.execute(_AS_ENGINE_FENCED.format(job_id, attempt))  # two statements at one go take no parameters


def assert_current(conn: Connection[DictRow], own: AttemptConnection) -> None:
    """The same in a compute child: the last statement before each of its commits. Raises AttemptLostError."""
    with told_as_lost(own.job_id, own.attempt):
        conn.execute(FENCE, (own.job_id, own.attempt))
