"""Lock documents: a lock that other programs share, kept as a document with holder, token and expiry.

It is taken with the job's own lock, renewed while the attempt runs, and removed at the end of its span. A crashed
holder's document runs out; the same job takes its own over at once. What time it is, the database says:
workers' clocks may differ, and one that is fast would take a document that has not run out.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog

from stepmill.engine.interruption import Interruption
from stepmill.engine.job_type import JobType
from stepmill.errors import ConflictError, NotFoundError, StepmillError
from stepmill.gateways import Gateways
from stepmill.gateways.documents import Collection, Document

EXPIRES_SECONDS = 30.0
RENEW_SECONDS = 10.0
STOP_SECONDS = 5.0
_NOW = "SELECT clock_timestamp() AS now"

_log = structlog.get_logger(__name__)


class LockDocument:
    """The lock document of one attempt, if its job type and params name one."""

    def __init__(
        self, gateways: Gateways, job_type: JobType, params: Any, job: dict[str, Any], interruption: Interruption
    ) -> None:
        named = job_type.lock_document(params) if job_type.lock_document else None
        self._documents = gateways.documents
        self._database = gateways.sql
        self._place = (job["tenant_id"], job["env_id"], Collection(named[0]), named[1]) if named else None
        self._holder: str = job["job_id"]
        self._token: int = job["attempt"]
        self._first, self._last = job_type.lock_range
        self._held_until: float | None = None  # by the event loop's clock
        self._writing = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None
        self._interruption = interruption

    async def enter(self, index: int) -> dict[str, Any] | None:
        """Take the document if step ``index`` needs it. Returns the document's data if another holds it, else None."""
        if self._place is None or self._held_until is not None or not self._first <= index <= self._last:
            return None
        held_until = _held_from_now()
        try:
            found = await self._documents.get(*self._place)
            if await self._is_others(found):
                return found.data
            await self._documents.replace(*self._place, await self._data(), if_version=found.version)
        except NotFoundError:
            try:
                await self._documents.create(*self._place, await self._data())
            except ConflictError:
                return {}
        except ConflictError:
            return {}
        self._held_until = held_until
        self._renewing = asyncio.create_task(self._renew(), name=f"stepmill lock document {self._holder}")
        return None

    async def leave(self, next_index: int | None) -> None:
        """Give the document up when the next step is past its span."""
        if next_index is None or not self._first <= next_index <= self._last:
            await self.release()

    async def release(self) -> None:
        """Give the document up, if it is still ours."""
        async with self._writing:  # a renewal that is on its way comes to its end
            is_held, self._held_until = self._held_until is not None, None
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
            self._renewing = None
        if self._place is None or not is_held:
            return
        try:
            await self._documents.delete(*self._place, if_version=await self._own_version())
        except (NotFoundError, ConflictError):
            _log.warning("lock_document_taken_by_another", job_id=self._holder)
        except (StepmillError, psycopg.Error) as error:  # it runs out by itself
            _log.warning("lock_document_left", job_id=self._holder, error=type(error).__name__)

    async def _renew(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._held_until is not None:
            await asyncio.sleep(min(RENEW_SECONDS, max(0.0, self._held_until - clock())))
            try:
                async with self._writing, asyncio.timeout_at(self._held_until):
                    await self._renew_once()
            except (NotFoundError, ConflictError, TimeoutError) as error:
                _log.warning("lock_document_lost", job_id=self._holder, error=type(error).__name__)
                self._interruption.raise_it("shutdown")  # give the job back; it stands in line anew
                return
            except (StepmillError, psycopg.Error) as error:  # tried again until it runs out
                _log.warning("lock_document_not_renewed", job_id=self._holder, error=type(error).__name__)

    async def _renew_once(self) -> None:
        if self._place is None or self._held_until is None:
            return
        held_until = _held_from_now()
        await self._documents.replace(*self._place, await self._data(), if_version=await self._own_version())
        self._held_until = held_until

    async def _own_version(self) -> int:
        """The document's version, where it is still this attempt's. Raises NotFoundError or ConflictError otherwise.

        The version alone would not tell: a document that others removed and made anew counts from 1 again.
        """
        assert self._place is not None
        found = await self._documents.get(*self._place)
        if (found.data.get("holder"), found.data.get("token")) != (self._holder, self._token):
            raise ConflictError("lock_busy", "Another job holds the lock document.")
        return found.version

    async def _is_others(self, found: Document) -> bool:
        if found.data.get("holder") == self._holder:
            return False
        try:
            return datetime.fromisoformat(str(found.data.get("expiresAt"))) > await self._now()
        except (ValueError, TypeError):
            return True  # somebody else's idea of a lock: never broken

    async def _now(self) -> datetime:
        async with self._database.autocommit() as conn:
            row = await (await conn.execute(_NOW)).fetchone()
        assert row is not None
        now: datetime = row["now"]
        return now

    async def _data(self) -> dict[str, Any]:
        expires = await self._now() + timedelta(seconds=EXPIRES_SECONDS)
        return {"holder": self._holder, "token": self._token, "expiresAt": expires.isoformat()}


def _held_from_now() -> float:
    """Until when a document that is written from now on is surely ours, with time to stop what it protects."""
    return asyncio.get_running_loop().time() + EXPIRES_SECONDS - STOP_SECONDS
