"""Housekeeping: what has had its time is removed, once a minute, by one worker at a time.

It may take long, so it is no part of the sweep, which dead workers' jobs wait for.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, repeat

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.alone import again_and_again, alone, done_or_logged
from stepmill.engine.engine import Engine

_HOLD_AT_MOST = "10min"
_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 60.0
_OLD_KEYS = """
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(secs => %s) LIMIT 5000))
"""
_DAY_SECONDS = 86_400
_FAILED = "housekeeping_failed"

Duty = Callable[[], Awaitable[object]]


class Housekeeper:
    """Removes old idempotency keys, and runs the duties of other packages. None keeps the next from its turn."""

    def __init__(self, engine: Engine, duties: Sequence[Duty] = ()) -> None:
        self._engine = engine
        self._duties = duties

    async def run(self) -> None:
        """Keep house until cancelled."""
        pauses = chain([_FIRST_SECONDS], repeat(_EVERY_SECONDS))
        await again_and_again(self.keep_house, lambda: next(pauses), _FAILED)

    async def keep_house(self) -> None:
        """One round, unless another process is at it."""
        async with alone(self._engine.database, "housekeeping", hold_at_most=_HOLD_AT_MOST) as conn:
            if conn is None:
                return
            await done_or_logged(lambda: self._remove_old_keys(conn), _FAILED)
            for duty in self._duties:
                await done_or_logged(duty, _FAILED)

    async def _remove_old_keys(self, conn: AsyncConnection[DictRow]) -> None:
        """In small parts, each a commit."""
        seconds = self._engine.settings.idempotency_days * _DAY_SECONDS
        while (await conn.execute(_OLD_KEYS, (seconds,))).rowcount:
            pass
