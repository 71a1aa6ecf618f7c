"""An answer that must come soon, over a connection that may have become a hole."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_ENDING_SECONDS = 1.0


async def answered(seconds: float, statement: Coroutine[Any, Any, T]) -> T:
    """What a statement on a connection answers. Raises TimeoutError after so many seconds, with the connection closed.

    A statement that is cancelled once has psycopg ask the server to cancel it, and wait for the answer to that for ten
    seconds; cancelled again meanwhile, it closes the connection.
    """
    task = asyncio.ensure_future(statement)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if done:
        return task.result()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({task}, timeout=_ENDING_SECONDS)
    raise TimeoutError(f"The database has not answered within {seconds:g} s.")
