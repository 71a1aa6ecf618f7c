"""Structured logs of a process: one line per event on standard error, as JSON or for a terminal.

Everything goes through here, libraries' own logging included. What was bound with `structlog.contextvars` (a job's id,
a request's id) is on each line. Settings hold secrets as `SecretStr`, whose text is masked, so that none gets here.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

QUIET = ("uvicorn.access", "uvicorn.error", "httpx", "httpcore", "procrastinate", "psycopg.pool", "asyncio")
"""Loggers whose lines below a warning say nothing that ours don't."""


def configure(level: str, style: str) -> None:
    """Set the process's logging up. `level` is a name; `style` is `json`, `console`, or `auto`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(style)],
        )
    )
    _look_up_no_more_than_is_shown()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _look_up_no_more_than_is_shown() -> None:
    """What Python's documentation advises: a record's source line, thread and process are on none of our lines."""
    logging._srcfile = None  # noqa: SLF001  (it is in the section "Optimization" of the logging HOWTO)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The trace that the line belongs to, if one is under way."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _renderers(style: str) -> list[Any]:
    if style == "console" or (style == "auto" and sys.stderr.isatty()):
        # Its own formatter of exceptions shows local variables, and with them addresses that hold passwords.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
