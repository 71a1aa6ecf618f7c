"""Who reads the hub: an event, a reader's queue, and the readers of one job together."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

_SLOW_READER_EVENTS = 10_000


@dataclass(frozen=True)
class Event:
    """One event as the stream sends it: ``id`` is its number, ``kind`` its name, ``data`` JSON."""

    id: int
    kind: str
    data: dict[str, Any]

    @cached_property
    def wire(self) -> bytes:
        """The event in the text/event-stream format, made once however many readers it has."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.id, self.kind.encode(), orjson.dumps(self.data))


class Reader:
    """A queue that a slow reader can't let grow without end."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        self.overrun = False

    def put(self, event: Event) -> None:
        """Add an event, or mark the reader as overrun when it is too far behind."""
        if self.queue.qsize() >= _SLOW_READER_EVENTS:
            self.overrun = True
        else:
            self.queue.put_nowait(event)


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
