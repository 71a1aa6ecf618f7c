"""What tests do to the processes of a running deployment: find them, freeze them, kill them, weigh them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.cli.processes import Serve, clean_environment

TIGHT = {
    "STEPMILL_HEARTBEAT_SECONDS": "0.5",
    "STEPMILL_DEAD_AFTER_SECONDS": "2.5",
    "STEPMILL_SWEEP_SECONDS": "0.5",
}
"""The shortest times after which a silent worker counts as dead."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one process or of several. ``pss`` shares what is shared, ``uss`` is what would be free without it."""

    rss: int = 0
    pss: int = 0
    uss: int = 0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.rss + other.rss, self.pss + other.pss, self.uss + other.uss)

    def __str__(self) -> str:
        return f"PSS {self.pss / 1e6:.0f} MB, USS {self.uss / 1e6:.0f} MB, RSS {self.rss / 1e6:.0f} MB"


def memory_of(process: psutil.Process) -> Memory:
    """What a process weighs; nothing if it has ended."""
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return Memory()
    return Memory(full.rss, full.pss, full.uss)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all below it."""
    return [process, *process.children(recursive=True)]


def worker_of(server: Serve) -> psutil.Process:
    """The worker that `stepmill serve` keeps running."""
    return server.child("stepmill.cli worker")


def postgres_of(server: Serve) -> psutil.Process:
    """The main process of the embedded PostgreSQL."""
    return server.child("bin/postgres")


def compute_children(worker: psutil.Process) -> list[psutil.Process]:
    """The computing processes of a worker, busy and idle."""
    return [child for child in worker.children() if "compute_child" in _command(child)]


@contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    """A process and its children, stopped for as long as the block runs."""
    stopped = family(process)
    for each in stopped:
        each.suspend()
    try:
        yield
    finally:
        for each in stopped:
            with suppress(psutil.NoSuchProcess):
                each.resume()


@contextmanager
def working(data_dir: Path, *arguments: str, **environment: str) -> Iterator[psutil.Process]:
    """One more `stepmill worker`, ended in order after the block."""
    command = [sys.executable, "-m", "stepmill.cli", "worker", f"--data-dir={data_dir}", *arguments]
    with (
        (data_dir.parent / f"{data_dir.name}-worker.log").open("a") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(**environment)
        ) as process,
    ):
        try:
            yield psutil.Process(process.pid)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()


def _command(process: psutil.Process) -> str:
    """Its command line; nothing if it ends just now."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
