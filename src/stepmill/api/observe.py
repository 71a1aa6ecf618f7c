"""What surrounds every request: an id, a span, a line in the access log, metrics, and the last catch of errors."""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from stepmill.api.limits import LingerMiddleware, SecurityHeadersMiddleware
from stepmill.api.problems import problem_for
from stepmill.engine.traces import trace_of
from stepmill.errors import UnavailableError
from stepmill.gateways.tracing import context_of

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_CLIENT_LEFT = 499

_tracer = trace.get_tracer("stepmill")


class HttpMetrics:
    """Requests by route and open streams, for one api process."""

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
        self.under_way = Gauge("stepmill_http_under_way", "Requests under way, by kind.", ["kind"], registry=registry)
        self.refused = Counter(
            "stepmill_http_refused_total",
            "Requests refused because of load: `overloaded`, or `too_many_requests` of one tenant. The kind is "
            "`requests`, `uploads` or `streams`; or `connections`, refused as `too_many_connections`, or closed "
            "because no request could be read: with 400, 405, 408 or 431, or after the answers to those before it.",
            ["kind", "reason"],
            registry=registry,
        )
        self.answers_dropped = Counter(
            "stepmill_http_readers_dropped_total",
            "Connections cut because nobody read the answer; event streams left out.",
            registry=registry,
        )
        self.readers = Gauge("stepmill_sse_readers", "Event streams that are open.", registry=registry)
        self.readers_dropped = Counter(
            "stepmill_sse_readers_dropped_total",
            "Event streams ended because their reader fell too far behind, or took nothing: it may come back with its "
            "last id.",
            registry=registry,
        )


class ObserveMiddleware:
    """Outermost: whatever happens inside, there is an answer, a log line and a count.

    ``is_ending`` says whether a request that is cancelled is so because the server ends.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, is_ending: Callable[[], bool]) -> None:
        self._app = app
        self._metrics = metrics
        self._is_ending = is_ending
        self._log = structlog.get_logger("stepmill.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        with bound_contextvars(request_id=exchange.request_id), _span(scope) as span:
            try:
                await self._answer(scope, receive, exchange)
            finally:
                _describe(span, scope, exchange)

    async def _answer(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
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
        except asyncio.CancelledError:
            if not self._is_ending():
                raise
            if exchange.status is None:  # else half an answer is out, and the server has cut the connection
                await _say_goodbye(scope, receive, exchange)
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
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        given = Headers(scope=scope).get("x-request-id", "")
        new = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.request_id: str = state.setdefault(
            "request_id", new
        )  # the connection may have told its client one already
        self.started = time.perf_counter()
        self.status: int | None = None
        self.bytes_sent = 0
        self.is_stream = False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            self.is_stream = headers.get("content-type", "").startswith("text/event-stream")
        elif message["type"] == "http.response.body":
            self.bytes_sent += len(message.get("body", b""))
        await self._send(message)


async def _say_goodbye(scope: Scope, receive: Receive, exchange: _Exchange) -> None:
    error = UnavailableError("shutting_down", "The server is being stopped, and this was not done in time. Try again.")
    answer = problem_for(error, request_id=exchange.request_id)
    answer.headers["Connection"] = "close"
    await SecurityHeadersMiddleware(LingerMiddleware(answer))(scope, receive, exchange.send)


def _span(scope: Scope) -> AbstractContextManager[Span]:
    """The request's span: in the caller's trace, if it sent a `traceparent`. Only the api's calls have one."""
    if not scope["path"].startswith("/api/"):
        return nullcontext(trace.INVALID_SPAN)
    headers = Headers(scope=scope)
    given = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    return _tracer.start_as_current_span(
        scope["method"],
        context=context_of(given),
        kind=SpanKind.SERVER,
        record_exception=False,  # its text may name secrets
        set_status_on_exception=False,
    )


def _describe(span: Span, scope: Scope, exchange: _Exchange) -> None:
    if not span.is_recording():
        return
    status = exchange.status or _CLIENT_LEFT
    route = _route_of(scope)
    principal = scope["state"].get("principal")
    span.update_name(f"{scope['method']} {route}")
    span.set_attributes(
        {
            "http.request.method": scope["method"],
            "http.route": route,
            "url.path": scope["path"],
            "http.response.status_code": status,
            "stepmill.request_id": exchange.request_id,
            "stepmill.tenant": getattr(principal, "tenant_id", ""),
        }
    )
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _route_of(scope: Scope) -> str:
    """The route's pattern, never the path itself: a label must not grow with the ids in use."""
    path = getattr(scope.get("route"), "path", None)
    if not path:
        return "(none)"
    return str(path)
