"""A TCP proxy in front of PostgreSQL that can be told to cut, delay and swallow what goes through it.

It listens on a free loopback port and leads to the server's UNIX socket. Its event loop has a thread of its own; the
methods that make faults are called from other threads.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

_BLOCK = 1 << 16
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: a closed connection is reset, without a farewell."""


@dataclass(eq=False)
class _Connection:
    """A client's connection and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    held_until: float = 0.0
    """The server's side stays open until then, in the loop's time, though the client is gone."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Proxy:
    """The proxy. A context manager."""

    def __init__(self, socket_path: Callable[[], Path]) -> None:
        self._socket_path = socket_path
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._delay = 0.0
        self._thread = threading.Thread(target=self._loop.run_forever, name="soak proxy", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def count(self) -> int:
        """Connections that go through it now."""
        return len(self._connections)

    def cut(self, random: Random, share: float = 1.0) -> int:
        """Reset a share of the connections, on both sides. Returns how many."""
        return int(self._do(self._cut(random, share, 0.0)))

    def leave_half_open(self, random: Random, share: float, seconds: float) -> int:
        """Reset the clients' sides only: the server is not told for some seconds. Returns how many."""
        return int(self._do(self._cut(random, share, seconds)))

    def set_delay(self, seconds: float) -> None:
        """Hold back every block of bytes for so long."""
        self._loop.call_soon_threadsafe(setattr, self, "_delay", seconds)

    def swallow(self, yes: bool) -> None:
        """Let nothing through and answer nobody, without closing anything; what was sent meanwhile goes on later."""
        self._loop.call_soon_threadsafe(self._open.clear if yes else self._open.set)

    def heal(self) -> None:
        """Be an ordinary proxy again."""
        self.set_delay(0.0)
        self.swallow(False)

    def _do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self) -> asyncio.Server:
        self._open.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _end(self) -> None:
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            for task in connection.tasks:
                task.cancel()
        await asyncio.gather(*(task for each in connections for task in each.tasks), return_exceptions=True)
        await asyncio.sleep(0)  # lets what accepted them end

    async def _cut(self, random: Random, share: float, hold_seconds: float) -> int:
        chosen = [each for each in self._connections if random.random() < share]
        for connection in chosen:
            connection.held_until = self._loop.time() + hold_seconds
            _reset(connection.client)
            if not hold_seconds:
                _reset(connection.server)
                for task in connection.tasks:
                    task.cancel()
        return len(chosen)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        await self._open.wait()
        try:
            from_server, server = await asyncio.open_unix_connection(self._socket_path())
        except OSError:  # the server is down just now
            _reset(client)
            return
        connection = _Connection(client, server)
        self._connections.add(connection)
        connection.tasks = [
            asyncio.create_task(self._forward(reader, server)),
            asyncio.create_task(self._forward(from_server, client)),
        ]
        try:
            await asyncio.wait(connection.tasks, return_when=asyncio.FIRST_COMPLETED)
            if (seconds := connection.held_until - self._loop.time()) > 0:
                await asyncio.sleep(seconds)
        finally:
            for task in connection.tasks:
                task.cancel()
            self._connections.discard(connection)
            await _close(client, server)

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await source.read(_BLOCK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open.wait()
                target.write(block)
                await target.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, by RST where it is TCP."""
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def _close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
    for writer in writers:
        with suppress(OSError):
            await writer.wait_closed()
