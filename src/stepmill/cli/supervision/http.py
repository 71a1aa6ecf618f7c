"""The HTTP server of an api process."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from stepmill.api.admission import connections_within_files
from stepmill.api.parts import ApiParts
from stepmill.cli.supervision.connections import Connections
from stepmill.cli.supervision.protocol import HttpProtocol

LOOK_SECONDS = 1.0
"""How often the connections' time limits are looked at."""

_POLL_SECONDS = 0.05
"""How often a server that ends looks whether everything is over."""

_BACKLOG = 2048
_ACCEPTED_AT_ONCE = 16
"""In one turn of the loop. They are counted two turns later: a few times as many may come beyond the limit before one
is turned away, and are open files that nothing else must want for."""


class HttpServer(uvicorn.Server):
    """Uvicorn, with limits for its connections, and the signals left to whoever runs it."""

    server_state: Connections

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=HttpProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=_ACCEPTED_AT_ONCE,
                timeout_keep_alive=75,
            )
        )
        self.server_state = Connections(connections_within_files(), app.state.metrics)
        parts: ApiParts = app.state.parts
        self._streams = parts.streams
        self._grace_seconds = parts.engine.settings.shutdown_grace_seconds
        self.taking_requests = asyncio.Event()
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests, and say so."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(_BACKLOG)  # asyncio takes the number that it accepts at once for that of those who may wait
        self.taking_requests.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield

    async def main_loop(self) -> None:
        """Look once a second, not ten times as Uvicorn does, and at once when it shall end: an idle server is quiet."""
        loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            self.server_state.look(loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), LOOK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which have no end of their own, and then everything else."""
        self._streams.close()
        self.server_state.is_ending = True
        await super().shutdown(sockets)

    async def _wait_tasks_to_complete(self) -> None:
        """Wait for what is under way, as long as the grace says, and end what is not done by then."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._grace_seconds
        while self.server_state.is_busy and loop.time() < give_up_at:
            self.server_state.look(loop.time())
            await asyncio.sleep(_POLL_SECONDS)
        if self.server_state.is_busy:
            await self.server_state.give_up()

    def end(self) -> None:
        """Take no more requests and come to an end."""
        self.should_exit = True
        self._ending.set()
