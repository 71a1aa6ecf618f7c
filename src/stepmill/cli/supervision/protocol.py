"""One HTTP connection: uvicorn's, with an end to everything that a client can draw out.

Uvicorn reads heads of any size for any time, queues pipelined requests without end, tells only the newest of them that
the client has left, takes a client that will send no more for one that left, and keeps what nobody reads.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from stepmill.api.limits import LINGER_SECONDS
from stepmill.api.sse import is_stream
from stepmill.cli.supervision.connections import SPARE_CONNECTIONS, Connections, OnlyProbes
from stepmill.cli.supervision.leaving import is_reset, tell_gone
from stepmill.cli.supervision.reading import ConnectError, ReadingProtocol
from stepmill.cli.supervision.refusals import (
    HEAD_BYTES,
    HEAD_SECONDS,
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    NO_PROXY,
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

LINGERING_CONNECTIONS = 100
"""How many beyond the spare ones may stay until they have read that there are too many."""


class _UnwantedError(Exception):
    """Makes the parser stop."""


class HttpProtocol(ReadingProtocol):
    """A connection that ends when its client only holds it."""

    # The base has as many attributes as instances can keep in a shared layout; a few more would cost each a kilobyte.
    __slots__ = (
        "_begun",
        "_connections",
        "_deaf",
        "_end_at",
        "_fault",
        "_half_closed",
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
        self._begun = False  # a request, of which not all is there yet
        self._half_closed = False
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
        if self._connections.is_ending:
            transport.close()
        elif excess > 0:
            self._is_spare = True
            self.app = OnlyProbes(self.app, self._connections)
            self._turn_away(excess - SPARE_CONNECTIONS)

    def _turn_away(self, excess: int) -> None:
        if 0 < excess <= LINGERING_CONNECTIONS:
            self._refuse(TOO_MANY_CONNECTIONS)
        elif excess > 0:
            self._say(TOO_MANY_CONNECTIONS)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is running, too: uvicorn tells the newest, which may be waiting behind it."""
        super().connection_lost(exc)
        self.pipeline.clear()
        tell_gone(self._running)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client will send no more; it may still read. Answers whether there is something for it."""
        running = self._running
        if self._end_at is not None or running is None or running.response_complete:
            return False
        if running is self.cycle and running.more_body:  # it will never be whole
            tell_gone(running)
            return False
        self._answer_what_is_whole(running)
        self._half_closed = True
        if is_stream(running.scope):
            running.message_event.set()  # it tries at once whether there is still somebody
        return True

    def shutdown(self) -> None:
        """The server ends: take no more requests. A stream that waits for its reader can't tell it, and is cut."""
        if self.flow.write_paused and self._is_stream():
            self.cut()
        else:
            super().shutdown()

    def give_up(self) -> None:
        """End what is half answered. A request without an answer may still get one, but none that waits for it."""
        self.pipeline.clear()
        running = self._running
        if running is None or running.response_started:
            self.cut()
        else:
            running.keep_alive = False

    def cut(self) -> None:
        """End it at once."""
        tell_gone(self._running)
        self.transport.abort()

    # Time limits

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
        if self._half_closed and is_reset(self.transport):
            self.cut()

    def _look_at_reader(self, now: float) -> None:
        unread = self.transport.get_write_buffer_size()
        if self._unread_since is None or unread < self._unread:  # nothing is added meanwhile
            self._unread_since = now
        elif now - self._unread_since > READER_SECONDS:
            self._connections.count_dropped(self._host, READER_SECONDS, is_stream=self._is_stream())
            self.cut()
        self._unread = unread

    def _end_slow_head(self) -> None:
        if self._begun:
            self._refuse(HEAD_TOO_SLOW)
        else:  # an answer would be taken for that of its next request
            self.transport.close()

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
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The request can be answered now."""
        if self._unused > HEAD_BYTES and self.head_size > HEAD_BYTES:
            self._fault = HEAD_TOO_LARGE
            raise _UnwantedError
        self._head_since = None
        self._unused = 0
        try:
            super().on_headers_complete()
        except ConnectError:
            self._fault = NO_PROXY
            raise

    def on_body(self, body: bytes) -> None:
        """Something of the body came."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._begun = False
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

    def _is_stream(self) -> bool:
        return self._running is not None and is_stream(self._running.scope)

    def _read_no_more(self, refusal: Refusal) -> None:
        """Answer the requests that came whole before this, or say why there is no answer; then close."""
        running = self._running
        if running is None or running.response_complete:
            self._refuse(refusal)
        elif running is self.cycle and running.more_body:  # it is this one's body that can't be read
            if running.response_started:
                self._end_soon()
            else:
                tell_gone(running)
                self._refuse(refusal, running.scope["state"].setdefault("request_id", secrets.token_hex(8)))
        else:
            self._connections.count_refused(refusal.code)
            refusal.log(self._host)
            self._answer_what_is_whole(running)

    def _answer_what_is_whole(self, running: RequestResponseCycle) -> None:
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()
        self.cycle = self.pipeline[0][0] if self.pipeline else running
        self.cycle.keep_alive = False
        self._deaf = True
        self._head_since = None

    def _refuse(self, refusal: Refusal, request_id: str | None = None) -> None:
        self._say(refusal, request_id)
        with suppress(OSError):  # it is gone already
            self.transport.write_eof()
        self._end_soon()

    def _end_soon(self) -> None:
        """Throw away for a moment what still comes: closing at once would take the answer back."""
        self._deaf = True
        self._end_at = self.loop.time() + LINGER_SECONDS
        self.flow.resume_reading()

    def _say(self, refusal: Refusal, request_id: str | None = None) -> None:
        if request_id is None:  # a request that began is counted as such
            self._connections.count_refused(refusal.code)
        self.transport.write(refusal.wire(self._connections.default_headers, self._host, request_id))
