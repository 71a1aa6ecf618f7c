"""Connections that are held for nothing: each has an end, and what came whole before it is answered."""

import asyncio
import json
import logging

import pytest
import structlog
from starlette.responses import Response, StreamingResponse

from stepmill.cli.supervision import http as http_server
from stepmill.cli.supervision import protocol
from tests.api.raw_connections import ALLOWED, connected, get
from tests.api.test_overload import metric, until
from tests.api.test_streams import http, submitted
from tests.support.api import Api, hurry_streams

BIG = bytes(range(256)) * 80_000


async def test_a_stream_with_a_request_behind_it_learns_that_its_client_left(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry_streams(monkeypatch, heartbeat_seconds=0.05)
    async with api.served() as url, http(url) as client:
        path = f"/api/jobs/{await submitted(client)}/stream"
        async with connected(url) as connection:
            connection.send(get(path) + get("/api/jobs") + get("/api/jobs"))
            assert await connection.read(15) == b"HTTP/1.1 200 OK"
            await until(client, 'stepmill_http_under_way{kind="streams"}', 1)
        await until(client, 'stepmill_http_under_way{kind="streams"}', 0)
        assert api.bench.hub.readers == 0


async def test_requests_in_a_row_are_answered_in_order_up_to_a_limit(api: Api) -> None:
    paths = [f"/api/jobs/none-{number}" for number in range(40)]
    async with api.served() as url:
        async with connected(url) as connection:
            connection.send(b"".join(map(get, paths[:10])))
            for path in paths[:10]:
                status, _, body = await connection.answer()
                assert (status, path.rpartition("/")[2] in body.decode()) == (404, True)

        async with connected(url) as connection:
            connection.send(b"".join(map(get, paths)))
            answers = [await connection.answer() for _ in range(1 + protocol.QUEUED_REQUESTS)]
            assert await connection.to_end() == b""
        for path, (status, _, body) in zip(paths, answers, strict=False):
            assert (status, path.rpartition("/")[2] in body.decode()) == (404, True)
        closes = ["connection" in headers for _, headers, _ in answers]
        assert closes == [False] * protocol.QUEUED_REQUESTS + [True], "whoever sent the rest sends it again"


async def test_what_came_before_garbage_is_answered(api: Api) -> None:
    async with api.served() as url, connected(url) as connection:
        connection.send(get("/api/jobs") + get("/healthz") + b"\x00 garbage\r\n\r\n" + get("/healthz"))
        assert [(await connection.answer())[0] for _ in range(2)] == [200, 200]
        assert await connection.to_end() == b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00 garbage\r\n\r\n",
        get("/healthz").replace(b"HTTP/1.1", b"HTTP/9"),
        f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Transfer-Encoding: chunked\r\n\r\nno chunk".encode(),
    ],
)
async def test_garbage_is_told_so_in_the_form_of_every_error(api: Api, garbage: bytes) -> None:
    async with api.served() as url, connected(url) as connection:
        connection.send(garbage)
        problem = await connection.last_problem()
        assert (problem["status"], problem["code"]) == (400, "unreadable_request")


async def test_a_body_that_cannot_be_read_is_one_request_under_one_id(api: Api) -> None:
    head = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with structlog.testing.capture_logs() as logs:
        async with api.served() as url, http(url) as client, connected(url) as later, connected(url) as at_once:
            later.send(head.encode() + b"2\r\n{}\r\n")
            await until(client, 'stepmill_http_under_way{kind="requests"}', 1)
            later.send(b"no chunk")
            at_once.send(head.encode() + b"no chunk")
            problems = [await connection.last_problem() for connection in (later, at_once)]
            await until(client, 'stepmill_http_under_way{kind="requests"}', 0)
            refused = 'stepmill_http_refused_total{kind="connections",reason="unreadable_request"}'
            assert await metric(client, refused) == 0
    ids = {problem["requestId"] for problem in problems}
    for event in ("request", "connection_refused"):
        assert {each["request_id"] for each in logs if each["event"] == event and "/metrics" not in str(each)} == ids


async def test_what_is_refused_behind_an_answer_is_counted(api: Api) -> None:
    async with api.served() as url, http(url) as client, connected(url) as connection:
        connection.send(get("/healthz") + b"\x00 garbage\r\n\r\n")
        assert (await connection.answer())[0] == 200
        assert await connection.to_end() == b""
        assert await metric(client, 'stepmill_http_refused_total{kind="connections",reason="unreadable_request"}') == 1


@pytest.mark.usefixtures("hurried")
async def test_a_head_has_to_be_there_in_time(api: Api) -> None:
    async with api.served() as url, connected(url) as silent, connected(url) as slow, connected(url) as kept:
        kept.send(get("/healthz"))
        slow.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0")
        assert (await kept.answer())[0] == 200
        assert await silent.to_end() == b""
        problem = await slow.last_problem()
        assert (problem["status"], problem["code"]) == (408, "head_too_slow")

        kept.send(get("/healthz") + b"G")
        assert (await kept.answer())[0] == 200, "a connection may rest between its requests"
        assert (await kept.last_problem())["code"] == "head_too_slow"


@pytest.mark.usefixtures("hurried")
async def test_a_head_that_drips_has_no_more_time(api: Api) -> None:
    async with api.served() as url, connected(url) as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                connection.send(b"X-Drop: 1\r\n")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert (await connection.last_problem())["code"] == "head_too_slow"
        dripping.cancel()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\nX-Long: ", b"x" * 50_000),
        (b"GET /healthz HTTP/1.1\r\n", b"X-Many: x\r\n" * 5000),
        (b"GET /healthz?", b"x" * 50_000),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", b""),
    ],
    ids=["one header", "many headers", "address", "complete"],
)
async def test_a_head_has_a_greatest_size(api: Api, begin: bytes, more: bytes) -> None:
    async with api.served() as url, connected(url) as connection:
        connection.send(begin + more * 10)
        problem = await connection.last_problem()
        assert (problem["status"], problem["code"]) == (431, "head_too_large")


