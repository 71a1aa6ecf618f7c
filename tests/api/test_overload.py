"""More than a process can take: it says so at once, and goes on serving what it has taken on."""

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from stepmill.api import pace, requests
from stepmill.api.admission import Lane, connections_within_files, streams_within_files
from stepmill.auth import Principal
from stepmill.cli.supervision import http as http_server
from stepmill.cli.supervision import protocol
from stepmill.errors import UnavailableError
from stepmill.gateways.sql.database import Database
from tests.api.raw_connections import ALLOWED, connected
from tests.api.test_streams import PLAIN, http, submitted
from tests.engine import job_types
from tests.support.api import TOKEN, Api, bearer, hurry_streams, make_api
from tests.support.engine import CALLER, Bench
from tests.support.problems import assert_problem

MORE_EVENTS = """
SELECT emit_v1(%s, 'local', 'default', (SELECT jsonb_agg(jsonb_build_object('kind', 'log', 'data', jsonb_build_object(
    'level', 'info', 'message', repeat('x', 20000), 'step', NULL, 'fields', '{}'::jsonb))) FROM generate_series(1, 20)))
"""


@pytest.fixture
async def small(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """An api that takes on next to nothing."""
    limits = {"max_requests": 4, "max_uploads": 2, "max_streams": 4}
    async with Bench(database, tmp_path, job_types.ALL, **limits).started() as bench:
        made = make_api(bench)
        yield made
        await made.parts.preview_pool.close()


async def metric(client: httpx.AsyncClient, name: str) -> float:
    text = (await client.get("/metrics")).text
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE))


async def until(client: httpx.AsyncClient, name: str, value: float) -> None:
    async with asyncio.timeout(30):
        while await metric(client, name) != value:
            await asyncio.sleep(0.01)


class Slow:
    """A request whose body comes in two halves, the second when it may."""

    def __init__(self, client: httpx.AsyncClient, path: str, halves: tuple[bytes, bytes], content_type: str) -> None:
        self._halves = halves
        self._may_go_on = asyncio.Event()
        headers = {"Content-Type": content_type}
        self._answer = asyncio.create_task(client.post(path, content=self._body(), headers=headers))

    async def _body(self) -> AsyncIterator[bytes]:
        yield self._halves[0]
        await self._may_go_on.wait()
        yield self._halves[1]

    async def finish(self) -> httpx.Response:
        self._may_go_on.set()
        return await self._answer


def slow_submission(client: httpx.AsyncClient) -> Slow:
    return Slow(client, "/api/jobs", (b'{"type": "PLAIN", ', b'"envId": "default"}'), "application/json")


async def test_a_tenant_and_a_process_have_so_many_requests_at_once(small: Api) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(small.served())
        ours = await stack.enter_async_context(http(url))
        others = await stack.enter_async_context(http(url, **bearer("administrator", tenant="other")))
        slow = [slow_submission(ours) for _ in range(3)]
        await until(ours, 'stepmill_http_under_way{kind="requests"}', 3)

        refused = await ours.post("/api/jobs", json=PLAIN)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await others.get("/api/jobs")).status_code == 200, "another tenant gets in"

        slow.append(slow_submission(others))
        await until(ours, 'stepmill_http_under_way{kind="requests"}', 4)
        refused = await others.get("/api/jobs")
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await others.get("/healthz")).status_code == 200, "probes always get in"

        answers = [await each.finish() for each in slow[:3]]
        assert [answer.status_code for answer in answers] == [201, 201, 201], "what was taken on is done"
        await slow[3].finish()
        await until(ours, 'stepmill_http_under_way{kind="requests"}', 0)
        assert (await ours.post("/api/jobs", json=PLAIN)).status_code == 201
        assert await metric(ours, 'stepmill_http_refused_total{kind="requests",reason="too_many_requests"}') == 1
        assert await metric(ours, 'stepmill_http_refused_total{kind="requests",reason="overloaded"}') == 1


