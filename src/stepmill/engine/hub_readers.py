"""Who reads the hub: an event, a reader's queue, and the readers of one job together."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from stepmill.errors import UnavailableError

_SLOW_READER_EVENTS = 10_000
FOLLOWER_EVENTS = 1_000
"""How far a reader of several jobs may fall behind in each: what waits for it is so many times as much."""


@dataclass(frozen=True)
class Event:
    """One event as the stream sends it: ``id`` is its number, ``kind`` its name, ``data`` JSON."""

    id: int
    kind: str
    data: dict[str, Any]

    @cached_property
    def json(self) -> bytes:
        """The data as JSON, made once however many readers it has."""
        return orjson.dumps(self.data)

    @cached_property
    def wire(self) -> bytes:
        """The event in the text/event-stream format, made once like its data."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.id, self.kind.encode(), self.json)


@dataclass(frozen=True)
class Position:
    """Where a reader of the feed stands: whoever comes back with this number goes on from there."""

    id: int

    @property
    def wire(self) -> bytes:
        """A block without data, which a browser takes the id from and hands to nobody."""
        return b"id: %d\n\n" % self.id


class Reader:
    """A queue that a slow reader can't let grow without end."""

    def __init__(self, most: int = _SLOW_READER_EVENTS) -> None:
        self._most = most
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._overrun = False

    def put(self, event: Event) -> None:
        """Add an event, or mark the reader as overrun when it is too far behind."""
        if self._queue.qsize() >= self._most:
            self._overrun = True
        else:
            self._queue.put_nowait(event)

    async def next(self) -> Event:
        """Wait for the next event. Raises UnavailableError once the reader is overrun."""
        if self._overrun:
            raise UnavailableError(
                "reader_too_slow", "This stream fell too far behind; connect again with the last id."
            )
        return await self._queue.get()


class Channel:
    """The readers of one job."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.readers: set[Reader] = set()
        self.reading = asyncio.Lock()

    def hand_out(self, events: Iterable[Event]) -> None:
        """Give the events to every reader."""
        for event in events:
            self.last = event.id
            for reader in self.readers:
                reader.put(event)


class FeedReader(Reader):
    """A reader of all of a tenant's jobs, or of those of one environment."""

    def __init__(self, tenant_id: str, env_id: str | None) -> None:
        super().__init__()
        self.tenant_id = tenant_id
        self.env_id = env_id
