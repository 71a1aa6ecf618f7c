"""What a client may say of HTTP and this server does not speak: other protocols, tunnels, trailers."""

import json

import pytest

from tests.api.raw_connections import ALLOWED, connected, get
from tests.api.test_overload import metric
from tests.api.test_streams import http
from tests.support.api import TOKEN, Api

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQC\r\n"
JOB = b'{"type": "PLAIN", "envId": "default"}'


async def test_an_upload_that_offers_another_protocol_is_stored_whole(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    content = b"a;b\n" + b"1;2\n" * 100_000
    async with api.served() as url, http(url) as client:
        area = (await client.post("/api/envs/default/areas", json={"name": "Orders"})).json()["areaId"]
        head = f"POST /api/envs/default/areas/{area}/files?name=a.csv HTTP/1.1\r\n{ALLOWED}{OFFER}"
        head += f"Content-Type: application/octet-stream\r\nContent-Length: {len(content)}\r\n"
        async with connected(url) as connection:
            connection.send(f"{head}\r\n".encode() + content + get("/healthz"))
            status, _, body = await connection.answer()
            assert (status, json.loads(body)["bytes"]) == (201, len(content))
            assert (await connection.answer())[0] == 200
        async with connected(url) as connection:
            connection.send(f"{head}Expect: 100-continue\r\n\r\n".encode())
            await connection.up_to(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.send(content)
            status, _, body = await connection.answer()
            assert (status, json.loads(body)["bytes"]) == (201, len(content))
    assert "websocket" not in caplog.text.lower()
    assert "upgrade" not in caplog.text.lower()


async def test_a_tunnel_is_refused(api: Api) -> None:
    async with api.served() as url, http(url) as client:
        async with connected(url) as connection:
            connection.send(get("/api/jobs") + b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + get("/api/jobs"))
            assert (await connection.answer())[0] == 200
            assert await connection.to_end() == b""
        async with connected(url) as connection:
            connection.send(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
            problem = await connection.last_problem()
            assert (problem["status"], problem["code"]) == (405, "method_not_allowed")
        assert await metric(client, 'stepmill_http_refused_total{kind="connections",reason="method_not_allowed"}') == 2


async def test_nobody_signs_in_behind_the_body(api: Api) -> None:
    head = "POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    async with api.served() as url, connected(url) as connection:
        connection.send(
            f"{head}Transfer-Encoding: chunked\r\n\r\n{len(JOB):x}\r\n{JOB.decode()}\r\n0\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        status, _, body = await connection.answer()
        assert (status, json.loads(body)["code"]) == (401, "authentication_required")


@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n"])
async def test_an_empty_line_is_no_request(api: Api, hurried: None, lines: bytes) -> None:
    async with api.served() as url, connected(url) as connection, connected(url) as new:
        connection.send(get("/healthz"))
        assert (await connection.answer())[0] == 200
        connection.send(lines + get("/healthz"))
        assert (await connection.answer())[0] == 200
        connection.send(lines)
        assert await connection.to_end() == b""
        new.send(lines)
        assert await new.to_end() == b""


async def test_what_can_not_be_read_is_counted(api: Api, hurried: None) -> None:
    refused = {
        "unreadable_request": b"\x00\r\n\r\n",
        "head_too_slow": b"GET /",
        "head_too_large": b"GET /" + b"x" * 100_000,
    }
    async with api.served() as url, http(url) as client:
        for code, data in refused.items():
            async with connected(url) as connection:
                connection.send(data)
                assert (await connection.last_problem())["code"] == code
            assert await metric(client, f'stepmill_http_refused_total{{kind="connections",reason="{code}"}}') == 1