async def test_uploads_take_no_place_of_other_requests(small: Api) -> None:
    async with small.served() as url, http(url) as client:
        area = (await client.post("/api/envs/default/areas", json={"name": "Orders"})).json()["areaId"]
        path = f"/api/envs/default/areas/{area}/files?name=a.csv"
        slow = Slow(client, path, (b"a;b\n", b"1;2\n"), "application/octet-stream")
        await until(client, 'stepmill_http_under_way{kind="uploads"}', 1)

        refused = await client.post(path, content=b"a;b\n3;4\n", headers={"Content-Type": "application/octet-stream"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert (await client.get(f"/api/envs/default/areas/{area}/files")).json()["items"] == []
        assert (await slow.finish()).status_code == 201


@asynccontextmanager
async def reading(client: httpx.AsyncClient, path: str) -> AsyncIterator[httpx.Response]:
    async with client.stream("GET", path) as response:
        yield response


async def test_streams_have_a_limit_and_give_their_place_back(small: Api) -> None:
    async with small.served() as url, http(url) as client:
        path = f"/api/jobs/{await submitted(client)}/stream"
        async with AsyncExitStack() as stack:
            for _ in range(3):
                assert (await stack.enter_async_context(reading(client, path))).status_code == 200
            refused = await client.get("/api/stream")
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
            assert "retry-after" in refused.headers
            assert (await client.get("/api/jobs")).status_code == 200, "streams take no place of other requests"
        await until(client, 'stepmill_http_under_way{kind="streams"}', 0)
        async with reading(client, path) as response:
            assert response.status_code == 200


async def test_a_reader_that_takes_nothing_is_dropped_and_others_are_not_slowed(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=0.05)
    monkeypatch.setattr(http_server, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(protocol, "READER_SECONDS", 2.0)
    async with api.served() as url, http(url) as client:
        job_id = await submitted(client)
        path, address = f"/api/jobs/{job_id}/stream", urlsplit(url)
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect((address.hostname, address.port))
            stalled.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
            ids, all_there = list[int](), asyncio.Event()

            async def read_on() -> None:
                async with reading(client, path) as response:
                    async for line in response.aiter_lines():
                        ids.extend([int(line[4:])] if line.startswith("id: ") else [])
                        if len(ids) > 15 * 20:
                            all_there.set()

            other = asyncio.create_task(read_on())
            await until(client, 'stepmill_http_under_way{kind="streams"}', 2)
            for _ in range(15):
                async with api.bench.database.autocommit() as conn:
                    await conn.execute(MORE_EVENTS.encode(), (job_id,))
                api.bench.engine.notifier.touch(job_id)
            await asyncio.wait_for(all_there.wait(), 60)
            assert ids == list(range(ids[0], ids[0] + len(ids)))
            await until(client, "stepmill_sse_readers_dropped_total", 1)
            assert await metric(client, "stepmill_http_readers_dropped_total") == 0
            other.cancel()
            await until(client, 'stepmill_http_under_way{kind="streams"}', 0)
            assert api.bench.hub.readers == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_body_that_never_comes_holds_no_place(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.2)
    head = f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    async with api.served() as url, http(url) as client:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 40\r\n\r\n{{".encode())
        answer = (await asyncio.wait_for(reader.read(), 10)).decode()
        assert answer.startswith("HTTP/1.1 400 ")
        assert '"code":"body_too_slow"' in answer
        writer.close()
        await until(client, 'stepmill_http_under_way{kind="requests"}', 0)


async def test_an_answer_that_comes_before_the_body_was_read_gives_its_place_back(api: Api) -> None:
    head = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Content-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
    async with api.served() as url, http(url) as client, connected(url) as connection:
        connection.send(head.encode() + b"{")
        status, headers, _ = await connection.answer()
        assert (status, headers["connection"]) == (413, "close")
        assert await metric(client, 'stepmill_http_under_way{kind="requests"}') == 0
        connection.send(b" " * 1_000_000)
        assert await connection.to_end() == b""


ROWS = b"1;2\n" * 30_000
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na;b\n'


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("application/octet-stream", b"a;b\n"),
        ("application/octet-stream", ROWS),
        ("multipart/form-data; boundary=x", FORM[:20]),
        ("multipart/form-data; boundary=x", FORM),
        ("multipart/form-data; boundary=x", FORM + ROWS),
    ],
    ids=["raw", "raw, well begun", "form's head", "form", "form, well begun"],
)
async def test_an_upload_that_stops_coming_holds_no_place(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content_type: str, sent: bytes
) -> None:
    monkeypatch.setattr(pace, "PACE_SECONDS", 0.3)
    monkeypatch.setattr(pace, "PACE_BYTES", 100_000)
    async with api.served() as url, http(url) as client:
        area = (await client.post("/api/envs/default/areas", json={"name": "Orders"})).json()["areaId"]
        path = f"/api/envs/default/areas/{area}/files"
        head = f"POST {path}?name=a.csv HTTP/1.1\r\n{ALLOWED}Content-Type: {content_type}\r\n"
        async with connected(url) as connection:
            connection.send(f"{head}Content-Length: 1000000\r\n\r\n".encode() + sent)
            status, _, body = await connection.answer()
            assert (status, json.loads(body)["code"]) == (400, "body_too_slow")
        await until(client, 'stepmill_http_under_way{kind="uploads"}', 0)
        assert (await client.get(path)).json()["items"] == []
        assert not [each for each in tmp_path.rglob("*") if each.is_file()]


async def test_what_is_done_with_an_upload_takes_none_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PACE_SECONDS", 0.5)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x"

    took = []
    async for chunk in pace.at_a_pace(chunks()):
        took.append(chunk)
        await asyncio.sleep(0.2)  # a slow disk
    assert took == [b"x"] * 4


def test_whoever_did_not_say_who_they_are_has_a_part_of_the_places() -> None:
    lane = Lane("requests", 200)
    for _ in range(50):
        lane.enter(None)
    with pytest.raises(UnavailableError, match="This server has as many requests under way as it takes") as refused:
        lane.enter(None)
    assert (refused.value.code, lane.under_way) == ("overloaded", 50)
    lane.enter("local")


def test_streams_are_no_more_than_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))
    assert streams_within_files(10_000) == 524
    assert streams_within_files(100) == 100
    assert streams_within_files(10_000) + 100 <= connections_within_files() <= 1024 - 300, "others get in beside them"


async def test_searches_of_one_tenant_keep_no_other_waiting(api: Api, client: httpx.AsyncClient) -> None:
    """A search reads all of a tenant's jobs: two at once, and the rest wait in a line of the tenant's own."""
    searches = api.bench.engine.searches
    searches._wait_seconds = 0.01
    async with searches.taken("local"), searches.taken("local"):
        for path in ("/api/jobs?q=x", "/api/jobs/counts"):
            refused = await client.get(path)
            assert_problem(refused, 429, "too_many_requests")
            assert refused.headers["retry-after"] == "1"
        refused = await client.post("/api/jobs/cancel", json={"q": "x"})
        assert_problem(refused, 429, "too_many_requests")
        assert (await client.get("/api/jobs?status=DONE")).status_code == 200
        async with api.client(**bearer("viewer", tenant="other")) as stranger:
            assert (await stranger.get("/api/jobs?q=x")).status_code == 200
    assert (await client.get("/api/jobs?q=x")).status_code == 200


async def test_writes_of_one_tenant_with_a_key_keep_no_other_waiting(api: Api, client: httpx.AsyncClient) -> None:
    """Each holds a connection for as long as it takes, so there are few of them at once."""
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(api.parts.idempotent_writes_of.taken("local"))
            await held.enter_async_context(api.parts.idempotent_writes)
        waiting = asyncio.create_task(client.post("/api/jobs/cancel?q=x", headers={"Idempotency-Key": "ours"}))
        async with asyncio.timeout(10), api.client(**bearer("operator", tenant="other")) as stranger:
            answer = await stranger.post("/api/jobs/cancel?q=x", headers={"Idempotency-Key": "theirs"})
            assert answer.status_code == 202
        assert not waiting.done()
    assert (await waiting).status_code == 202


async def test_streams_that_one_tenant_opens_keep_no_others_from_beginning(api: Api) -> None:
    hub = api.bench.hub
    async with AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(hub._turn(CALLER))
        waiting = asyncio.create_task(held.enter_async_context(hub._turn(CALLER)))
        async with asyncio.timeout(10), hub._turn(Principal("other", "tester", frozenset({"viewer"}))):
            pass
        assert not waiting.done()
        waiting.cancel()
