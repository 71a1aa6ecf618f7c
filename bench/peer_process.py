"""A measured queue's processes: its workers, and one that submits. Each runs in its queue's own environment."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO

import psutil

from bench.queues.steps import MARK

ROOT = Path(__file__).parent.parent
KIND_VARIABLE = "BENCH_DBOS_WORKFLOW"
POLL_VARIABLE = "BENCH_DBOS_POLL_SECONDS"
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


@dataclass(frozen=True)
class Peer:
    """A queue: how it is called, its file in ``bench/queues``, what it is installed as and where.

    ``analyzed``: its tables are analyzed once they are filled. Those it makes slower are spared it.
    """

    name: str
    module: str
    package: str
    python: Path
    never_recovers: str = ""
    analyzed: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str | None:
        """Its version, or None if it is not installed."""
        if not self.python.exists():
            return None
        asked = f"import importlib.metadata as m; print(m.version({self.package!r}))"
        answer = subprocess.run([self.python, "-c", asked], capture_output=True, text=True)
        return answer.stdout.strip() or None

    @asynccontextmanager
    async def working(self, url: str, concurrency: int) -> AsyncIterator["Process"]:
        """A worker that has said that it is ready."""
        async with started(self.command("work", url, concurrency), self.environment) as worker:
            await worker.until("ready")
            yield worker

    @asynccontextmanager
    async def submitting(self, url: str) -> AsyncIterator["Process"]:
        """A process that takes orders to submit."""
        async with started(self.command("submit", url), self.environment) as submitter:
            await submitter.until("ready")
            yield submitter

    def command(self, what: str, url: str, *more: object) -> list[str]:
        """The command line of one of its processes."""
        return [str(self.python), "-m", "bench.queues.run", self.module, what, url, *map(str, more)]


STEPMILL = Peer("Stepmill", "stepmill_jobs", "stepmill", Path(sys.executable))
PROCRASTINATE = Peer(
    "Procrastinate",
    "plain_procrastinate",
    "procrastinate",
    Path(sys.executable),
    "it leaves jobs of a dead worker to a periodic task that its user writes",
)
DBOS = Peer(
    "DBOS Transact",
    "dbos_workflows",
    "dbos",
    PEERS_PYTHON,
    "a workflow waits for a process with its executor id to start, unless there is DBOS Conductor, a service apart",
    analyzed=False,
)
PGQUEUER = Peer("PgQueuer", "pgqueuer_jobs", "pgqueuer", PEERS_PYTHON)
PEERS = (STEPMILL, PROCRASTINATE, DBOS, PGQUEUER)


@dataclass(frozen=True)
class Told:
    """One line of a process: a word, the number with it, and when."""

    word: str
    number: float
    at: float


class Process:
    """A running process that tells things. It is killed at the end: a queue has to survive that."""

    def __init__(self, process: asyncio.subprocess.Process, said: IO[bytes]) -> None:
        self._process = process
        self._said = said

    async def next(self) -> Told:
        """The next thing that it tells."""
        assert self._process.stdout is not None
        while not (line := (await self._process.stdout.readline()).decode()).startswith(MARK):
            if not line:
                self._said.seek(0)
                raise RuntimeError(f"A process of the bench ended too early: {self._said.read().decode()[-2000:]}")
        _, word, *number, at = line.split()
        return Told(word, float(number[0]) if number else 0.0, float(at))

    async def until(self, word: str, number: float | None = None) -> Told:
        """The next thing with that word, and that number if one is given."""
        while True:
            told = await self.next()
            if told.word == word and number in (None, told.number):
                return told

    async def order(self, *order: object) -> None:
        """Tell a submitting process what to do."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def ordered(self, *order: object) -> float:
        """Tell it what to do and wait. Returns the seconds it took."""
        await self.order(*order)
        return (await self.until("took")).number

    def pss_mb(self) -> float:
        """Memory of it and its children, pages that several share counted in parts."""
        process = psutil.Process(self._process.pid)
        return sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True))) / 1e6

    def kill(self) -> None:
        """Like ``kill -9``."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Its end."""
        return await self._process.wait()


@asynccontextmanager
async def started(
    command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Process]:
    """A process of the bench."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STEPMILL_")}
    with tempfile.TemporaryFile() as said:
        running = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=ROOT,
            env={**ours, **environment},
        )
        process = Process(running, said)
        try:
            yield process
        finally:
            process.kill()
            await process.wait()
