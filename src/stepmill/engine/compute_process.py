"""One process that computes, and the pipe to it."""

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
import psutil
from opentelemetry import trace

from stepmill.engine.compute_child import HEADER
from stepmill.errors import UnavailableError

_MAX_MESSAGE_BYTES = 256 * 1024**2


class ComputeProcess:
    """A child process in a process group of its own, that runs one call at a time and is ended by SIGKILL."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.over_memory = False
        self.idle_since = 0.0  # by the loop's clock

    @classmethod
    async def start(cls, environment: Mapping[str, str]) -> "ComputeProcess":
        """Start one and wait until it is ready. Raises UnavailableError ``compute_killed`` if it dies before that."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stepmill.engine.compute_child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
        child = cls(process)
        try:
            await child.receive()
        except BaseException as error:
            child.kill()
            await process.wait()
            if isinstance(error, asyncio.IncompleteReadError):
                raise killed() from error
            raise
        return child

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    def kill(self) -> None:
        """End it and all that it started, at once."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def send(self, module: str, name: str, args: tuple[Any, ...]) -> None:
        """Tell it to run a module's function."""
        assert self.process.stdin is not None
        body = pickle.dumps((module, name, args, trace.get_current_span().is_recording()))
        self.process.stdin.write(HEADER.pack(len(body)) + body)
        await self.process.stdin.drain()

    async def receive(self) -> dict[str, Any]:
        """Its next message. Raises IncompleteReadError when it has died."""
        assert self.process.stdout is not None
        size = HEADER.unpack(await self.process.stdout.readexactly(HEADER.size))[0]
        if size > _MAX_MESSAGE_BYTES:
            raise UnavailableError("compute_protocol", "A computing process sent a message that is too large.")
        message: dict[str, Any] = orjson.loads(await self.process.stdout.readexactly(size))
        return message

    def memory_bytes(self) -> int:
        """Resident bytes; none when it has ended."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0


def killed() -> UnavailableError:
    """What a call is told whose process died."""
    return UnavailableError("compute_killed", "The computing process was killed; the step is tried again.")
