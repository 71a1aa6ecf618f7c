"""Connections that are written by hand, byte by byte."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.support.api import TOKEN

ALLOWED = f"Host: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"


def get(path: str) -> bytes:
    """A whole request."""
    return f"GET {path} HTTP/1.1\r\n{ALLOWED}\r\n".encode()


class Connection:
    """One of them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def send_no_more(self) -> None:
        """End this side only."""
        self._writer.write_eof()

    async def up_to(self, text: bytes) -> bytes:
        """What comes up to ``text``, with it."""
        return await asyncio.wait_for(self._reader.readuntil(text), 30)

    async def read(self, size: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(size), 30)

    async def to_end(self) -> bytes:
        """All that comes until the server closes."""
        return await asyncio.wait_for(self._reader.read(), 30)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer, of a length that it says: status, headers, body."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 30)
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return int(first.split()[1]), headers, await self.read(int(headers["content-length"]))

    async def last_problem(self) -> dict[str, Any]:
        """The next answer, which is a whole problem and the last one of the connection."""
        status, headers, body = await self.answer()
        problem: dict[str, Any] = json.loads(body)
        assert headers["content-type"] == "application/problem+json"
        assert headers["connection"] == "close"
        assert headers["x-request-id"] == problem["requestId"]
        assert headers["x-content-type-options"] == "nosniff"
        assert problem["status"] == status
        assert problem["type"] == f"urn:stepmill:problem:{problem['code']}"
        assert await self.to_end() == b""
        return problem


@asynccontextmanager
async def connected(url: str, *, receive_buffer: int | None = None) -> AsyncIterator[Connection]:
    """A connection to the server. With a ``receive_buffer`` no more than about that much is read ahead."""
    address = urlsplit(url)
    with socket.socket() as own:
        if receive_buffer:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, (address.hostname, address.port))
        limit = receive_buffer or 2**16
        reader, writer = await asyncio.open_connection(sock=own, limit=limit)
        try:
            yield Connection(reader, writer)
        finally:
            writer.transport.abort()
