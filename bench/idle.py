"""What `stepmill serve` takes while nobody uses it: memory and processor time of its whole process tree."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.report import Row, at_most

TITLE = "An idle server with its PostgreSQL"
MEMORY_BAR_MB = 400.0
PROCESSOR_BAR_PERCENT = 2.0

_READY_SECONDS = 60.0


@dataclass(frozen=True)
class ProcessFigures:
    """One process, or all backends of PostgreSQL together. Memory is in MB; ``pss`` shares what is shared."""

    name: str
    pss: float
    uss: float
    rss: float
    processor_percent: float

    def __add__(self, other: "ProcessFigures") -> "ProcessFigures":
        return ProcessFigures(
            self.name,
            self.pss + other.pss,
            self.uss + other.uss,
            self.rss + other.rss,
            self.processor_percent + other.processor_percent,
        )


@dataclass(frozen=True)
class IdleFigures:
    """What was measured, process by process."""

    seconds: float
    processes: tuple[ProcessFigures, ...]

    @property
    def total(self) -> ProcessFigures:
        """The whole tree."""
        return sum(self.processes, ProcessFigures("all", 0, 0, 0, 0))


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    figures = await asyncio.to_thread(measure_idle)
    total = figures.total
    return [
        *(Row(each.name, _show(each)) for each in figures.processes),
        at_most("all: PSS", total.pss, MEMORY_BAR_MB, " MB"),
        Row("all: USS, RSS", f"{total.uss:.0f} MB, {total.rss:.0f} MB"),
        at_most(
            f"all: share of a core, over {figures.seconds:.0f} s", total.processor_percent, PROCESSOR_BAR_PERCENT, "%"
        ),
    ]


def _show(each: ProcessFigures) -> str:
    return f"PSS {each.pss:.0f} MB, USS {each.uss:.0f} MB, RSS {each.rss:.0f} MB, {each.processor_percent:.2f}%"


def measure_idle(*, seconds: float = 60.0) -> IdleFigures:
    """Start a server in a folder of its own, let it come to rest, and look at it for a while."""
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-") as folder, _serving(Path(folder) / "data") as server:
        _wait_until(lambda: any(_name(process) == "compute child" for process in _tree(server)))
        time.sleep(5)  # what starting left to be done
        before = {process.pid: _processor_seconds(process) for process in _tree(server)}
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        figures: dict[str, ProcessFigures] = {}
        for process in _tree(server):
            each = _figures(process, before.get(process.pid, 0.0), took)
            figures[each.name] = figures[each.name] + each if each.name in figures else each
    return IdleFigures(took, tuple(figures.values()))


def _figures(process: psutil.Process, before: float, seconds: float) -> ProcessFigures:
    memory = process.memory_full_info()
    share = (_processor_seconds(process) - before) / seconds * 100
    return ProcessFigures(_name(process), memory.pss / 1e6, memory.uss / 1e6, memory.rss / 1e6, share)


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _tree(server: psutil.Process) -> list[psutil.Process]:
    return [server, *server.children(recursive=True)]


def _name(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    for text, name in (
        ("stepmill.cli serve", "serve (api and supervisor)"),
        ("stepmill.cli worker", "worker"),
        ("compute_child", "compute child"),
        ("postgres", "PostgreSQL, all processes"),
    ):
        if text in command:
            return name
    return "watchdog of PostgreSQL"


@contextmanager
def _serving(data_dir: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "stepmill.cli", "serve", "--json", "--port=0", f"--data-dir={data_dir}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STEPMILL_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        giving_up = threading.Timer(_READY_SECONDS, process.kill)
        giving_up.start()
        try:
            assert process.stdout is not None
            note: dict[str, Any] = json.loads(process.stdout.readline())
            giving_up.cancel()
            assert httpx.get(f"{note['url']}/readyz", trust_env=False).status_code == 200
            yield psutil.Process(process.pid)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            giving_up.cancel()
            if process.poll() is None:
                process.kill()


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("The server did not come to rest.")
        time.sleep(0.1)
