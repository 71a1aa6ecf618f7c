"""When a connection counts as one whose answer nobody reads. Its clock and its transport are the test's own."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from uvicorn import Config

from stepmill.api.observe import HttpMetrics
from stepmill.cli.supervision.connections import Connections
from stepmill.cli.supervision.protocol import READER_SECONDS, HttpProtocol
from tests.cli.transports import Transport


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
async def connection(transport: Transport) -> AsyncIterator[HttpProtocol]:
    """A connection whose answer is under way."""

    async def until_gone(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    connections = Connections(1, HttpMetrics(CollectorRegistry()))
    config = Config(until_gone, http=HttpProtocol, ws="none", log_config=None)
    made = HttpProtocol(config, connections, {}, asyncio.get_running_loop())
    made.connection_made(transport)
    made.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    yield made
    made.connection_lost(None)
    await asyncio.gather(*connections.tasks)


def seconds() -> Iterator[float]:
    now = 1000.0
    while True:
        yield now
        now += 1.0


def passes(connection: HttpProtocol, transport: Transport, clock: Iterator[float], *, takes: int = 0) -> None:
    """A little more than the time that a reader has."""
    for _ in range(int(READER_SECONDS) + 3):
        transport.unread -= takes
        connection.look(next(clock))


async def test_whoever_takes_a_little_stays(connection: HttpProtocol, transport: Transport) -> None:
    clock = seconds()
    transport.unread = 100_000
    connection.pause_writing()
    passes(connection, transport, clock, takes=1)
    assert not transport.aborted
    connection.resume_writing()
    transport.unread = 200_000
    connection.pause_writing()
    passes(connection, transport, clock, takes=1)
    assert not transport.aborted
    passes(connection, transport, clock)
    assert transport.aborted


async def test_what_was_handed_over_when_it_closed_counts_too(connection: HttpProtocol, transport: Transport) -> None:
    transport.unread, transport.closing = 100, True
    passes(connection, transport, seconds())
    assert transport.aborted


async def test_time_without_anything_to_read_does_not_count(connection: HttpProtocol, transport: Transport) -> None:
    clock = seconds()
    passes(connection, transport, clock)
    transport.unread = 100_000
    connection.pause_writing()
    connection.look(next(clock))
    assert not transport.aborted
