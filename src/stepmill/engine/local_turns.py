"""Jobs of one worker that want the same lock, one after another, without a way through the queue for each.

Who finds a lock taken gives up its place in the worker and is claimed again when the lock is free. That is right for
minutes. Where jobs hold a lock for milliseconds, and follow one another in one worker, it costs as much as they do.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from stepmill.engine.attempt import Attempt

_PATIENCE_SECONDS = 0.25  # with another job of this worker; whoever waits keeps its place


@dataclass
class _Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    jobs: int = 0


class LocalTurns:
    """Who is next among the jobs of this worker. What decides is the lock in the database, which comes after."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def before_lock(self, attempt: Attempt) -> None:
        """Let the jobs go first that have the lock or wanted it before, if the lock is taken when this step is done.

        Who has waited in vain, or does not wait at all (``onBusy`` is ``fail``), goes on as if it were alone.
        """
        job_type = attempt.job_type
        if job_type.lock is None or attempt.index is None or attempt.turn is not None:
            return
        if attempt.index + 1 == job_type.lock_range[0] and attempt.job["params"].get("onBusy") != "fail":
            key = f"{attempt.job['tenant_id']}:{job_type.lock(attempt.params)}"
            if await self._take(key):
                attempt.turn = key

    def after_step(self, attempt: Attempt, following: dict[str, Any]) -> None:
        """End the attempt's turn where its lock is free: no step of those that it is for comes next."""
        if following["idx"] is None or following["idx"] > attempt.job_type.lock_range[1]:
            self.end(attempt)

    def end(self, attempt: Attempt) -> None:
        """Let the next one go on, if it was this attempt's turn."""
        if attempt.turn is None:
            return
        line = self._lines[attempt.turn]
        line.lock.release()
        self._leave(attempt.turn, line)
        attempt.turn = None

    async def _take(self, key: str) -> bool:
        line = self._lines.setdefault(key, _Line())
        line.jobs += 1
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await line.lock.acquire()
        except TimeoutError:
            self._leave(key, line)
            return False
        except BaseException:
            self._leave(key, line)
            raise
        return True

    def _leave(self, key: str, line: _Line) -> None:
        line.jobs -= 1
        if not line.jobs:
            del self._lines[key]
