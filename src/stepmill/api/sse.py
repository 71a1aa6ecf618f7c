"""Event streams: what the hub gives, written to one reader until its end, with a sign of life every 15 seconds.

An event's bytes are made once and shared by all of its readers. A reader costs two small tasks and a queue in the hub.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Protocol

import psycopg
import structlog
from fastapi import Depends, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stepmill.errors import FieldError, InputError, StepmillError

HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 60.0

_LEFT = "left_running"
_TOO_SLOW = "reader_too_slow"
_HEARTBEAT = b": alive\n\n"
_FIRST = b"retry: 1000\n\n"
_GREATEST_ID = 2**63 - 1

_log = structlog.get_logger("stepmill.api")


def _nobody_counts() -> None:
    pass


class Block(Protocol):
    """What is sent at once: an event, or a position."""

    @property
    def wire(self) -> bytes:
        """It in the text/event-stream format."""
        ...


class OpenStreams:
    """The streams that are open in this process, so that a server that stops can end them: their clients come back.

    ``on_drop`` is called for each that is ended because its reader is too many events behind.
    """

    def __init__(self) -> None:
        self._stops: set[asyncio.Future[None]] = set()
        self.is_closed = False
        self.on_drop: Callable[[], None] = _nobody_counts

    def __len__(self) -> int:
        return len(self._stops)

    def open(self) -> asyncio.Future[None]:
        """A new stream. Its future is done when the stream must end."""
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_closed:
            stop.set_result(None)
        self._stops.add(stop)
        return stop

    def ended(self, stop: asyncio.Future[None]) -> None:
        """The stream is over."""
        stop.cancel()
        self._stops.discard(stop)

    def close(self) -> None:
        """End every stream, and each that is opened from now on: the server stops."""
        self.is_closed = True
        for stop in self._stops:
            if not stop.done():
                stop.set_result(None)


def leave_running(scope: Scope, run: Callable[[], Awaitable[None]]) -> None:
    """Have :func:`run_left` run the rest of an answer."""
    scope["state"][_LEFT] = run


async def run_left(scope: Scope) -> None:
    """Run the rest of an answer that the application, which has returned, left for this."""
    run = scope["state"].get(_LEFT)
    if run is not None:
        scope["state"][_LEFT] = None  # for `is_stream`, which has to know it as long as the answer goes on
        for name in [name for name in scope if name.startswith("fastapi_")]:
            del scope[name]  # what it kept for the request that is over
        await run()


def is_stream(scope: Mapping[str, Any]) -> bool:
    """Whether the answer is an event stream."""
    return _LEFT in scope["state"]


class EventStream(Response):
    """An answer that goes on as long as its events do.

    ``check`` is awaited each minute: the stream ends when it raises, because the reader may not see this any more.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterator[Block],
        check: Callable[[], Awaitable[object]],
        streams: OpenStreams,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._check = check
        self._streams = streams
        self._heartbeat_seconds = heartbeat_seconds
        self._recheck_seconds = recheck_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave the sending to whoever called the application: all that a request needs inside of it can go then."""
        leave_running(scope, partial(self._run, receive, send))

    async def _run(self, receive: Receive, send: Send) -> None:
        """Send the events until they end, the reader leaves, or the server stops."""
        stop = self._streams.open()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _write(send, _FIRST)
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(_until_gone(receive, send))
        try:
            await self._keep_alive(send, {pump, gone, stop})
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.ended(stop)
            for task in (pump, gone):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _pump(self, send: Send) -> None:
        try:
            async for event in self._events:
                await _write(send, event.wire)
                del event  # a snapshot is large, and would be kept while this waits
        except (StepmillError, psycopg.Error) as error:
            # The answer has begun, so the stream just ends: the reader comes back with its last id.
            code = getattr(error, "code", type(error).__name__)
            _log.warning("stream_broken", error=code)
            if code == _TOO_SLOW:
                self._streams.on_drop()
        finally:
            if isinstance(self._events, AsyncGenerator):
                await self._events.aclose()  # now, not when it is collected: it has a place in the hub

    async def _keep_alive(self, send: Send, ends: set[asyncio.Future[None]]) -> None:
        """Wait for the first of ``ends``. Whoever takes nothing any more is cut off by the server."""
        recheck_at = time.monotonic() + self._recheck_seconds
        while True:
            done, _ = await asyncio.wait(ends, timeout=self._heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            if time.monotonic() >= recheck_at:
                recheck_at = time.monotonic() + self._recheck_seconds
                if not await self._may_go_on():
                    return
            await _write(send, _HEARTBEAT)

    async def _may_go_on(self) -> bool:
        try:
            await self._check()
        except StepmillError as error:
            return error.retryable  # the database is away for a moment: that takes no right away
        except psycopg.OperationalError:
            return True
        return True


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _until_gone(receive: Receive, send: Send) -> None:
    """Wait until the client has left. When it ends its side it may have, which only shows when something is sent."""
    await receive()  # the request's body, which is empty
    while (await receive())["type"] != "http.disconnect":
        await _write(send, _HEARTBEAT)


async def _last_event_id(
    header: Annotated[str | None, Header(alias="Last-Event-ID", description="Go on after this event.")] = None,
    query: Annotated[
        str | None, Query(alias="lastEventId", description="The same, where headers can't be set.")
    ] = None,
) -> int | None:
    """The number of the last event that the reader has. The header is newer: a browser sends it when it comes back."""
    given, pointer = (header, "/headers/Last-Event-ID") if header else (query, "/query/lastEventId")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and int(given[:20]) <= _GREATEST_ID and len(given) < 20):
        message = "It is not the id of an event."
        raise InputError("invalid_event_id", message, errors=[FieldError(pointer, message)])
    return int(given)


LastEventId = Annotated[int | None, Depends(_last_event_id)]
