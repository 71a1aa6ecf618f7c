"""A server that is told to stop: what is under way has its time, and then hears that it was not done."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog
from starlette.responses import StreamingResponse

from stepmill.api.sse import OpenStreams
from stepmill.gateways.sql.database import Database
from tests.api.raw_connections import ALLOWED, connected, get
from tests.api.test_overload import MORE_EVENTS, until
from tests.api.test_streams import http, submitted
from tests.engine import job_types
from tests.support.api import Api, make_api
from tests.support.engine import Bench


@pytest.fixture
async def patient(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """An api that waits for requests longer than any test."""
    async with Bench(database, tmp_path, job_types.ALL, shutdown_grace_seconds=3600).started() as bench:
        made = make_api(bench)
        yield made
        await made.parts.preview_pool.close()


class Held:
    """An address whose answer comes when it may."""

    def __init__(self, api: Api) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        api.app.get("/held")(self._answer)

    async def _answer(self) -> dict[str, bool]:
        self.asked.set()
        await self.may_answer.wait()
        return {"done": True}


@asynccontextmanager
async def stoppable(api: Api) -> AsyncIterator[tuple[str, AsyncExitStack]]:
    """The address of a server, and what stops it; the end of that is awaited."""
    async with AsyncExitStack() as server:
        yield await server.enter_async_context(api.served()), server
        async with asyncio.timeout(60):
            await server.aclose()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_is_under_way_has_its_time(patient: Api) -> None:
    held = Held(patient)
    async with stoppable(patient) as (url, server), connected(url) as connection:
        connection.send(get("/held"))
        await held.asked.wait()
        stopping = asyncio.create_task(server.aclose())
        await _refuses(url)
        held.may_answer.set()
        status, headers, body = await connection.answer()
        assert (status, headers["connection"], json.loads(body)) == (200, "close", {"done": True})
        await stopping


async def _refuses(url: str) -> None:
    """Wait until the server takes no more connections: nobody tells of it."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with connected(url):
                    await asyncio.sleep(0.01)
            except OSError:
                return


async def test_what_is_not_done_by_then_is_told_so(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    held = Held(api)
    with structlog.testing.capture_logs() as logs:
        async with stoppable(api) as (url, server), connected(url) as connection:
            connection.send(get("/held") + get("/healthz"))
            await held.asked.wait()
            stopping = asyncio.create_task(server.aclose())
            status, headers, body = await connection.answer()
            assert (status, json.loads(body)["code"]) == (503, "shutting_down")
            assert (headers["connection"], headers["content-type"]) == ("close", "application/problem+json")
            assert headers["x-request-id"] == json.loads(body)["requestId"]
            assert int(headers["retry-after"]) >= 1
            assert headers["x-content-type-options"] == "nosniff"
            assert await connection.to_end() == b""
            await stopping
    assert [each["status"] for each in logs if each["event"] == "request"] == [503]
    assert errors(caplog) == []


async def test_half_an_answer_is_cut(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.Event().wait()

    @api.app.get("/half")
    async def answer() -> StreamingResponse:
        return StreamingResponse(half())

    with structlog.testing.capture_logs() as logs:
        async with stoppable(api) as (url, server), http(url) as client:
            with pytest.raises(httpx.RemoteProtocolError):  # it must not look complete
                async with client.stream("GET", "/half") as response:
                    parts = response.aiter_raw()
                    assert await anext(parts) == b"half"
                    stopping = asyncio.create_task(server.aclose())
                    async for _ in parts:
                        continue
            await stopping
    assert [each["status"] for each in logs if each["event"] == "request"] == [200]
    assert errors(caplog) == []


async def test_an_upload_is_told_so_while_it_is_sent(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async with stoppable(api) as (url, server), http(url) as client, connected(url) as connection:
        area = (await client.post("/api/envs/default/areas", json={"name": "Orders"})).json()["areaId"]
        head = f"POST /api/envs/default/areas/{area}/files?name=a.csv HTTP/1.1\r\n{ALLOWED}"
        head += "Content-Type: application/octet-stream\r\nContent-Length: 4000000\r\n\r\n"
        connection.send(head.encode() + b"a;b\n")
        await until(client, 'stepmill_http_under_way{kind="uploads"}', 1)
        stopping = asyncio.create_task(server.aclose())
        status, headers, body = await connection.answer()
        assert (status, headers["connection"], json.loads(body)["code"]) == (503, "close", "shutting_down")
        connection.send(b"1;2\n" * 999_999)
        assert await connection.to_end() == b""
        await stopping
    assert errors(caplog) == []


async def test_whoever_asks_for_nothing_is_not_waited_for(patient: Api) -> None:
    async with stoppable(patient) as (url, server), connected(url), connected(url) as begun, connected(url) as kept:
        begun.send(b"GET / HT")
        kept.send(get("/healthz"))
        assert (await kept.answer())[0] == 200
        async with asyncio.timeout(30):
            await server.aclose()


async def test_streams_are_not_waited_for_even_if_their_reader_is_behind(
    patient: Api, caplog: pytest.LogCaptureFixture
) -> None:
    async with stoppable(patient) as (url, server), http(url) as client:
        job_id = await submitted(client)
        async with connected(url, receive_buffer=4096) as behind, connected(url) as idle:
            for connection in (behind, idle):
                connection.send(get(f"/api/jobs/{job_id}/stream"))
                await connection.up_to(b"event: snapshot")
            for _ in range(15):
                async with patient.bench.database.autocommit() as conn:
                    await conn.execute(MORE_EVENTS.encode(), (job_id,))
                patient.bench.engine.notifier.touch(job_id)
            for _ in range(15 * 20):
                await idle.up_to(b"event: log\n")
            await idle.up_to(b"\n\n\r\n")
            async with asyncio.timeout(30):
                await server.aclose()
            assert await idle.to_end() == b"0\r\n\r\n"
    assert errors(caplog) == []


async def test_a_stream_that_comes_late_ends_at_once() -> None:
    streams = OpenStreams()
    before = streams.open()
    streams.close()
    assert before.done()
    assert streams.open().done()
