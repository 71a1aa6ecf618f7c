"""Our own NOTIFYs: coalesced, and sent outside the work's transactions.

A commit that notifies takes a lock on the whole server, so no transaction of a job does it; one short transaction for
many jobs follows them. A notification is a hint: what was missed is found by looking.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import orjson
import psycopg
import structlog

from stepmill.errors import StepmillError
from stepmill.gateways.sql.database import Database

EVENTS_CHANNEL = "stepmill_events"
CANCEL_CHANNEL = "stepmill_cancel"
_PAYLOAD_BYTES = 7_000  # PostgreSQL takes fewer than 8,000
_COALESCE_SECONDS = 0.025
_AGAIN_SECONDS = 1.0
_NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, %s)"
"""Nothing is lost that a look would not find, so nobody waits for the disk."""

_log = structlog.get_logger(__name__)


class Notifier:
    """Tells every api process which jobs have new events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._touched: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="stepmill notifier")

    async def stop(self) -> None:
        """Send what is left, then end."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._send()

    def touch(self, job_id: str) -> None:
        """Say, soon, that the job has new events."""
        self._touched.add(job_id)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            sent = await self._send()
            await asyncio.sleep(_COALESCE_SECONDS if sent else _AGAIN_SECONDS)

    async def _send(self) -> bool:
        touched, self._touched = self._touched, set()
        if not touched:
            return True
        try:
            async with self._database.autocommit() as conn:
                for payload in _payloads(sorted(touched)):
                    await conn.execute(_NOTIFY, (EVENTS_CHANNEL, payload))
        except (psycopg.Error, StepmillError, OSError) as error:
            _log.warning("notify_failed", error=type(error).__name__)
            self._touched |= touched
            self._wake.set()
            return False
        return True


def _payloads(job_ids: list[str]) -> Iterator[str]:
    batch: list[str] = []
    size = 2
    for job_id in job_ids:
        if batch and size + len(job_id) + 3 > _PAYLOAD_BYTES:
            yield orjson.dumps(batch).decode()
            batch, size = [], 2
        batch.append(job_id)
        size += len(job_id) + 3
    yield orjson.dumps(batch).decode()
