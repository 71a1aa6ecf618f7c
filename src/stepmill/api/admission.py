"""How much one process takes on at once. Whoever comes in addition is told at once when to come back.

A server that takes everything on answers ever later, until its clients give up and it works for nobody. Requests,
uploads and streams have limits of their own, because they last milliseconds, minutes and hours. One tenant gets most of
a limit and not the whole, so that others still get in.
"""

import re
import resource
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepmill.api.observe import HttpMetrics
from stepmill.api.problems import problem_for
from stepmill.api.sse import run_left
from stepmill.errors import RateLimitedError, StepmillError, UnavailableError

TENANT_SHARE = 0.75
"""Of a limit, for one tenant."""
STRANGERS_SHARE = 0.25
"""Of a limit, for all who have not proved who they are: the console's files need no more."""

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Addresses that are always answered."""

PART_BYTES = 64 * 1024
"""Answers longer than this are handed over in parts of it."""

_TENANT_WAITS_SECONDS = 1.0
_OWN_FILES = 500
"""Files that an api process opens besides its streams: other requests, connections to PostgreSQL, stored files."""
_OTHER_CONNECTIONS = 150
"""Of these, connections of other requests."""


class Lane:
    """Those of one kind that are under way: ``most`` at once, one tenant a share of them."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self._most = most
        self._most_of_tenant = max(1, int(most * TENANT_SHARE))
        self._most_of_strangers = max(1, int(most * STRANGERS_SHARE))
        self._tenants: Counter[str | None] = Counter()
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """How many there are."""
        return self._under_way

    def enter(self, tenant_id: str | None) -> None:
        """Take one more on.

        Raises :class:`RateLimitedError` if the tenant has too many, :class:`UnavailableError` if there are too many.
        """
        if tenant_id is not None and self._tenants[tenant_id] >= self._most_of_tenant:
            raise RateLimitedError(
                "too_many_requests",
                f"Your tenant has {self._most_of_tenant:,} {self.name} under way here, as many as one may have. "
                "Wait for some of them, then try again.",
                retry_after_seconds=_TENANT_WAITS_SECONDS,
            )
        strangers = self._tenants[None] if tenant_id is None else 0
        if self._under_way >= self._most or strangers >= self._most_of_strangers:
            raise UnavailableError(
                "overloaded", f"This server has as many {self.name} under way as it takes. Try again."
            )
        self._under_way += 1
        self._tenants[tenant_id] += 1

    def leave(self, tenant_id: str | None) -> None:
        """One of them is over."""
        self._under_way -= 1
        self._tenants[tenant_id] -= 1
        if not self._tenants[tenant_id]:
            del self._tenants[tenant_id]


@dataclass(frozen=True)
class Lanes:
    """The limits of one process. An address is a stream's, an upload's, or another request's."""

    requests: Lane
    uploads: Lane
    streams: Lane
    upload_paths: Sequence[re.Pattern[str]]
    stream_paths: Sequence[re.Pattern[str]]

    def of(self, method: str, path: str) -> Lane:
        """Where a request belongs."""
        if method == "GET" and any(pattern.match(path) for pattern in self.stream_paths):
            return self.streams
        if method == "POST" and any(pattern.match(path) for pattern in self.upload_paths):
            return self.uploads
        return self.requests


def streams_within_files(wanted: int) -> int:
    """``wanted``, or fewer where the process may not open so many files: each stream is one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OWN_FILES))


def connections_within_files() -> int:
    """How many connections the process may have, so that it can still open its other files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft - _OWN_FILES + _OTHER_CONNECTIONS)


class _Place:
    """A request's place in a lane. It is given back once, when the whole answer has been handed over."""

    __slots__ = ("_lane", "_send", "_tenant_id")

    def __init__(self, lane: Lane, tenant_id: str | None, send: Send) -> None:
        self._lane: Lane | None = lane
        self._tenant_id = tenant_id
        self._send = send

    def leave(self) -> None:
        if self._lane is not None:
            self._lane.leave(self._tenant_id)
            self._lane = None

    async def send(self, message: Message) -> None:
        """Pass a message on: what is long in parts, of which each waits until the client has taken those before it.

        The server would take all of it at once, and keep it as long as a client that reads nothing is there.
        """
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if len(body) > PART_BYTES:
                for start in range(0, len(body), PART_BYTES):
                    await self._send_part(body[start : start + PART_BYTES])
                await self._send_part(b"")  # it waits, too, and the long body is not let go of before
                message = {**message, "body": b""}
            if not message.get("more_body", False):
                self.leave()
        await self._send(message)

    async def _send_part(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})


class AdmissionMiddleware:
    """Lets a request in, or refuses it before anything is read or asked of the database. Probes always get in."""

    def __init__(self, app: ASGIApp, lanes: Lanes, metrics: HttpMetrics) -> None:
        self._app = app
        self._lanes = lanes
        self._metrics = metrics
        for lane in (lanes.requests, lanes.uploads, lanes.streams):
            metrics.under_way.labels(lane.name).set_function(partial(getattr, lane, "under_way"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        principal = scope["state"].get("principal")
        tenant_id = principal.tenant_id if principal else None
        lane = self._lanes.of(scope["method"], scope["path"])
        try:
            lane.enter(tenant_id)
        except StepmillError as error:
            self._metrics.refused.labels(lane.name, error.code).inc()
            await problem_for(error, request_id=scope["state"].get("request_id"))(scope, receive, send)
            return
        place = _Place(lane, tenant_id, send)
        try:
            # A stream keeps its place until it has ended, and passes its events on as they are.
            await self._app(scope, receive, send if lane is self._lanes.streams else place.send)
            await run_left(scope)
        finally:
            place.leave()
