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


class Events(tuple[Event, ...]):
    """Some events that are sent at once."""

    __slots__ = ()

    @property
    def wire(self) -> bytes:
        """All of them in the text/event-stream format."""
        return b"".join([event.wire for event in self])


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

    # There are thousands, nearly all of them waiting: an asyncio.Queue would take ten times the memory.
    __slots__ = ("_events", "_most", "_overrun", "_waiting")

    def __init__(self, most: int = _SLOW_READER_EVENTS) -> None:
        self._most = most
        self._events: list[Event] = []
        self._waiting: asyncio.Future[None] | None = None
        self._overrun = False

    def put(self, event: Event) -> None:
        """Add an event, or mark the reader as overrun when it is too far behind."""
        if len(self._events) >= self._most:
            self._overrun = True
            return
        self._events.append(event)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def take(self) -> list[Event]:
        """All events since the last call, oldest first; waits for one. Raises UnavailableError once it is overrun."""
        if self._overrun:
            raise UnavailableError(
                "reader_too_slow", "This stream fell too far behind; connect again with the last id."
            )
        if not self._events:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
            self._waiting = None
        taken, self._events = self._events, []
        return taken


class Channel:
    """The readers of one job."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.readers: set[Reader] = set()

    def hand_out(self, events: Iterable[Event]) -> None:
        """Give the events, in their order, to every reader; those that were given already are left out."""
        for event in events:
            if event.id > self.last:
                self.last = event.id
                for reader in self.readers:
                    reader.put(event)


class FeedReader(Reader):
    """A reader of all of a tenant's jobs, or of those of one environment."""

    __slots__ = ("env_id", "tenant_id")

    def __init__(self, tenant_id: str, env_id: str | None) -> None:
        super().__init__()
        self.tenant_id = tenant_id
        self.env_id = env_id
