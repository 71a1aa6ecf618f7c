"""Live events for any number of readers, over one LISTEN connection per process.

Each job that has readers has one channel: a notification (or, should one be lost, a look every two seconds) makes it
read the job's new events once and hand the same objects to every reader. A reader first catches up from the database
and then follows the channel; per-job numbers are given under a row lock, so what is visible has no gap.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import orjson
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.hub_readers import Channel, Event, FeedReader, Reader
from stepmill.engine.notify import EVENTS_CHANNEL
from stepmill.engine.read import read_job
from stepmill.engine.stamp import FEED_CHANNEL, stamp_events
from stepmill.errors import NotFoundError, UnavailableError

# Few at a time: each reader that catches up holds as many, and there may be hundreds of readers.
_AFTER = "SELECT seq, kind, data FROM job_events WHERE job_id = %s AND seq > %s ORDER BY seq LIMIT 100"
_STATE = """
SELECT c.last_seq, j.status, (SELECT min(seq) FROM job_events e WHERE e.job_id = j.job_id) AS first_seq
FROM jobs j JOIN job_event_counters c USING (job_id) WHERE j.job_id = %s
"""
_END = "SELECT data FROM job_events WHERE job_id = %s AND seq = %s AND kind = 'end'"
_LAST_SEQS = "SELECT job_id, last_seq FROM job_event_counters WHERE job_id = ANY(%s)"
_FEED_AFTER = """
SELECT feed_id, tenant_id, env_id, data FROM job_events WHERE feed_id > %s ORDER BY feed_id LIMIT 1000
"""
_FEED_TENANT = """
SELECT feed_id, tenant_id, env_id, data FROM job_events
WHERE feed_id > %s AND feed_id <= %s AND (%s::text IS NULL OR env_id = %s) ORDER BY feed_id LIMIT 1000
"""
_FEED_LAST = "SELECT coalesce(max(feed_id), 0) AS last FROM job_events WHERE feed_id IS NOT NULL"
_TERMINAL = ("DONE", "ERROR", "CANCELLED")
_LOOK_SECONDS = 2.0
_STAMP_SECONDS = 0.05
_RECONNECT_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class EventHub:
    """Fans events out to this process's readers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._channels: dict[str, Channel] = {}
        self._feed_readers: set[FeedReader] = set()
        self._feed_last = 0
        self._feed_reading = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._stamp_wanted = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen."""
        self._tasks = [
            asyncio.create_task(self._listen(), name="stepmill hub"),
            asyncio.create_task(self._look_around(), name="stepmill hub looks"),
            asyncio.create_task(self._stamp(), name="stepmill stamper"),
        ]

    async def stop(self) -> None:
        """End; readers' iterators end with it."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return len(self._feed_readers) + sum(len(channel.readers) for channel in self._channels.values())

    async def subscribe(self, caller: Principal, job_id: str, after: int | None = None) -> AsyncIterator[Event] | None:
        """The job's events after number ``after``; without it, a ``snapshot`` first. Ends after ``end``.

        None when the job is at rest and the reader has everything. Raises NotFoundError, also for another tenant's job.
        """
        async with self._engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
            state = await (await conn.execute(_STATE, (job_id,))).fetchone()
            if state is None:
                raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
        if after is not None and (after > state["last_seq"] or (state["first_seq"] or 1) > after + 1):
            after = None  # a number that is none of ours, or events after it are gone: start with a new snapshot
        elif after == state["last_seq"] and state["status"] in _TERMINAL:
            return None
        return self._job_events(caller, job_id, after, state["last_seq"])

    async def _job_events(
        self, caller: Principal, job_id: str, after: int | None, committed: int
    ) -> AsyncIterator[Event]:
        channel = self._channels.setdefault(job_id, Channel(committed))
        reader = Reader()
        channel.readers.add(reader)
        try:
            if after is None:
                snapshot, end = await self._snapshot(caller, job_id)
                yield snapshot
                after = snapshot.id
                if end is not None:
                    yield end
                    return
            async for event in self._catch_up(job_id, after):
                after = event.id
                yield event
                if event.kind == "end":
                    return
            while True:
                if reader.overrun:
                    raise UnavailableError(
                        "reader_too_slow", "This stream fell too far behind; connect again with the last id."
                    )
                event = await reader.queue.get()
                if event.id <= after:
                    continue
                after = event.id
                yield event
                if event.kind == "end":
                    return
        finally:
            channel.readers.discard(reader)
            if not channel.readers and self._channels.get(job_id) is channel:
                del self._channels[job_id]

    async def _snapshot(self, caller: Principal, job_id: str) -> tuple[Event, Event | None]:
        """The job as it is, and its end, as it was sent to those who were there, if it is at rest."""
        async with self._engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
            # The counter first: what commits between the two reads is then sent again as an event, never missed.
            state = await (await conn.execute(_STATE, (job_id,))).fetchone()
            if state is None:
                raise NotFoundError("job_not_found", f"There is no job {job_id!r}.")
            end = await (await conn.execute(_END, (job_id, state["last_seq"]))).fetchone()
            job = await read_job(conn, self._engine, job_id)
        snapshot = Event(state["last_seq"], "snapshot", job)
        if state["status"] not in _TERMINAL or job["status"] not in _TERMINAL:
            return snapshot, None
        return snapshot, Event(snapshot.id, "end", end["data"] if end else _end_of(job))

    async def _catch_up(self, job_id: str, after: int) -> AsyncIterator[Event]:
        """What the database has after ``after``. An ``end`` that a retry has overtaken is left out."""
        held: Event | None = None
        while True:
            events = await self._read(job_id, after)
            for event in events:
                held = event if event.kind == "end" else None
                if held is None:
                    yield event
                after = event.id
            if not events:
                break
        if held is not None:
            yield held

    async def _read(self, job_id: str, after: int) -> list[Event]:
        async with self._engine.database.autocommit() as conn:
            rows = await (await conn.execute(_AFTER, (job_id, after))).fetchall()
        return [Event(row["seq"], row["kind"], row["data"]) for row in rows]

    async def subscribe_feed(
        self, caller: Principal, env_id: str | None = None, after: int | None = None
    ) -> AsyncIterator[Event]:
        """Status changes of all the caller's jobs, from now on or after feed number ``after``. Never ends by itself."""
        reader = FeedReader(caller.tenant_id, env_id)
        if not self._feed_readers:
            self._feed_last = await self._feed_position()
        self._feed_readers.add(reader)
        try:
            if after is not None and after > self._feed_last and after > await self._feed_position():
                after = None  # a number that is none of ours
            position = self._feed_last if after is None else after
            end = max(self._feed_last, position)
            while position < end:
                async with self._engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
                    rows = await (await conn.execute(_FEED_TENANT, (position, end, env_id, env_id))).fetchall()
                for row in rows:
                    position = row["feed_id"]
                    yield Event(position, "status", row["data"])
                if not rows:
                    break
            while True:
                if reader.overrun:
                    raise UnavailableError(
                        "reader_too_slow", "This stream fell too far behind; connect again with the last id."
                    )
                event = await reader.queue.get()
                if event.id > position:
                    position = event.id
                    yield event
        finally:
            self._feed_readers.discard(reader)

    async def _feed_position(self) -> int:
        async with self._engine.database.autocommit() as conn:
            row = await (await conn.execute(_FEED_LAST)).fetchone()
        return int(row["last"]) if row else 0

    async def _listen(self) -> None:
        while True:
            try:
                conn = await self._engine.database.connect(application_name="stepmill:hub", role="stepmill_engine")
                async with conn:
                    await conn.execute(f"LISTEN {EVENTS_CHANNEL}")
                    await conn.execute(f"LISTEN {FEED_CHANNEL}")
                    await self._look()
                    async for notification in conn.notifies():
                        await self._hear(notification)
            except (psycopg.Error, UnavailableError, OSError) as error:
                _log.warning("hub_lost_database", error=type(error).__name__)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _hear(self, notification: psycopg.Notify) -> None:
        if notification.channel == FEED_CHANNEL:
            await self._read_feed()
            return
        self._stamp_wanted.set()
        for job_id in orjson.loads(notification.payload):
            if job_id in self._channels:
                await self._refresh(job_id)

    async def _refresh(self, job_id: str) -> None:
        channel = self._channels.get(job_id)
        if channel is None:
            return
        async with channel.reading:
            while events := await self._read(job_id, channel.last):
                channel.hand_out(events)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._stamp_wanted.set()
            with suppress(psycopg.Error, UnavailableError, OSError):
                await self._look()

    async def _look(self) -> None:
        """Notifications are hints: find what one that was lost would have told."""
        if self._channels:
            async with self._engine.database.autocommit() as conn:
                rows = await (await conn.execute(_LAST_SEQS, (list(self._channels),))).fetchall()
            for row in rows:
                channel = self._channels.get(row["job_id"])
                if channel is not None and row["last_seq"] > channel.last:
                    await self._refresh(row["job_id"])
        await self._read_feed()

    async def _read_feed(self) -> None:
        if not self._feed_readers:
            return
        async with self._feed_reading, self._engine.database.autocommit() as conn:
            rows = await (await conn.execute(_FEED_AFTER, (self._feed_last,))).fetchall()
            for row in rows:
                self._feed_last = row["feed_id"]
                event = Event(row["feed_id"], "status", row["data"])
                for reader in self._feed_readers:
                    if reader.tenant_id == row["tenant_id"] and reader.env_id in (None, row["env_id"]):
                        reader.put(event)

    async def _stamp(self) -> None:
        while True:
            try:
                conn: AsyncConnection[DictRow] = await self._engine.database.connect(
                    application_name="stepmill:stamper", role="stepmill_engine"
                )
                async with conn:
                    while True:
                        await self._stamp_wanted.wait()
                        self._stamp_wanted.clear()
                        await stamp_events(conn)
                        await asyncio.sleep(_STAMP_SECONDS)
            except (psycopg.Error, UnavailableError, OSError) as error:
                _log.warning("stamper_lost_database", error=type(error).__name__)
            await asyncio.sleep(_RECONNECT_SECONDS)


def _end_of(job: dict[str, Any]) -> dict[str, Any]:
    """The end of a job whose events were pruned."""
    return {**{key: job[key] for key in ("status", "result", "error")}, "at": job["finishedAt"]}
