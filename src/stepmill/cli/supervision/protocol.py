"""One HTTP connection: uvicorn's, with an end to everything that a client can draw out.

Uvicorn reads heads of any size for any time, queues pipelined requests without end, tells only the newest of them that
the client has left, and keeps what nobody reads.
"""

import asyncio
from contextlib import suppress
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from stepmill.api.limits import LINGER_SECONDS
from stepmill.api.sse import ends_itself
from stepmill.cli.supervision.connections import SPARE_CONNECTIONS, Connections, OnlyProbes
from stepmill.cli.supervision.refusals import (
    HEAD_BYTES,
    HEAD_SECONDS,
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    TOO_MANY_CONNECTIONS,
    UNREADABLE,
    Refusal,
)

SPARE_SECONDS = 2.0
"""How long the head may take on a connection beyond the limit: there are few, and probes are quick."""

READER_SECONDS = 30.0
"""How long a client may take nothing of the answer that waits for it."""

QUEUED_REQUESTS = 16
"""How many requests may wait on a connection for the one before them."""


class _UnwantedError(Exception):
    """Makes the parser stop."""


class HttpProtocol(HttpToolsProtocol):
    """A connection that ends when its client only holds it."""

    # The base has as many attributes as instances can keep in a shared layout; a few more would cost each a kilobyte.
    __slots__ = (
        "_awaits_head",
        "_connections",
        "_deaf",
        "_end_at",
        "_fault",
        "_head_since",
        "_is_spare",
        "_running",
        "_unread",
        "_unread_since",
        "_unused",
    )

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = server_state
        self._running: RequestResponseCycle | None = None
        self._is_spare = False
        self._awaits_head = True
        self._head_since: float | None = None
        self._unused = 0  # bytes since a head was complete or something of a body came
        self._fault = UNREADABLE
        self._deaf = False
        self._end_at: float | None = None
        self._unread = 0
        self._unread_since: float | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or turn it away if there are too many."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        excess = self._connections.excess
        if excess <= 0:
            return
        self._is_spare = True
        self.app = OnlyProbes(self.app, self._connections)
        if excess > SPARE_CONNECTIONS:
            self._connections.count_refused()
            self._say(TOO_MANY_CONNECTIONS)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is running, too: uvicorn tells the newest, which may be waiting behind it."""
        super().connection_lost(exc)
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            _tell_gone(self._running)

    def look(self, now: float) -> None:
        """End it if it has owed a head, or taken nothing of an answer, for too long. ``now`` is the loop's time."""
        if self._end_at is not None:
            if now >= self._end_at:
                self.transport.abort()
        elif self._head_since is not None and not self._is_answering() and not self.transport.is_closing():
            limit = SPARE_SECONDS if self._is_spare else HEAD_SECONDS
            if now - self._head_since > limit:
                self._end_slow_head()
        if self.flow.write_paused or self.transport.is_closing():
            self._look_at_reader(now)

    def _look_at_reader(self, now: float) -> None:
        unread = self.transport.get_write_buffer_size()
        if self._unread_since is None or unread < self._unread:  # nothing is added meanwhile
            self._unread_since = now
        elif now - self._unread_since > READER_SECONDS:
            is_stream = self._running is not None and ends_itself(self._running.scope)
            if not is_stream:
                self._connections.count_dropped(self._host, READER_SECONDS)
            if not is_stream or self.transport.is_closing():
                self.transport.abort()
        self._unread = unread

    def resume_writing(self) -> None:
        """The client has taken something."""
        self._unread_since = None
        super().resume_writing()

    # Reading

    def data_received(self, data: bytes) -> None:
        """Read on, within limits."""
        if self._deaf:
            return
        if self._awaits_head and self._head_since is None:
            self._head_since = self.loop.time()
        self._unused += len(data)
        super().data_received(data)
        if self._unused > HEAD_BYTES and not self._deaf:
            self._read_no_more(HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins. There may be one already whose answer is under way."""
        if len(self.pipeline) >= QUEUED_REQUESTS:
            raise _UnwantedError
        if self._head_since is None:
            self._head_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The request can be answered now."""
        if self._unused > HEAD_BYTES and self._head_size() > HEAD_BYTES:
            self._fault = HEAD_TOO_LARGE
            raise _UnwantedError
        self._awaits_head = False
        self._head_since = None
        self._unused = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Something of the body came."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._awaits_head = True
        self._unused = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """End a connection on which something came that is no request."""
        self._read_no_more(self._fault)

    # Answering

    def on_response_complete(self) -> None:
        """One answer is over. What there is of the next request's head has its whole time from now on."""
        if self._head_since is not None:
            self._head_since = self.loop.time()
        super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if self._is_spare:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    @property
    def _host(self) -> str | None:
        return self.client[0] if self.client else None

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _end_slow_head(self) -> None:
        if self.cycle is None and not self._unused:  # it never said anything
            self.transport.close()
        else:
            self._refuse(HEAD_TOO_SLOW)

    def _read_no_more(self, refusal: Refusal) -> None:
        """Answer the requests that came whole before this, or say why there is no answer; then close."""
        running = self._running
        if running is None or running.response_complete:
            self._refuse(refusal)
        elif running is self.cycle and running.more_body:  # it is this one's body that can't be read
            if running.response_started:
                self._end_soon()
            else:
                _tell_gone(running)
                self._refuse(refusal)
        else:
            if self.pipeline and self.cycle.more_body:
                self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else running
            last.keep_alive = False
            self._deaf = True
            self._head_since = None

    def _refuse(self, refusal: Refusal) -> None:
        self._say(refusal)
        with suppress(OSError):  # it is gone already
            self.transport.write_eof()
        self._end_soon()

    def _end_soon(self) -> None:
        """Throw away for a moment what still comes: closing at once would take the answer back."""
        self._deaf = True
        self._end_at = self.loop.time() + LINGER_SECONDS
        self.flow.resume_reading()

    def _say(self, refusal: Refusal) -> None:
        self.transport.write(refusal.wire(self._connections.default_headers, self._host))


def _tell_gone(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True
    cycle.message_event.set()
