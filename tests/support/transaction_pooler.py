"""A connection pool in transaction mode, as small as can be: a backend belongs to a client until its transaction ends.

Like PgBouncer in that mode it drops the settings given when connecting, and what a backend says while nobody has it.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def transaction_pooler(url: str, folder: Path) -> AsyncIterator[str]:
    """The address of a pool in front of the database at ``url``."""
    target = conninfo_to_dict(url)
    pool = _Pool(f"{target['host']}/.s.PGSQL.5432", str(target["user"]), str(target["dbname"]))
    server = await asyncio.start_unix_server(pool.serve, folder / ".s.PGSQL.5432")
    try:
        yield make_conninfo("", **{**target, "host": str(folder), "gssencmode": "disable", "sslmode": "disable"})
    finally:
        server.close()
        await pool.close()


class _Pool:
    def __init__(self, socket: str, user: str, database: str) -> None:
        self._socket = socket
        self._startup = f"user\0{user}\0database\0{database}\0\0".encode()
        self._idle: list[Streams] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._greeting = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            size = struct.unpack("!I", await reader.readexactly(4))[0]
            await reader.readexactly(size - 4)
            self._idle.append(await self._take())
            writer.write(self._greeting)
            while True:
                message = await _message(reader)
                backend = await self._take()
                await self._run(message, (reader, writer), backend)
                self._idle.append(backend)

    async def _run(self, message: bytes, client: Streams, backend: Streams) -> None:
        """One transaction: pass on both ways until the backend is idle again."""
        backend[1].write(message)

        async def pass_on() -> None:
            while True:
                backend[1].write(await _message(client[0]))

        passing = asyncio.create_task(pass_on())
        while True:
            answer = await _message(backend[0])
            client[1].write(answer)
            if answer[:1] == b"Z" and answer[-1:] == b"I":
                break
        passing.cancel()
        with suppress(asyncio.CancelledError):
            await passing

    async def _take(self) -> Streams:
        if self._idle:
            return self._idle.pop()
        reader, writer = await asyncio.open_unix_connection(self._socket)
        self._writers.append(writer)
        writer.write(struct.pack("!II", len(self._startup) + 8, 3 << 16) + self._startup)
        greeting = b""
        while not greeting.endswith(b"Z\0\0\0\x05I"):
            greeting += await _message(reader)
        self._greeting = greeting
        return reader, writer

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
