"""Server-sent events: bytes in, events out, and where to go on after a break. No input or output of its own."""

import json
from collections.abc import Iterator

from stepmill.client.results import Event


class SseParser:
    """Turns the bytes of an event stream into events, however they are cut.

    Written to the WHATWG grammar: lines end in CR, LF or both; comments (heartbeats) and unknown fields are skipped; an
    event that was cut off by the end of the stream is dropped.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._after_cr = False
        self.last_id = ""
        """The id of the last block that was whole, also of one without data, which is no event."""
        self._id = ""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes."""
        for line in self._lines(chunk):
            event = self._take(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _lines(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk.startswith(b"\n"):  # the CR LF was cut between two chunks
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        # An LF ends nearly every line; a CR is rare enough to be turned into one.
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        return lines

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._kind = value
        elif field == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> Event | None:
        data, kind = "\n".join(self._data), self._kind or "message"
        self._data, self._kind = [], ""
        self.last_id = self._id
        if not data:
            return None
        return Event(id=self._id, kind=kind, data=json.loads(data))


class Follower:
    """Remembers how far a stream was read, so that the next connection goes on there."""

    def __init__(self, after: str | int | None = None) -> None:
        self.last_id = None if after is None else str(after)
        self.ended = False
        self.connected = False
        """Whether any connection was ever made."""
        self.failures = 0
        """Connections in a row that brought no event."""

    def headers(self) -> dict[str, str]:
        """The headers of the next connection."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        return headers

    def saw(self, event: Event) -> Event:
        """Note that the reader has this event."""
        self.failures = 0
        self.last_id = event.id or self.last_id
        self.ended = event.kind == "end"
        return event

    def stands_at(self, last_id: str) -> None:
        """Note an id that came without an event."""
        self.last_id = last_id or self.last_id
