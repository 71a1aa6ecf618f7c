"""How fast a CSV file becomes a table, from submit to DONE on an area without a plan, and what the worker needs for it.

Beside it stands psql's own copy of the same file into a table that has the same columns already. Both run on the server
of one ``stepmill serve``, in turns. What psql does not do: find out how the file is read, choose types, keep rejects,
switch readers, keep a ledger.
"""

import asyncio
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from bench.make_csv import write_csv
from bench.report import Row, at_least, at_most
from stepmill.cli.own_server import Started, started_server
from stepmill.cli.psql import psql_program
from stepmill.client import Client
from stepmill.gateways.sql.embedded import SUPERUSER, running_url

TITLE = "A CSV file becomes a table (13 columns, 144 MB a million rows)"
_ROWS = 1_000_000
_ROUNDS = 5
_MIB = 1024**2
_LOOK_SECONDS = 0.02


@dataclass
class Peak:
    """The largest sum of what the worker and its computing processes had resident, shared pages counted once."""

    bytes: int = 0
    of_one: int = field(default=0)


@dataclass(frozen=True)
class LoadFigures:
    """What was measured for one number of rows."""

    rows: int
    load_seconds: list[float]
    copy_seconds: list[float]
    steps: dict[str, float]
    peak: Peak

    @property
    def ratio(self) -> float:
        """Rows a second to psql's: the median over the rounds, in each of which they took turns."""
        pairs = zip(self.copy_seconds, self.load_seconds, strict=True)
        return statistics.median(copy / load for copy, load in pairs)


async def measure_rows() -> list[Row]:
    """A million rows in turns with psql, then four million once for the memory."""
    return await asyncio.to_thread(_measure_rows)


def _measure_rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with started_server(folder / "data", port=0) as server:
            one = measure_load(server, folder, _ROWS, rounds=_ROUNDS)
            four = measure_load(server, folder, 4 * _ROWS, rounds=1)
    seconds = statistics.median(one.load_seconds)
    return [
        Row("rows a second, submit to DONE", f"{one.rows / seconds:,.0f}"),
        Row("rows a second, psql \\copy", f"{one.rows / statistics.median(one.copy_seconds):,.0f}"),
        Row("seconds of its steps", ", ".join(f"{step} {taken:.2f}" for step, taken in one.steps.items())),
        Row(
            "each round",
            "  ".join(f"{a:.2f}/{b:.2f} s" for a, b in zip(one.load_seconds, one.copy_seconds, strict=True)),
        ),
        at_least("median ratio of a round to psql \\copy", one.ratio, 0.6),
        Row("ratio at four million rows", f"{four.ratio:.2f}"),
        at_most("peak memory of the worker and its processes", one.peak.bytes / _MIB, 400, " MiB"),
        Row("largest single process", f"{one.peak.of_one / _MIB:.0f} MiB"),
        at_most("peak at four million rows, as a ratio", four.peak.bytes / one.peak.bytes, 1.15),
    ]


def _rounds(figures: LoadFigures) -> str:
    pairs = zip(figures.load_seconds, figures.copy_seconds, strict=True)
    return "  ".join(f"{load:.2f}, {copy:.2f} s" for load, copy in pairs)


def measure_load(server: Started, folder: Path, rows: int, *, rounds: int) -> LoadFigures:
    """Load and copy a file of so many rows in turns."""
    file = folder / f"events_{rows}.csv"
    write_csv(file, rows)
    url = running_url(folder / "data" / "postgres")
    assert url is not None
    loads, copies, peak = [], [], Peak()
    steps: dict[str, list[float]] = {}
    with server.connect() as client:
        for number in range(rounds):
            _settle(url)
            with _watched(server, peak):
                seconds, table, by_step = _load(client, file, f"events_{rows}_{number}")
            loads.append(seconds)
            for step, taken in by_step.items():
                steps.setdefault(step, []).append(taken)
            copies.append(_copy(url, file, table, rows))
    file.unlink()
    return LoadFigures(rows, loads, copies, {step: statistics.median(all_) for step, all_ in steps.items()}, peak)


def _load(client: Client, file: Path, name: str) -> tuple[float, str, dict[str, float]]:
    area = client.create_area("default", name)
    uploaded = client.upload_file("default", area["areaId"], file)
    began = time.perf_counter()
    job = client.start_job("FILE_ETL", {"fileId": uploaded["fileId"], "areaId": area["areaId"]}, env_id="default")
    job = client.wait_for_job(job["jobId"])
    seconds = time.perf_counter() - began
    assert job["status"] == "DONE", job["error"]
    by_step = {step["name"]: _seconds(step["startedAt"], step["finishedAt"]) for step in job["steps"]}
    return seconds, name, by_step


def _copy(url: str, file: Path, table: str, rows: int) -> float:
    """Seconds of psql's own copy into an empty table of the same columns."""
    with psycopg.connect(url, autocommit=True) as conn:
        view = sql.Identifier("env_default", table)
        conn.execute(sql.SQL("CREATE TABLE public.copied AS SELECT * FROM {} LIMIT 0").format(view))
        _settle(url)
        began = time.perf_counter()
        command = [psql_program(), "-X", "-q", "-d", url, "-c", f"\\copy public.copied FROM '{file}' CSV HEADER"]
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - began
        counted = conn.execute("SELECT count(*) FROM public.copied").fetchone()
        assert counted == (rows,)
        conn.execute("DROP TABLE public.copied")
    return seconds


def _settle(url: str) -> None:
    """Let what was done before be over: neither side shall pay for the other's dirty pages."""
    with psycopg.connect(url, user=SUPERUSER, dbname=SUPERUSER, autocommit=True) as conn:
        conn.execute("CHECKPOINT")


@contextmanager
def _watched(server: Started, peak: Peak) -> Iterator[None]:
    """Look at the worker's memory again and again while the block runs."""
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(server, peak, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(server: Started, peak: Peak, over: threading.Event) -> None:
    root = psutil.Process(server.process.pid)
    while not over.wait(_LOOK_SECONDS):
        sizes = []
        for child in root.children():
            with suppress(psutil.Error):
                if "worker" in child.cmdline():
                    sizes += [_resident(process) for process in (child, *child.children(recursive=True))]
        peak.bytes = max(peak.bytes, sum(sizes))
        peak.of_one = max(peak.of_one, *sizes, 0)


def _resident(process: psutil.Process) -> int:
    """Proportional where the system tells it, so that shared pages count once."""
    with suppress(psutil.Error):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.uss))
    return 0


def _seconds(began: str | None, ended: str | None) -> float:
    assert began is not None
    assert ended is not None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
