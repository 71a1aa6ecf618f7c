"""Spans around database statements, where traces are recorded: the statement's text without any value in it.

A computing process records no traces itself: it tells the worker of its statements, which makes spans of them.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Self

import psycopg
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from psycopg import AsyncCopy, AsyncCursor, Copy, Cursor
from psycopg.abc import Params, Query
from psycopg.copy import AsyncWriter, Writer
from psycopg.rows import Row
from psycopg.sql import Composable

from stepmill.gateways.tracing import fail

_LONGEST_TEXT = 2_000
"""Characters of a statement that its span shows."""

# Comments go, quoted names stay, and each value becomes a question mark. A comment may hold a lone quote, and a quoted
# name anything, so all of them are found in one pass.
_PARTS = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<name> "(?:[^"]|"")*" | %\(\w+\)[sbt] | \$\d+ )
    | (?P<value> \b[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | (?<![\w.])\d[\w.]* )
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"\s*(?P<verb>\w+)(?:\s+(?P<function>\w+_v\d+)\()?")

_tracer = trace.get_tracer("stepmill")

Tell = Callable[[str, int, int, str | None], None]
"""Told a statement's text without values, its beginning and end (ns since 1970), and the SQLSTATE of its error."""

_tell: ContextVar[Tell | None] = ContextVar("stepmill_statements", default=None)


class TracedCursor(AsyncCursor[Row]):
    """A cursor whose statements are spans of the trace under way. Outside of one they cost nothing more."""

    async def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """Execute a statement within a span."""
        with _span(query, self.connection):
            return await super().execute(query, params, prepare=prepare, binary=binary)

    async def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        """Execute a statement for each of several sets of values, within one span."""
        with _span(query, self.connection):
            await super().executemany(query, params_seq, returning=returning)

    @asynccontextmanager
    async def copy(
        self, statement: Query, params: Params | None = None, *, writer: AsyncWriter | None = None
    ) -> AsyncIterator[AsyncCopy]:
        """COPY within a span, which lasts as long as the COPY does."""
        with _span(statement, self.connection):
            async with super().copy(statement, params, writer=writer) as copying:
                yield copying


class ToldCursor(Cursor[Row]):
    """A cursor of a computing process, which tells the worker of its statements while :func:`told` says so."""

    def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Self:
        """Execute a statement and tell of it."""
        with _telling(query, self.connection):
            return super().execute(query, params, prepare=prepare, binary=binary)

    def executemany(self, query: Query, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        """Execute a statement for each of several sets of values, and tell of it once."""
        with _telling(query, self.connection):
            super().executemany(query, params_seq, returning=returning)

    @contextmanager
    def copy(self, statement: Query, params: Params | None = None, *, writer: Writer | None = None) -> Iterator[Copy]:
        """COPY, and tell of it at its end."""
        with _telling(statement, self.connection), super().copy(statement, params, writer=writer) as copying:
            yield copying


@contextmanager
def told(tell: Tell) -> Iterator[None]:
    """Have the statements of every :class:`ToldCursor` told while the block runs."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


def record(text: str, began: int, ended: int, error: str | None) -> None:
    """Make a span of a statement that a computing process told of; times in ns since 1970."""
    span = _tracer.start_span(span_name(text), kind=SpanKind.CLIENT, attributes=_attributes(text), start_time=began)
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
    span.end(ended)


@contextmanager
def _telling(query: Query, connection: psycopg.Connection[Any]) -> Iterator[None]:
    tell = _tell.get()
    if tell is None:
        yield
        return
    began = time.time_ns()
    failed: str | None = None
    try:
        yield
    except BaseException as error:
        failed = getattr(error, "sqlstate", None) or type(error).__qualname__
        raise
    finally:
        tell(without_values(_text(query, connection)), began, time.time_ns(), failed)


@contextmanager
def _span(query: Query, connection: psycopg.AsyncConnection[Any]) -> Iterator[None]:
    if not trace.get_current_span().is_recording():
        yield
        return
    text = without_values(_text(query, connection))
    with _tracer.start_as_current_span(
        span_name(text),
        kind=SpanKind.CLIENT,
        attributes=_attributes(text),
        record_exception=False,  # its text may quote a value
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            fail(span, error)
            raise


@lru_cache(maxsize=512)
def without_values(statement: str) -> str:
    """The statement on one line, without comments and with a question mark for each text and number in it."""

    def part(found: re.Match[str]) -> str:
        return found["name"] or (" " if found["comment"] else "?")

    return " ".join(_PARTS.sub(part, statement).split())[:_LONGEST_TEXT]


def span_name(text: str) -> str:
    """What a statement does, for a span's name: its verb, and the function of ours that it calls."""
    found = _NAME.match(text)
    return " ".join(part for part in found.group("verb", "function") if part) if found else "statement"


def _attributes(text: str) -> dict[str, str]:
    return {"db.system.name": "postgresql", "db.query.text": text}


def _text(query: Query, connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> str:
    if isinstance(query, Composable):
        return query.as_string(connection)
    if isinstance(query, bytes):
        return query.decode()
    return query if isinstance(query, str) else "statement"  # a template string holds its values
