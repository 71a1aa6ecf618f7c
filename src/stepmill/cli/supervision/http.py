"""The HTTP server of an api process."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

GOODBYE_SECONDS = 2
"""How long open streams may take to end; their readers come back by themselves."""


class HttpServer(uvicorn.Server):
    """Uvicorn, with the signals left to whoever runs it."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=GOODBYE_SECONDS,
            )
        )
        self.taking_requests = asyncio.Event()
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests, and say so."""
        await super().startup(sockets)
        self.taking_requests.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield

    async def main_loop(self) -> None:
        """Look once a second, not ten times as Uvicorn does, and at once when it shall end: an idle server is quiet."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    def end(self) -> None:
        """Take no more requests and come to an end."""
        self.should_exit = True
        self._ending.set()
