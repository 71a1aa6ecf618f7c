"""Computing in child processes: warm, in a process group of their own, limited in memory, ended by SIGKILL.

A worker's event loop waits and never computes. A thread can't be stopped; a process can.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any, Protocol

import structlog

from stepmill.engine.compute_process import ComputeProcess, killed
from stepmill.errors import StepmillError, UnavailableError
from stepmill.gateways.sql.statements import record

_MEMORY_LOOK_SECONDS = 0.25
_RECYCLE_BYTES = 160 * 1024**2  # a child that grew past this is replaced, so that an idle worker stays small
_RECYCLE_SECONDS = 2.0
_SPARE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class DatabaseLostError(UnavailableError):
    """The database's connection broke under a computing process; the attempt did not fail, it was cut off."""


class Listener(Protocol):
    """Hears what a computing function reports."""

    def progress(self, done: float, total: float | None, unit: str, message: str | None) -> None:
        """Progress of the call."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        """A line for the job's log."""


class ComputePool:
    """Child processes, one per running call. ``keep`` of them stay ready; further ones come when they are needed.

    Those stay for ``spare_seconds``: starting one takes as long as a thousand small calls. ``at_once`` calls run at a
    time, and the others wait for their turn, first come, first served.
    """

    def __init__(
        self,
        *,
        keep: int,
        memory_bytes: int,
        at_once: int,
        warm_modules: tuple[str, ...] = (),
        spare_seconds: float = _SPARE_SECONDS,
    ) -> None:
        self._keep = keep
        self._spare_seconds = spare_seconds
        self._at_once = at_once
        self._turns = asyncio.Semaphore(at_once)
        self._memory_bytes = memory_bytes
        self._environment = {
            **os.environ,
            "STEPMILL_COMPUTE_WARM": ",".join(warm_modules),
            "STEPMILL_COMPUTE_PARENT": str(os.getpid()),
            "STEPMILL_COMPUTE_MEMORY_BYTES": str(memory_bytes),  # as the limit of what a child starts in its turn
            "MALLOC_ARENA_MAX": "2",  # fewer arenas: less memory held for nothing
        }
        self._idle: list[ComputeProcess] = []
        self._busy: dict[str, set[ComputeProcess]] = {}
        self._ending: set[asyncio.Task[int]] = set()
        self._refill: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Bring the kept children up in the background."""
        self._fill()

    async def close(self) -> None:
        """Kill every child."""
        self._closed = True
        if self._refill is not None:
            self._refill.cancel()
            with suppress(asyncio.CancelledError):
                await self._refill
        children = [*self._idle, *(child for group in self._busy.values() for child in group)]
        for child in children:
            child.kill()
        await asyncio.gather(*(child.process.wait() for child in children), *self._ending)

    @property
    def memory_in_use(self) -> int:
        """Resident bytes of all children."""
        return sum(c.memory_bytes() for c in [*self._idle, *(c for group in self._busy.values() for c in group)])

    async def kill(self, owner: str) -> None:
        """Kill the processes that compute for ``owner`` and return when they are gone."""
        children = list(self._busy.get(owner, ()))
        for child in children:
            child.kill()
        await asyncio.gather(*(child.process.wait() for child in children))

    async def run(self, owner: str, listener: Listener, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run ``function(report, *args)`` in a child and return its JSON result. Cancelled, it leaves the line.

        Raises the StepmillError that the function raised, UnavailableError ``compute_killed`` when the process
        died, and StepmillError ``memory_limit`` or ``internal_error``.
        """
        if self._turns.locked():
            listener.log("info", f"Waiting for a turn to compute: {self._at_once} at once, and all are taken.")
        async with self._turns:
            return await self._run(owner, listener, function, args)

    async def _run(self, owner: str, listener: Listener, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        child = await self._take()
        self._busy.setdefault(owner, set()).add(child)
        watch = asyncio.create_task(self._watch_memory(child))
        answered = False
        try:
            await child.send(function.__module__, function.__qualname__, args)
            while True:
                message = await child.receive()
                if message["kind"] == "progress":
                    listener.progress(message["done"], message["total"], message["unit"], message["message"])
                elif message["kind"] == "log":
                    listener.log(message["level"], message["message"], **message["fields"])
                elif message["kind"] == "statement":
                    record(message["text"], message["began"], message["ended"], message["error"])
                else:
                    answered = True
                    return _outcome(message)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if child.over_memory:
                raise StepmillError(
                    "memory_limit",
                    f"The computing process used more than {self._memory_bytes // 1024**2} MiB and was ended. "
                    "Give it more by STEPMILL_COMPUTE_MEMORY_BYTES.",
                ) from error
            raise killed() from error
        finally:
            watch.cancel()
            self._busy[owner].discard(child)
            if not self._busy[owner]:
                del self._busy[owner]
            self._give_back(child, answered)

    async def _take(self) -> ComputeProcess:
        if self._closed:  # it was still in line when the pool was closed
            raise killed()
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
        child = await self._spawn()
        if self._closed:  # meanwhile
            child.kill()
            await child.process.wait()
            raise killed()
        return child

    def _give_back(self, child: ComputeProcess, answered: bool) -> None:
        if self._closed or not answered or not child.alive:
            self._end(child)
            self._fill()
            return
        loop = asyncio.get_running_loop()
        child.idle_since = loop.time()
        self._idle.append(child)
        if child.memory_bytes() >= _RECYCLE_BYTES:  # not at once: the job's next step begins now, and wants a warm one
            loop.call_later(_RECYCLE_SECONDS, self._end_if_idle, child, child.idle_since, 0)
        elif len(self._idle) > self._keep:
            loop.call_later(self._spare_seconds, self._end_if_idle, child, child.idle_since, self._keep)

    def _end_if_idle(self, child: ComputeProcess, since: float, beyond: int) -> None:
        """End a child that nobody took since, if there are more than so many."""
        if child in self._idle and child.idle_since == since and len(self._idle) > beyond:
            self._idle.remove(child)
            self._end(child)
            self._fill()

    def _end(self, child: ComputeProcess) -> None:
        child.kill()
        gone = asyncio.create_task(child.process.wait(), name="stepmill compute child ends")
        self._ending.add(gone)
        gone.add_done_callback(self._ending.discard)

    def _fill(self) -> None:
        if not self._closed and (self._refill is None or self._refill.done()):
            # In a context of its own: what it logs is not of the job whose end made it begin.
            self._refill = asyncio.create_task(self._bring_up(), name="stepmill compute pool", context=Context())

    async def _bring_up(self) -> None:
        while len(self._idle) < self._keep:
            try:
                child = await self._spawn()
            except (OSError, UnavailableError) as error:
                _log.warning("compute_child_failed", error=str(error))
                return
            if len(self._idle) < self._keep:
                self._idle.append(child)
            else:  # meanwhile a call gave its own back
                self._end(child)

    async def _spawn(self) -> ComputeProcess:
        child = await ComputeProcess.start(self._environment)
        if self._closed:  # meanwhile; nobody would end this one
            child.kill()
            await child.process.wait()
            raise killed()
        return child

    async def _watch_memory(self, child: ComputeProcess) -> None:
        while child.alive:
            await asyncio.sleep(_MEMORY_LOOK_SECONDS)
            if child.memory_bytes() > self._memory_bytes:
                child.over_memory = True
                child.kill()


def _outcome(message: dict[str, Any]) -> Any:
    if message["kind"] == "result":
        return message["value"]
    if message["kind"] == "error":
        raise StepmillError(
            str(message["code"]),
            str(message["message"]),
            retryable=bool(message["retryable"]),
            details=message.get("details"),
        )
    if message["connectionLost"]:
        raise DatabaseLostError("database_lost", "The database's connection broke.")
    _log.error("computing_failed_unexpectedly", error=message["class"], traceback=str(message["traceback"]))
    raise StepmillError(
        "internal_error",
        f"An unexpected {message['class']} in a computing process; the worker's log has the details.",
        details={"sqlstate": message["sqlstate"]} if message["sqlstate"] else None,
    )
