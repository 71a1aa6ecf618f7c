"""Computing for previews: child processes as workers use them, brought up when needed and ended when idle.

An api process computes nothing itself, and keeps no child while nobody looks at previews.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from stepmill.engine.compute import ComputePool
from stepmill.engine.ids import new_id
from stepmill.errors import DataError, NotFoundError, StepmillError

_AT_ONCE = 2
_OWN_FAULTS = frozenset({"internal_error", "memory_limit"})
_BYTES_GONE = "blob_not_found"


class _Silent:
    """Previews report no progress."""

    def progress(self, done: float, total: float | None, unit: str, message: str | None) -> None:
        """Nobody listens."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """Nobody listens."""


class PreviewPool:
    """Runs a function in a child process, with a time limit; two at once, the others wait."""

    def __init__(self, *, memory_bytes: int, timeout_seconds: float = 30.0, idle_seconds: float = 60.0) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_seconds = timeout_seconds
        self._idle_seconds = idle_seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._running = 0
        self._pool: ComputePool | None = None
        self._reaper: asyncio.Task[None] | None = None

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """The result of ``function(report, *args)``. What it found wrong with the data is a DataError here."""
        async with self._turns:
            self._running += 1
            self._stop_reaper()
            try:
                pool = self._pool = self._pool or self._new_pool()
                async with asyncio.timeout(self._timeout_seconds):
                    return await pool.run(new_id("preview"), _Silent(), function, args)
            except TimeoutError:
                raise DataError(
                    "preview_timeout", f"The preview took more than {self._timeout_seconds:.0f} s and was stopped."
                ) from None
            except StepmillError as error:
                if error.code == _BYTES_GONE:
                    raise NotFoundError(error.code, error.message) from None
                if type(error) is StepmillError and error.code not in _OWN_FAULTS:
                    raise DataError(error.code, error.message, details=error.details) from None
                raise
            finally:
                self._running -= 1
                if self._running == 0:
                    self._reaper = asyncio.create_task(self._end_when_idle(), name="stepmill preview reaper")

    async def close(self) -> None:
        """End the children."""
        self._stop_reaper()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _new_pool(self) -> ComputePool:
        return ComputePool(keep=1, memory_bytes=self._memory_bytes, at_once=_AT_ONCE)

    def _stop_reaper(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None

    async def _end_when_idle(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(self._idle_seconds)
            self._reaper = None
            await self.close()
