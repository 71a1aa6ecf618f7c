"""Live events for any number of readers, over one LISTEN connection per process.

Each job that has readers has one channel: a notification (or, should one be lost, a look every two seconds) makes it
read the job's new events once and hand the same objects to every reader. A reader first catches up from the database
and then follows the channel; per-job numbers are given under a row lock, so what is visible has no gap.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager, suppress

import orjson
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.auth import Principal
from stepmill.engine.engine import Engine
from stepmill.engine.hub_readers import FOLLOWER_EVENTS, Channel, Event, Events, FeedReader, Position, Reader
from stepmill.engine.job_events import EVENTS_AT_ONCE, catch_up, job_state, known_number, read_events_of, snapshot
from stepmill.engine.notify import EVENTS_CHANNEL
from stepmill.engine.stamp import FEED_CHANNEL, stamp_events
from stepmill.engine.states import TERMINAL
from stepmill.errors import UnavailableError
from stepmill.gateways.shares import TenantShares

_LAST_SEQS = "SELECT job_id, last_seq FROM job_event_counters WHERE job_id = ANY(%s)"
_FEED_AFTER = """
SELECT feed_id, tenant_id, env_id, data FROM job_events WHERE feed_id > %s ORDER BY feed_id LIMIT 1000
"""
_FEED_TENANT = """
SELECT feed_id, tenant_id, env_id, data FROM job_events
WHERE feed_id > %s AND feed_id <= %s AND (%s::text IS NULL OR env_id = %s) ORDER BY feed_id LIMIT 1000
"""
_FEED_LAST = "SELECT coalesce(max(feed_id), 0) AS last FROM job_events WHERE feed_id IS NOT NULL"
_LOOK_SECONDS = 2.0
_STAMP_SECONDS = 0.05
_RECONNECT_SECONDS = 0.5
_READING_AT_ONCE = 4
"""Streams that read what they begin with. When thousands come back at once, other requests get a connection, too."""
_READING_OF_TENANT = 3
"""So that those of another tenant begin, too."""
_READING_WAITS_SECONDS = 120.0

_log = structlog.get_logger(__name__)


class EventHub:
    """Fans events out to this process's readers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._channels: dict[str, Channel] = {}
        self._feed_readers: set[FeedReader] = set()
        self._feed_last = 0
        self._feed_reading = asyncio.Lock()
        self._reading = asyncio.Semaphore(_READING_AT_ONCE)
        self._reading_of = TenantShares(_READING_OF_TENANT, "streams that begin", wait_seconds=_READING_WAITS_SECONDS)
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

    async def subscribe(
        self, caller: Principal, job_id: str, after: int | None = None
    ) -> AsyncGenerator[Events] | None:
        """The job's events after number ``after``; without it, a ``snapshot`` first. Ends after ``end``.

        They come as many at once as there are. None when the job is at rest and the reader has everything. Raises
        NotFoundError, also for another tenant's job.
        """
        async with self._turn(caller):
            state = await job_state(self._engine, caller, job_id)
        after = known_number(state, after)
        if after == state["last_seq"] and state["status"] in TERMINAL:
            return None
        return self._until_end(self._job_events(caller, job_id, after, Reader(), state["last_seq"]))

    async def follow(self, caller: Principal, job_id: str, after: int | None = None) -> AsyncGenerator[Event]:
        """The same events, for a reader of several jobs: ``end`` is not the last, because a retry may bring more."""
        async with self._turn(caller):
            state = await job_state(self._engine, caller, job_id)
        reader = Reader(FOLLOWER_EVENTS)
        found = self._job_events(caller, job_id, known_number(state, after), reader, state["last_seq"])
        async with aclosing(found):
            async for events in found:
                for event in events:
                    yield event

    @asynccontextmanager
    async def _turn(self, caller: Principal) -> AsyncIterator[None]:
        """One of the few that read what a stream begins with."""
        async with self._reading_of.taken(caller.tenant_id), self._reading:
            yield

    async def _until_end(self, found: AsyncGenerator[Events]) -> AsyncGenerator[Events]:
        async with aclosing(found):
            async for events in found:
                ends = next((place for place, event in enumerate(events, 1) if event.kind == "end"), None)
                yield Events(events[:ends])
                if ends is not None:
                    return
                del events  # a snapshot is large, and would be kept while this waits

    async def _job_events(
        self, caller: Principal, job_id: str, after: int | None, reader: Reader, committed: int
    ) -> AsyncGenerator[Events]:
        channel = self._channels.setdefault(job_id, Channel(committed))
        channel.readers.add(reader)
        try:
            if after is None:
                async with self._turn(caller):
                    first = await snapshot(self._engine, caller, job_id)
                yield Events(event for event in first if event is not None)
                after = first[0].id
                del first  # it is large, too
            async for found in catch_up(self._engine, job_id, after, lambda: self._turn(caller)):
                after = found[-1].id
                yield Events(found)
                del found  # the last of them would be kept as long as the stream is open
            while True:
                events = Events(event for event in await reader.take() if event.id > after)
                if events:
                    after = events[-1].id
                    yield events
        finally:
            channel.readers.discard(reader)
            if not channel.readers and self._channels.get(job_id) is channel:
                del self._channels[job_id]

    async def subscribe_feed(
        self, caller: Principal, env_id: str | None = None, after: int | None = None
    ) -> AsyncGenerator[Event | Position]:
        """Status changes of all the caller's jobs, from now on or after feed number ``after``. Never ends by itself.

        Its first is the position that it goes on from. From then on nothing is missed.
        """
        reader = FeedReader(caller.tenant_id, env_id)
        async with self._feed_reading:  # of two that come first at once, one would pass over what the other has not had
            if not self._feed_readers:
                self._feed_last = await self._feed_position()
            self._feed_readers.add(reader)
        try:
            if after is not None and after > self._feed_last and after > await self._feed_position():
                after = None  # a number that is none of ours
            position = self._feed_last if after is None else after
            end = max(self._feed_last, position)
            yield Position(position)
            while position < end:
                async with self._engine.database.transaction("stepmill_api", tenant=caller.tenant_id) as conn:
                    rows = await (await conn.execute(_FEED_TENANT, (position, end, env_id, env_id))).fetchall()
                for row in rows:
                    position = row["feed_id"]
                    yield Event(position, "status", row["data"])
                if not rows:
                    break
            while True:
                for event in await reader.take():
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
        job_ids = _named(notification.payload)
        if job_ids is None:
            await self._look()
        else:
            await self._refresh(job_ids)

    async def _refresh(self, job_ids: Iterable[str]) -> None:
        """Hand out what is new of the jobs that have readers: one look for all of them."""
        behind = {job_id: self._channels[job_id].last for job_id in job_ids if job_id in self._channels}
        while behind:
            found = await read_events_of(self._engine, behind)
            behind = {}
            for job_id, events in found.items():
                channel = self._channels.get(job_id)
                if channel is not None:
                    channel.hand_out(events)
                    if len(events) == EVENTS_AT_ONCE:
                        behind[job_id] = channel.last

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
            last = {job_id: channel.last for job_id, channel in self._channels.items()}
            await self._refresh(row["job_id"] for row in rows if row["last_seq"] > last.get(row["job_id"], 0))
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


def _named(payload: str) -> list[str] | None:
    """The jobs that a notification tells of. Whoever may connect can send one, so it may say anything: then None."""
    try:
        named = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return named if isinstance(named, list) and all(isinstance(each, str) for each in named) else None
