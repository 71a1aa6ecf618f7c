"""Readers that take what comes slowly, and all the time: they get all of it."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from starlette.responses import Response

from stepmill.cli.supervision import http as http_server
from stepmill.cli.supervision import protocol
from tests.api.raw_connections import Connection, connected, get
from tests.api.test_overload import metric, until
from tests.api.test_streams import http
from tests.support.api import Api

BIG = bytes(range(256)) * 40_000
STEP = 16 * 1024


class BigEvent:
    wire = b"event: big\ndata: " + b"x" * 10_000_000 + b"\n\n"


@pytest.fixture
def hurried_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader has little time, so that what a slow one takes in it is far less than what the system would hold."""
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(protocol, "READER_SECONDS", 1.0)


async def read_slowly(connection: Connection, size: int) -> bytes:
    """The next bytes: 160 kB each second at first, for longer than a reader may take nothing; then the rest."""
    taken = []
    for _ in range(50):
        taken.append(await connection.read(STEP))
        await asyncio.sleep(0.1)
    return b"".join((*taken, await connection.read(size - 50 * STEP)))


@pytest.mark.usefixtures("hurried_readers")
async def test_a_large_answer(api: Api) -> None:
    @api.app.get("/big")
    async def big() -> Response:
        return Response(BIG)

    async with api.served() as url, http(url) as client, connected(url, receive_buffer=4096) as connection:
        connection.send(get("/big"))
        await connection.up_to(b"\r\n\r\n")
        assert await read_slowly(connection, len(BIG)) == BIG
        assert await metric(client, "stepmill_http_readers_dropped_total") == 0


@pytest.mark.usefixtures("hurried_readers")
async def test_a_large_event(api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def one_event(*_: object) -> AsyncIterator[BigEvent]:
        yield BigEvent()

    monkeypatch.setattr(api.parts.hub, "subscribe_feed", one_event)
    async with api.served() as url, http(url) as client, connected(url, receive_buffer=4096) as connection:
        connection.send(get("/api/stream"))
        await connection.up_to(b"retry: 1000\n\n\r\n")
        await connection.up_to(b"\r\n")
        assert await read_slowly(connection, len(BigEvent.wire)) == BigEvent.wire
        assert await connection.read(7) == b"\r\n0\r\n\r\n"
        assert await metric(client, "stepmill_sse_readers_dropped_total") == 0
        await until(client, 'stepmill_http_under_way{kind="streams"}', 0)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
