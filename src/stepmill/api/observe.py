"""What surrounds every request: an id, one line in the access log, two metrics, and the last catch of errors."""

import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepmill.api.problems import problem_for
from stepmill.engine.traces import trace_of

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_CLIENT_LEFT = 499


class HttpMetrics:
    """Counts of requests by route, for one api process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "stepmill_http_requests_total", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "stepmill_http_request_seconds",
            "Time until the answer's last byte, streams left out.",
            ["route"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
        )


class ObserveMiddleware:
    """Outermost: whatever happens inside, there is an answer, a log line and a count."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = structlog.get_logger("stepmill.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await self._app(scope, receive, exchange.send)
        except Exception as error:
            self._log.error(
                "request_failed",
                request_id=exchange.request_id,
                path=scope["path"],
                # As text, made here: a renderer of the log's own might show texts and variables, and with them secrets.
                traceback=trace_of(error),
            )
            if exchange.status is not None:
                raise  # half an answer is out: the server must cut the connection, not end it politely
            await problem_for(error, request_id=exchange.request_id)(scope, receive, exchange.send)
        finally:
            self._record(scope, exchange)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        seconds = time.perf_counter() - exchange.started
        status = exchange.status or _CLIENT_LEFT
        route = _route_of(scope)
        self._metrics.requests.labels(scope["method"], route, str(status)).inc()
        if not exchange.is_stream:
            self._metrics.seconds.labels(route).observe(seconds)
        if scope["path"] in _QUIET_PATHS and status < 400:
            return
        principal = scope["state"].get("principal")
        # The path only: a query may carry a login code, and headers carry tokens.
        self._log.info(
            "request",
            request_id=exchange.request_id,
            method=scope["method"],
            path=scope["path"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            bytes_sent=exchange.bytes_sent,
            tenant=getattr(principal, "tenant_id", None),
            subject=getattr(principal, "subject", None),
            client=(scope.get("client") or (None,))[0],
        )


class _Exchange:
    """One request under way: its id, and what was answered so far."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.started = time.perf_counter()
        self.status: int | None = None
        self.bytes_sent = 0
        self.is_stream = False
        self._send = send
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            self.is_stream = headers.get("content-type", "").startswith("text/event-stream")
        elif message["type"] == "http.response.body":
            self.bytes_sent += len(message.get("body", b""))
        await self._send(message)


def _route_of(scope: Scope) -> str:
    """The route's pattern, never the path itself: a label must not grow with the ids in use."""
    path = getattr(scope.get("route"), "path", None)
    if not path:
        return "(none)"
    return str(path)
