"""A body that comes at a pace: whoever sends next to nothing may not hold a place for hours."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from stepmill.errors import UnreadableError

PACE_BYTES = 64 * 1024
PACE_SECONDS = 60.0
"""So much must come in each time of this length; less if it is the end."""


async def at_a_pace(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The chunks as they come. Only the time spent waiting for them counts, not what is done with them.

    Raises :class:`UnreadableError` if they come too slowly.
    """
    loop = asyncio.get_running_loop()
    seconds, due = PACE_SECONDS, PACE_BYTES
    while True:
        began = loop.time()
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise UnreadableError(
                "body_too_slow", f"An upload must bring {PACE_BYTES:,} bytes in each {PACE_SECONDS:.0f} s."
            ) from None
        if chunk is None:
            return
        seconds -= loop.time() - began
        due -= len(chunk)
        if due <= 0:
            seconds, due = PACE_SECONDS, PACE_BYTES
        yield chunk
