"""A worker process that is kept running: started again, with back-off, whenever it dies or falls silent."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import structlog

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 30.0
STEADY_SECONDS = 30.0
"""A worker that lived this long was well; its death starts the back-off anew."""

_log = structlog.get_logger(__name__)


class WorkerProcess:
    """Runs `stepmill worker`.

    `on_death` is told the id of a worker that died, so that its jobs are rescued at once. `fell_silent` returns when
    the worker with that id gives no sign of life any more: it is killed, and another one started.
    """

    def __init__(
        self,
        name: str,
        environment: dict[str, str],
        *,
        on_death: Callable[[str], Awaitable[None]],
        fell_silent: Callable[[str], Coroutine[None, None, None]],
    ) -> None:
        self._name = name
        self._environment = environment
        self._on_death = on_death
        self._fell_silent = fell_silent
        self._process: Process | None = None
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        return None if self._process is None else self._process.pid

    async def keep_running(self) -> None:
        """Start it, and again whenever it ends. Runs until cancelled."""
        quick_deaths = 0
        while True:
            began = time.monotonic()
            try:
                worker_id = await self.start()
                how = await self._ended_or_silent(worker_id)
            except OSError as error:  # no memory or no process to be had just now
                worker_id, how = "", str(error)
            quick_deaths = 0 if time.monotonic() - began > STEADY_SECONDS else quick_deaths + 1
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** (quick_deaths - 1)) if quick_deaths else 0.0
            _log.warning("worker_died", worker_id=worker_id, how=how, restart_in_seconds=wait)
            await asyncio.gather(self._rescue(worker_id), asyncio.sleep(wait))

    async def start(self) -> str:
        """Start the process and give its worker id."""
        self._starts += 1
        worker_id = f"{self._name}-{self._starts}"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stepmill.cli",
            "worker",
            "--with-parent",
            f"--worker-id={worker_id}",
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends its workers in order
        )
        return worker_id

    async def ended(self) -> int:
        """The exit status, once it ended."""
        return 0 if self._process is None else await self._process.wait()

    async def _ended_or_silent(self, worker_id: str) -> str:
        """Wait for its end, and bring that about if it is frozen. Answers how it ended."""
        ended = asyncio.create_task(self.ended())
        silent = asyncio.create_task(self._fell_silent(worker_id))
        try:
            await asyncio.wait({ended, silent}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return _how(ended.result())
            silent.result()
            self._kill()
            return f"silent, {_how(await ended)}"
        finally:
            ended.cancel()
            silent.cancel()

    async def stop(self, grace_seconds: float) -> None:
        """End it: it may finish its steps for a while, then it is killed."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace_seconds)
        except TimeoutError:
            self._kill()
            await self._process.wait()

    def _kill(self) -> None:
        """End its process group, frozen or not. Its computing children, which have groups of their own, end with it."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _rescue(self, worker_id: str) -> None:
        if not worker_id:
            return
        try:
            await self._on_death(worker_id)
        except Exception as error:  # noqa: BLE001  (the sweeper of the next worker does the same, only later)
            _log.warning("rescue_failed", worker_id=worker_id, error=str(error))


def _how(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
