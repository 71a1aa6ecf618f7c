"""The connections of one server: how many it takes, and an end to those that only hold their place.

Time limits are looked at once a second for all of them: a timer for each would cost more than what it guards.
"""

import secrets
from typing import Protocol, cast

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from stepmill.api.admission import PROBES
from stepmill.api.observe import HttpMetrics
from stepmill.cli.supervision.refusals import TOO_MANY_CONNECTIONS

SPARE_CONNECTIONS = 50
"""Beyond the limit, for probes: they come over new connections, and whoever is full is not dead."""

_log = structlog.get_logger("stepmill.api")


class Watched(Protocol):
    """A connection that can be looked at."""

    def look(self, now: float) -> None:
        """End it if it only holds its place. ``now`` is the loop's time."""
        ...


class Connections(ServerState):
    """What the connections of one server share. ``most`` is how many there may be."""

    def __init__(self, most: int, metrics: HttpMetrics) -> None:
        super().__init__()
        self.most = most
        self._metrics = metrics

    @property
    def excess(self) -> int:
        """How many there are beyond the limit; zero or less within it."""
        return len(self.connections) - self.most

    def look(self, now: float) -> None:
        """End those whose time is up."""
        for connection in tuple(cast("set[Watched]", self.connections)):
            connection.look(now)

    def count_refused(self) -> None:
        """A connection was turned away because there are too many."""
        self._metrics.refused.labels("connections", TOO_MANY_CONNECTIONS.code).inc()

    def count_dropped(self, client: str | None, seconds: float) -> None:
        """A connection was cut because nobody read its answer."""
        _log.warning("reader_dropped", seconds=seconds, client=client)
        self._metrics.answers_dropped.inc()


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
        self._connections.count_refused()
        await TOO_MANY_CONNECTIONS.response(secrets.token_hex(8))(scope, receive, send)
