"""Clients that end their side of a connection, which is their good right, and clients that are gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from stepmill.cli.supervision import http as http_server
from tests.api.raw_connections import ALLOWED, Connection, connected, get
from tests.api.test_overload import until
from tests.api.test_streams import http, submitted, wait_for_readers
from tests.support.api import Api, hurry_streams

JOB = b'{"type": "PLAIN", "envId": "default"}'


def post(body: bytes, length: int | None = None) -> bytes:
    head = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {length or len(body)}\r\n\r\n".encode() + body


async def test_what_came_whole_is_answered(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        async with connected(url) as connection:
            connection.send(post(JOB))
            connection.send_no_more()
            status, headers, body = await connection.answer()
            assert (status, headers["connection"]) == (201, "close")
            assert await connection.to_end() == b""
        assert (await client.get(f"/api/jobs/{json.loads(body)['jobId']}")).status_code == 200


BROKEN = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Transfer-Encoding: chunked\r\n\r\nno chunk".encode()


@pytest.mark.parametrize(
    "rest",
    [b"", b"GET /api/j", post(JOB, 1000), BROKEN],
    ids=["whole", "half a head", "half a body", "a broken body"],
)
async def test_requests_in_a_row_are_answered_to_the_last_whole_one(api: Api, rest: bytes) -> None:
    async with api.served() as url, http(url) as client:
        async with connected(url) as connection:
            connection.send(get("/api/jobs") + post(JOB) + get("/healthz") + rest)
            connection.send_no_more()
            answers = [await connection.answer() for _ in range(3)]
            assert await connection.to_end() == b""
        assert [status for status, _, _ in answers] == [200, 201, 200]
        assert [headers.get("connection") for _, headers, _ in answers] == [None, None, "close"]
        assert len((await client.get("/api/jobs")).json()["items"]) == 1
        await until(client, 'stepmill_http_under_way{kind="requests"}', 0)


async def test_a_request_that_is_cut_off_is_over(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        async with connected(url) as connection:
            connection.send(post(JOB, 1000))
            await until(client, 'stepmill_http_under_way{kind="requests"}', 1)
            connection.send_no_more()
            assert await connection.to_end() == b""
            await until(client, 'stepmill_http_under_way{kind="requests"}', 0)
        assert (await client.get("/api/jobs")).json()["items"] == []


async def test_nothing_asked_is_nothing_answered(api: Api) -> None:
    async with api.served() as url, connected(url) as new, connected(url) as kept:
        kept.send(get("/healthz"))
        assert (await kept.answer())[0] == 200
        for connection in (new, kept):
            connection.send_no_more()
            assert await connection.to_end() == b""


async def test_a_stream_goes_on_for_a_client_that_only_reads(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=0.05)
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        async with connected(url) as connection:
            connection.send(get(f"/api/jobs/{job_id}/stream"))
            connection.send_no_more()
            for _ in range(5):
                await connection.up_to(b": alive\n\n")
            await client.post(f"/api/jobs/{job_id}/cancel")
            await connection.up_to(b"event: end\n")
            assert (await connection.to_end()).endswith(b"0\r\n\r\n")


@asynccontextmanager
async def idle_streams(api: Api, url: str, path: str, count: int) -> AsyncIterator[list[Connection]]:
    """Streams whose readers have read all that there is: so they end with a FIN and not with a reset."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(url)) for _ in range(count)]
        for connection in connections:
            connection.send(get(path))
            await connection.up_to(b"\n\n\r\n")
            await connection.up_to(b"\n\n\r\n")
        assert api.bench.hub.readers == count
        yield connections


@pytest.mark.parametrize(
    ("heartbeat_seconds", "look_seconds"), [(0.05, 600.0), (600.0, 0.02)], ids=["by a heartbeat", "at a look"]
)
async def test_a_client_that_is_gone_is_noticed_while_its_stream_idles(
    api: Api, monkeypatch: pytest.MonkeyPatch, heartbeat_seconds: float, look_seconds: float
) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=heartbeat_seconds)
    monkeypatch.setattr(http_server, "LOOK_SECONDS", look_seconds)
    async with api.served() as url, http(url) as client:
        path = f"/api/jobs/{await submitted(client)}/stream"
        async with idle_streams(api, url, path, 5):
            await until(client, 'stepmill_http_under_way{kind="streams"}', 5)
        await until(client, 'stepmill_http_under_way{kind="streams"}', 0)
        await wait_for_readers(api, 0)
        assert len(api.parts.streams) == 0


async def test_a_client_that_is_gone_with_more_requests_behind_its_stream_is_noticed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=0.05)
    async with api.served() as url, http(url) as client:
        path = f"/api/jobs/{await submitted(client)}/stream"
        async with connected(url) as connection:
            connection.send(get(path) + get("/api/jobs"))
            connection.send_no_more()
            await asyncio.gather(connection.up_to(b": alive\n\n"), wait_for_readers(api, 1))
        await until(client, 'stepmill_http_under_way{kind="streams"}', 0)
        await wait_for_readers(api, 0)
