"""Locks that keep readers out, taken without making readers wait."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, errors, sql

_TRIES = 8


async def under_short_lock(conn: AsyncConnection[Any], statements: Sequence[sql.Composed]) -> None:
    """Run statements that lock readers out, all or none, waiting at most 50 ms for each lock and then trying again.

    A waiting exclusive lock queues every new reader behind it, so it must not wait for long. The limit stays for the
    rest of the transaction. Raises ``LockNotAvailable`` after some tries.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            async with conn.transaction():
                await conn.execute("SET LOCAL lock_timeout = '50ms'")
                for statement in statements:
                    await conn.execute(statement)
            return
        except errors.LockNotAvailable:
            if not tries_left:
                raise
        await asyncio.sleep(random.uniform(0.02, 0.3))  # noqa: S311 - jitter, no secret
