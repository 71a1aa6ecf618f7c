"""How requests are read, however their bytes arrive: the transport is the test's own."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config

from stepmill.api.observe import HttpMetrics
from stepmill.cli.supervision.connections import Connections
from stepmill.cli.supervision.protocol import HttpProtocol
from tests.cli.transports import Transport

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQC\r\n"
HEAD = b"POST /one?x=%20y HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\n"
SIZED = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: 1\r\n\r\n"
NEXT = b"GET /two HTTP/1.1\r\nHost: a\r\n\r\n"

Seen = list[tuple[str, str, dict[str, str], bytes]]


async def seen_of(*parts: bytes) -> Seen:
    """The requests that the application sees when these parts come one by one."""
    seen: Seen = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        seen.append((request.method, str(request.url), dict(request.headers), await request.body()))
        await Response(status_code=204)(scope, receive, send)

    connections = Connections(1, HttpMetrics(CollectorRegistry()))
    config = Config(note, http=HttpProtocol, ws="none", log_config=None)
    connection = HttpProtocol(config, connections, {}, asyncio.get_running_loop())
    transport = Transport()
    connection.connection_made(transport)
    for part in parts:
        connection.data_received(part)
    while connections.tasks:
        await asyncio.wait(connections.tasks)
    connection.connection_lost(None)
    assert transport.written.count(b"HTTP/1.1 204") == len(seen)
    return seen


def cut(data: bytes) -> Sequence[tuple[bytes, ...]]:
    """It in two parts in every way, and in parts of one byte each."""
    return [*((data[:place], data[place:]) for place in range(1, len(data))), tuple(bytes([each]) for each in data)]


@pytest.mark.parametrize("body", [SIZED, CHUNKED, b"\r\n", b"Content-Length: 0\r\n\r\n"])
async def test_an_offer_of_another_protocol_changes_nothing(body: bytes) -> None:
    plain = await seen_of(HEAD + body + NEXT + HEAD + body + NEXT)
    assert [path.rpartition("/")[2] for _, path, _, _ in plain] == ["one?x=%20y", "two"] * 2
    data = HEAD + OFFER + body + NEXT + HEAD + OFFER + body + NEXT
    assert await seen_of(data) == plain
    for parts in cut(data):
        assert await seen_of(*parts) == plain, parts[0]


async def test_what_else_the_connection_header_says_stays() -> None:
    data = HEAD.replace(b"X-Own: 1", b"Upgrade: websocket, x/2\r\nConnection: keep-alive,UPGRADE, close") + SIZED + NEXT
    (only,) = await seen_of(data)
    assert only[2] == {"host": "a", "connection": "keep-alive, close", "content-length": "5"}
    assert only[3] == b"hello"


async def test_a_body_is_not_taken_for_a_request() -> None:
    inner = b"DELETE /three HTTP/1.1\r\nHost: a\r\n\r\n"
    head = HEAD + OFFER + b"Content-Length: %d\r\n\r\n" % len(inner)
    for parts in ((head, inner, NEXT), (head + inner, NEXT), (head + inner + NEXT,)):
        assert [(method, body) for method, _, _, body in await seen_of(*parts)] == [("POST", inner), ("GET", b"")]


async def test_trailers_are_no_headers() -> None:
    for parts in cut(HEAD + CHUNKED + NEXT):
        one, two = await seen_of(*parts)
        assert one[2] == {"host": "a", "x-own": "1", "transfer-encoding": "chunked"}
        assert two[2] == {"host": "a"}
