"""Readers of event streams that cost next to nothing, so that hundreds of them fit beside the server they read."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools


@dataclass
class Reading:
    """What one reader got: the answers' states, and every event as it was sent. ``has_enough`` is set by ``enough``."""

    enough: int = 1
    states: list[int] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    has_enough: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, events: list[bytes]) -> None:
        """Take further events; comments and `retry` are none."""
        self.events += [event for event in events if event.startswith(b"id: ")]
        if len(self.events) >= self.enough:
            self.has_enough.set()

    @property
    def last_id(self) -> str | None:
        """The number of the last event."""
        return id_of(self.events[-1]) if self.events else None


def id_of(event: bytes) -> str:
    """An event's number."""
    return event.partition(b"\n")[0].removeprefix(b"id: ").decode()


def kind_of(event: bytes) -> str:
    """An event's name."""
    return event.split(b"\n")[1].removeprefix(b"event: ").decode()


class _Body:
    """Takes an answer apart into events."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._rest = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        self._reading.take(events)

    def on_message_complete(self) -> None:
        self.complete = True


class StreamReaders:
    """Opens readers on one job's stream."""

    def __init__(self, url: str, token: str, job_id: str) -> None:
        self._address = urlsplit(url)
        self._token = token
        self._job_id = job_id

    async def read(
        self, after: str | None = None, *, drop_each: int | None = None, into: Reading | None = None
    ) -> Reading:
        """Read to the end. With ``drop_each`` the connection is dropped after so many events, and resumed."""
        reading = into or Reading()
        while not await self._connection(reading, reading.last_id or after, drop_each):
            pass
        return reading

    async def _connection(self, reading: Reading, after: str | None, drop_each: int | None) -> bool:
        """One connection. Answers whether the stream came to its end."""
        stream, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        try:
            writer.write(self._request(after))
            body = _Body(reading)
            parser = httptools.HttpResponseParser(body)
            before = len(reading.events)
            while not body.complete and (data := await stream.read(1 << 16)):
                parser.feed_data(data)
                if drop_each is not None and len(reading.events) - before >= drop_each:
                    break
            reading.states.append(parser.get_status_code())
            return body.complete
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _request(self, after: str | None) -> bytes:
        lines = [
            f"GET /api/jobs/{self._job_id}/stream HTTP/1.1",
            f"Host: {self._address.netloc}",
            f"Authorization: Bearer {self._token}",
            "Accept: text/event-stream",
            *([f"Last-Event-ID: {after}"] if after else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode()