async def test_trailers_have_a_greatest_size_too(api: Api) -> None:
    head = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with api.served() as url, connected(url) as connection:
        connection.send(head.encode() + b"2\r\n{}\r\n0\r\n" + b"X-Many: x\r\n" * 50_000)
        assert (await connection.last_problem())["code"] == "head_too_large"


@pytest.mark.usefixtures("hurried")
async def test_an_answer_stays_when_the_rest_of_the_body_is_garbage(api: Api) -> None:
    head = b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with api.served() as url, connected(url) as connection:
        connection.send(head)
        status, headers, _ = await connection.answer()
        assert (status, headers["connection"]) == (405, "close")
        connection.send(b"no chunk" + b"x" * 500_000)
        assert await connection.to_end() == b""


async def test_a_large_body_behind_a_small_head_is_no_large_head(api: Api) -> None:
    body = b'{"type": "PLAIN", "envId": "default"' + b" " * 500_000 + b"}"
    head = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    async with api.served() as url, connected(url) as connection:
        connection.send((head.encode() + body) * 2)
        assert [(await connection.answer())[0] for _ in range(2)] == [201, 201]


def give_big_answers(api: Api) -> None:
    @api.app.get("/big")
    async def big() -> Response:
        return Response(BIG)

    @api.app.get("/big-parts")
    async def parts() -> Response:
        return StreamingResponse(iter([BIG[:1_000_000], b"", BIG[1_000_000:]]))


async def test_large_answers_come_whole(api: Api) -> None:
    give_big_answers(api)
    async with api.served() as url, http(url) as client:
        for path in ("/big", "/big-parts"):
            assert (await client.get(path)).content == BIG, path
        script = await client.get("/static/vendor/preact.js")
        head = await client.head("/static/vendor/preact.js")
        assert (head.status_code, head.content) == (script.status_code, b"")
        assert head.headers.get("content-length") == script.headers.get("content-length")


@pytest.mark.parametrize("path", ["/big", "/big-parts"])
async def test_an_answer_has_its_place_until_it_is_taken(api: Api, path: str) -> None:
    give_big_answers(api)
    async with api.served() as url, http(url) as client, connected(url, receive_buffer=4096) as connection:
        connection.send(get(path))
        assert await connection.read(15) == b"HTTP/1.1 200 OK"
        assert await metric(client, 'stepmill_http_under_way{kind="requests"}') == 1
        await connection.read(len(BIG))
        await until(client, 'stepmill_http_under_way{kind="requests"}', 0)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("path", ["/big", "/big-parts"])
async def test_an_answer_that_nobody_reads_is_given_up(api: Api, path: str, caplog: pytest.LogCaptureFixture) -> None:
    give_big_answers(api)
    with structlog.testing.capture_logs() as logs:
        async with api.served() as url, http(url) as client, connected(url, receive_buffer=4096) as connection:
            connection.send(get(path))
            await until(client, "stepmill_http_readers_dropped_total", 1)
            await until(client, 'stepmill_http_under_way{kind="requests"}', 0)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await connection.read(len(BIG))
    assert [(each["log_level"], each["client"]) for each in logs if each["event"] == "reader_dropped"] == [
        ("warning", "127.0.0.1")
    ]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_more_connections_than_files_are_turned_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "connections_within_files", lambda: 2)
    monkeypatch.setattr(protocol, "SPARE_CONNECTIONS", 2)
    async with api.served() as url, connected(url) as first, connected(url) as second:
        for connection in (first, second):
            connection.send(get("/api/jobs"))
            assert (await connection.answer())[0] == 200
        async with connected(url) as spare:
            spare.send(get("/api/jobs"))
            assert_turned_away(await spare.last_problem())
        async with connected(url) as spare, connected(url) as other, connected(url) as beyond:
            assert_turned_away(await beyond.last_problem())
            for connection in (spare, other):
                connection.send(get("/readyz"))
                status, headers, _ = await connection.answer()
                assert (status, headers["connection"]) == (200, "close"), "probes are answered"
        first.send(get("/metrics"))
        _, _, metrics = await first.answer()
        counted = 'stepmill_http_refused_total{kind="connections",reason="too_many_connections"} 2.0'
        assert counted in metrics.decode()


async def test_whoever_is_turned_away_while_sending_reads_why(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "connections_within_files", lambda: 1)
    monkeypatch.setattr(protocol, "SPARE_CONNECTIONS", 1)
    monkeypatch.setattr(protocol, "LINGERING_CONNECTIONS", 1)
    size = 2_000_000
    upload = f"POST /api/jobs HTTP/1.1\r\n{ALLOWED}Content-Length: {size}\r\n\r\n".encode() + b" " * (size // 2)
    async with api.served() as url, connected(url), connected(url) as spare, connected(url) as beyond:
        for connection in (spare, beyond):
            connection.send(upload)
            status, headers, body = await connection.answer()
            assert (status, headers["connection"], json.loads(body)["status"]) == (503, "close", 503)
            connection.send(b" " * (size // 2))
        async with connected(url) as last:  # so many are not waited for
            assert (await last.to_end()).startswith(b"HTTP/1.1 503 ")
        assert await spare.to_end() == await beyond.to_end() == b""


def assert_turned_away(problem: dict[str, object]) -> None:
    assert (problem["status"], problem["code"]) == (503, "too_many_connections")
