"""5,000 event streams open on one api process while 50 jobs make 100 events a second, each written to PostgreSQL."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil
from tests.bars.conftest import WITH_PLUGIN
from tests.bars.platform import ENV, Platform
from tests.cli.processes import serving_fresh

from bench.report import Row, at_most

READERS = 5_000
JOBS = 50
DELAY_BAR_MS = 150.0
MEMORY_BAR_KB = 32.0
CORES_BAR = 1.0
TITLE = f"{READERS:,} streams of {JOBS} jobs on one api process, {2 * JOBS} events a second"

_SECONDS = 40
"""For which the jobs go on once all streams are open."""
_OPENING_SECONDS = 60


@dataclass(frozen=True)
class Load:
    """What the api process takes. Memory is in kB (1,000 bytes), PSS."""

    memory_kb: float
    cpu_seconds: float
    at: float


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Row]:
    environment = {**WITH_PLUGIN, "STEPMILL_WORKER_CONCURRENCY": str(JOBS)}
    with serving_fresh(**environment) as server, server.connect() as client:
        platform, api = Platform(server, client), psutil.Process(server.process.pid)
        # A line and a report of progress each second: two events.
        params = {"lines": _OPENING_SECONDS + _SECONDS, "pauseSeconds": 1.0}
        # What is submitted before the worker is there would begin with it, all at once.
        client.wait_for_job(client.start_job("BARS_TALK", {"lines": 1}, env_id=ENV)["jobId"])
        jobs = []
        for _ in range(JOBS):  # spread over the second, as fifty jobs that know nothing of one another are
            jobs.append(client.start_job("BARS_TALK", params, env_id=ENV)["jobId"])
            time.sleep(1 / JOBS)
        time.sleep(5)
        before = _look(api)
        command = [sys.executable, "-m", "bench.reader_process", server.url, server.token, str(READERS), *jobs]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            began = time.monotonic()
            assert process.stdout.readline() == "open\n"
            opened_in, opened = time.monotonic() - began, _look(api)
            time.sleep(_SECONDS / 2)
            busy = _look(api)
            figures: dict[str, Any] = json.loads(process.stdout.readline())
        stored = sum(int(platform.stored_events(job)[-1]["id"]) for job in jobs)
        statuses = {client.get_job(job)["status"] for job in jobs}
    assert statuses == {"DONE"}, statuses
    delays = figures["delays_ms"]
    memory = (max(opened.memory_kb, busy.memory_kb) - before.memory_kb) / READERS
    cores = (busy.cpu_seconds - opened.cpu_seconds) / (busy.at - opened.at)
    return [
        Row("events stored, and received by all readers", f"{stored:,}, {figures['events']:,}"),
        at_most("readers that missed or repeated one", figures["broken"], 0),
        Row("delay from the worker's line to a reader, median", f"{delays['p50']:.1f} ms"),
        at_most("the same, 99th percentile", delays["p99"], DELAY_BAR_MS, " ms"),
        Row("the same, longest", f"{delays['most']:.0f} ms"),
        at_most("memory of the api process for each reader", memory, MEMORY_BAR_KB, " kB"),
        at_most("cores that the api process takes", cores, CORES_BAR),
        Row("opening all of them", f"{opened_in:.1f} s"),
    ]


def _look(api: psutil.Process) -> Load:
    times = api.cpu_times()
    return Load(api.memory_full_info().pss / 1000, times.user + times.system, time.monotonic())
