"""One stream out of several: the feed over all jobs, and the events of some jobs in full.

Each source has a task that hands its events, in their order, to the one queue that the reader takes from. When the
reader is slow the queue fills and the tasks wait; what then waits in the hub has a limit of its own.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from stepmill.auth import Principal
from stepmill.engine.hub import EventHub
from stepmill.engine.hub_readers import Event, Position

_READ_AHEAD = 50


@dataclass(frozen=True)
class JobEvent:
    """An event of one job in the stream over all jobs. It has no id there, so that the stream's stays the feed's."""

    job_id: str
    event: Event

    @property
    def wire(self) -> bytes:
        """The event in the text/event-stream format, around the job's own data."""
        event = self.event
        names = (orjson.dumps(self.job_id), event.id, event.kind.encode())
        return b'event: job\ndata: {"jobId":%s,"id":"%d","event":"%s","data":%s}\n\n' % (*names, event.json)


Block = Event | Position | JobEvent
_Queue = asyncio.Queue[Block | Exception]


async def feed_and_jobs(
    hub: EventHub, caller: Principal, env_id: str | None, after: int | None, jobs: Mapping[str, int | None]
) -> AsyncGenerator[Block]:
    """The feed after number ``after``, and of each of ``jobs`` its events after its number, or a snapshot first.

    The feed's position comes before all else. Never ends by itself, and fails as soon as one of its sources does.
    """
    feed = hub.subscribe_feed(caller, env_id, after)
    queue: _Queue = asyncio.Queue(_READ_AHEAD)
    pumps: list[asyncio.Task[None]] = []
    async with aclosing(feed):
        yield await anext(feed)
        sources = [feed, *(_of_job(job_id, hub.follow(caller, job_id, seq)) for job_id, seq in jobs.items())]
        try:
            pumps += [asyncio.create_task(_pump(source, queue)) for source in sources]
            while True:
                block = await queue.get()
                if isinstance(block, Exception):
                    raise block
                yield block
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


async def _of_job(job_id: str, events: AsyncGenerator[Event]) -> AsyncGenerator[JobEvent]:
    async with aclosing(events):
        async for event in events:
            yield JobEvent(job_id, event)


async def _pump(source: AsyncGenerator[Block], queue: _Queue) -> None:
    try:
        async with aclosing(source):
            async for block in source:
                await queue.put(block)
    except Exception as error:  # noqa: BLE001  (whatever it is, the reader is to know)
        await queue.put(error)
