"""The connections of one server: how many it takes, and an end to those that only hold their place.

Time limits are looked at once a second for all of them: a timer for each would cost more than what it guards.
"""

import asyncio
import secrets
from typing import Protocol, cast

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from stepmill.api.admission import PROBES
from stepmill.api.limits import LingerMiddleware
from stepmill.api.observe import HttpMetrics
from stepmill.cli.supervision.refusals import TOO_MANY_CONNECTIONS

SPARE_CONNECTIONS = 50
"""Beyond the limit, for probes: they come over new connections, and whoever is full is not dead."""

GOODBYE_SECONDS = 3.0
"""How long requests may take to tell their clients that the server ends."""

_log = structlog.get_logger("stepmill.api")


class Watched(Protocol):
    """A connection that can be looked at."""

    def look(self, now: float) -> None:
        """End it if it only holds its place. ``now`` is the loop's time."""
        ...

    def give_up(self) -> None:
        """End it, unless a request of it can still be told that the server ends."""
        ...

    def cut(self) -> None:
        """End it at once."""
        ...


class Connections(ServerState):
    """What the connections of one server share. ``most`` is how many there may be."""

    def __init__(self, most: int, metrics: HttpMetrics) -> None:
        super().__init__()
        self.most = most
        self.is_ending = False
        self._metrics = metrics

    @property
    def excess(self) -> int:
        """How many there are beyond the limit; zero or less within it."""
        return len(self.connections) - self.most

    @property
    def is_busy(self) -> bool:
        """Whether any request is under way, or any answer on its way."""
        return bool(self.connections or self.tasks)

    def look(self, now: float) -> None:
        """End those whose time is up."""
        for connection in self._watched():
            connection.look(now)

    async def give_up(self) -> None:
        """Have what is under way tell its clients that it will not be done, and end it."""
        tasks = tuple(self.tasks)
        _log.warning("requests_given_up", requests=len(tasks))
        for connection in self._watched():
            connection.give_up()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GOODBYE_SECONDS)
        for connection in self._watched():
            connection.cut()

    def count_refused(self, code: str) -> None:
        """A connection was told ``code`` and closed."""
        self._metrics.refused.labels("connections", code).inc()

    def count_dropped(self, client: str | None, seconds: float, *, is_stream: bool) -> None:
        """A connection was cut because nobody read its answer."""
        _log.warning("stream_stalled" if is_stream else "reader_dropped", seconds=seconds, client=client)
        (self._metrics.readers_dropped if is_stream else self._metrics.answers_dropped).inc()

    def _watched(self) -> tuple[Watched, ...]:
        return tuple(cast("set[Watched]", self.connections))


class OnlyProbes:
    """The application as a connection beyond the limit has it."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        self._connections.count_refused(TOO_MANY_CONNECTIONS.code)
        await LingerMiddleware(TOO_MANY_CONNECTIONS.response(secrets.token_hex(8)))(scope, receive, send)
