"""Jobs of one worker that want the same lock, one after another, without a way through the queue for each.

Who finds a lock taken gives up its place in the worker and is claimed again when the lock is free. That is right for
minutes. Where jobs hold a lock for milliseconds, and follow one another in one worker, it costs as much as they do.
"""

import asyncio
from dataclasses import dataclass, field


@dataclass
class _Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    jobs: int = 0


class LocalTurns:
    """Who is next among the jobs of this worker. What decides is the lock in the database, which comes after."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def take(self, key: str, patience: float) -> bool:
        """Wait for ``key``, at most ``patience`` seconds. Answers whether it is taken, and to be released then."""
        line = self._lines.setdefault(key, _Line())
        line.jobs += 1
        try:
            async with asyncio.timeout(patience):
                await line.lock.acquire()
        except TimeoutError:
            self._leave(key, line)
            return False
        except BaseException:
            self._leave(key, line)
            raise
        return True

    def release(self, key: str) -> None:
        """Let the next one go on."""
        line = self._lines[key]
        line.lock.release()
        self._leave(key, line)

    def _leave(self, key: str, line: _Line) -> None:
        line.jobs -= 1
        if not line.jobs:
            del self._lines[key]
