"""OpenTelemetry traces: where they are sent, and how a trace goes on from one process to the next.

Without an endpoint in the environment nothing is recorded, and a span costs next to nothing. A trace that a caller
began is carried on all the same, so that whoever records it finds the whole of it.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stepmill import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"
_END_SECONDS = 3.0
"""How long a process that ends waits for its last spans to be taken."""
_LONGEST_STATE = 512
"""Characters of `tracestate` that are carried on; W3C asks for no more."""

_PROPAGATOR = TraceContextTextMapPropagator()
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def recording(service: str) -> AsyncIterator[bool]:
    """Send spans by OTLP while the block runs, if the environment says where to. Answers whether they are recorded.

    ``service`` names the process unless `OTEL_SERVICE_NAME` does.
    """
    if not _is_wanted(os.environ):
        yield False
        return
    if not _is_installed():
        _log.warning(
            "traces_not_recorded",
            why="OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra otel is not installed: pip install 'stepmill[otel]'",
        )
        yield False
        return
    provider = _provider(service)
    trace.set_tracer_provider(provider)
    try:
        yield True
    finally:
        await _end(provider)


def carried() -> dict[str, str] | None:
    """The trace under way, as W3C's `traceparent` and `tracestate`; None where there is none."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    if "traceparent" not in carrier:
        return None
    if len(carrier.get("tracestate", "")) > _LONGEST_STATE:
        del carrier["tracestate"]
    return carrier


def context_of(carrier: Mapping[str, Any] | None) -> Context:
    """The trace that a carrier names. One that can't be read, or names none, is the beginning of a new trace."""
    texts = {name: value for name, value in (carrier or {}).items() if isinstance(value, str)}
    return _PROPAGATOR.extract(texts, Context())


def fail(span: Span, error: BaseException) -> None:
    """Mark a span as failed: by the error's code or class, never by its text, which may name secrets."""
    kind = getattr(error, "code", None) or getattr(error, "sqlstate", None) or type(error).__qualname__
    span.set_attribute("error.type", str(kind))
    span.set_status(Status(StatusCode.ERROR))


def _is_wanted(environment: Mapping[str, str]) -> bool:
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    is_sent_elsewhere = environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    return any(environment.get(name) for name in _ENDPOINTS) and not is_off and not is_sent_elsewhere


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.sdk") is not None and find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def _provider(service: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource.create({SERVICE_NAME: service, "service.version": __version__, "process.pid": os.getpid()})
    # At exit it would wait for a collector that is gone; _end waits for a moment only.
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


async def _end(provider: "TracerProvider") -> None:
    """Send what is left, without waiting for a collector that does not answer."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def shut_down() -> None:
        provider.shutdown()
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=shut_down, name="stepmill traces end", daemon=True).start()
    try:
        await asyncio.wait_for(ended.wait(), _END_SECONDS)
    except TimeoutError:
        _log.warning("traces_lost", why="The collector did not take the last spans in time.")
