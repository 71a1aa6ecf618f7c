"""What one tenant may have of something that all share in a process, such as the connections of a pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from stepmill.errors import RateLimitedError

_RETRY_AFTER_SECONDS = 1.0


class TenantShares:
    """``most`` at once for each tenant. Who comes later waits in the tenant's own line, and keeps nobody else waiting.

    ``of_what`` says in the error what the tenant has as many of as it may.
    """

    def __init__(self, most: int, of_what: str, *, wait_seconds: float) -> None:
        self._most = most
        self._of_what = of_what
        self._wait_seconds = wait_seconds
        self._lines: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def taken(self, tenant_id: str | None) -> AsyncIterator[None]:
        """One of the tenant's while the block runs; who acts for no tenant needs none.

        Raises :class:`RateLimitedError` after ``wait_seconds`` in the line.
        """
        if tenant_id is None:
            yield
            return
        line = self._lines.get(tenant_id)
        if line is None:
            line = self._lines[tenant_id] = asyncio.Semaphore(self._most)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await line.acquire()
        except TimeoutError:
            raise RateLimitedError(
                "too_many_requests",
                f"Your tenant has {self._most} {self._of_what} under way here, as many as one may have, and others "
                "wait already. Try again when some of them have ended.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            ) from None
        try:
            yield
        finally:
            line.release()
