"""Computing processes: warm, ended with what they compute for, limited in memory, replaced when they die."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from stepmill.engine import Reporter
from stepmill.engine.cancel import cancel_job
from stepmill.engine.compute import ComputePool
from stepmill.engine.read import get_job, list_events
from stepmill.errors import StepmillError, UnavailableError
from tests.support.engine import CALLER, Bench
from tests.support.processes import compute_children


class Heard:
    """What a computing function reported, as it comes."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def progress(self, done: float, total: float | None, unit: str, message: str | None) -> None:
        """Not looked at here."""

    def log(self, level: str, message: str, **fields: Any) -> None:
        self.lines.put_nowait(message)


def tell_pid(report: Reporter) -> int:
    return os.getpid()


def wait_for_ever(report: Reporter) -> None:
    report.log("info", str(os.getpid()))
    time.sleep(600)


def take_memory(report: Reporter, size: int) -> int:
    taken = b"x" * size
    time.sleep(600)
    return len(taken)


def die(report: Reporter) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pair_up(report: Reporter, meeting: str, number: int) -> int:
    """Wait until both calls are under way, each in a process of its own."""
    mine, other = (Path(meeting) / str(each) for each in (number, 1 - number))
    mine.touch()
    while not other.exists():
        time.sleep(0.001)
    return os.getpid()


@asynccontextmanager
async def pool(
    keep: int, memory_bytes: int = 1024**3, at_once: int = 2, spare_seconds: float = 600
) -> AsyncIterator[ComputePool]:
    pool = ComputePool(keep=keep, memory_bytes=memory_bytes, at_once=at_once, spare_seconds=spare_seconds)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def test_a_process_is_used_again_and_has_a_group_of_its_own() -> None:
    async with pool(1) as computing:
        assert computing._refill is not None
        await computing._refill  # the kept one has come up
        first = await computing.run("a", Heard(), tell_pid, ())
        assert await computing.run("b", Heard(), tell_pid, ()) == first
        assert os.getpgid(first) == first
    assert not psutil.pid_exists(first)


async def _two_at_once(computing: ComputePool, folder: Path) -> set[int]:
    folder.mkdir()
    calls = [computing.run(str(number), Heard(), pair_up, (str(folder), number)) for number in (0, 1)]
    return set(await asyncio.gather(*calls))


async def test_processes_beyond_the_kept_ones_serve_the_calls_that_come_soon_after(tmp_path: Path) -> None:
    async with pool(1) as computing:
        assert computing._refill is not None
        await computing._refill
        first = await _two_at_once(computing, tmp_path / "first")
        assert len(first) == 2
        assert await _two_at_once(computing, tmp_path / "second") == first


async def test_processes_beyond_the_kept_ones_end_when_nobody_calls(tmp_path: Path) -> None:
    async with pool(1, spare_seconds=0.1) as computing:
        assert computing._refill is not None
        await computing._refill  # or that one would be the one that is kept
        processes = [psutil.Process(pid) for pid in await _two_at_once(computing, tmp_path / "first")]
        while all(process.is_running() for process in processes):
            await asyncio.sleep(0.01)
        assert [process.is_running() for process in processes].count(True) == 1


async def test_of_one_owner_all_are_killed_and_the_others_go_on() -> None:
    async with pool(0) as computing:
        heard = {owner: Heard() for owner in ("a", "b")}
        calls = {o: asyncio.create_task(computing.run(o, heard[o], wait_for_ever, ())) for o in heard}
        pids = {owner: int(await heard[owner].lines.get()) for owner in heard}
        await computing.kill("a")
        assert not psutil.pid_exists(pids["a"])
        with pytest.raises(UnavailableError) as killed:
            await calls["a"]
        assert (killed.value.code, killed.value.retryable) == ("compute_killed", True)
        assert psutil.pid_exists(pids["b"])
        assert not calls["b"].done()
        await computing.kill("b")
        await asyncio.gather(*calls.values(), return_exceptions=True)


async def test_one_that_takes_too_much_memory_is_ended_alone() -> None:
    async with pool(0, memory_bytes=200 * 1024**2) as computing:
        with pytest.raises(StepmillError) as ended:
            await computing.run("a", Heard(), take_memory, (400 * 1024**2,))
        assert (ended.value.code, ended.value.retryable) == ("memory_limit", False)
        assert await computing.run("a", Heard(), tell_pid, ()) > 0


async def test_one_that_dies_before_it_is_ready_is_tried_again() -> None:
    computing = ComputePool(keep=0, memory_bytes=1024**3, at_once=1, warm_modules=("tests.engine.no_such_module",))
    with pytest.raises(UnavailableError) as killed:
        await computing.run("a", Heard(), tell_pid, ())
    assert (killed.value.code, killed.value.retryable) == ("compute_killed", True)
    await computing.close()


async def test_one_that_dies_is_replaced() -> None:
    async with pool(1) as computing:
        with pytest.raises(UnavailableError):
            await computing.run("a", Heard(), die, ())
        assert await computing.run("a", Heard(), tell_pid, ()) > 0


async def test_no_more_compute_at_once_than_may_and_the_others_wait_in_line() -> None:
    async with pool(0, at_once=1) as computing:
        heard = {owner: Heard() for owner in ("a", "b", "c", "d")}
        first = asyncio.create_task(computing.run("a", heard["a"], wait_for_ever, ()))
        await heard["a"].lines.get()
        gives_up, second, third = (
            asyncio.create_task(computing.run(owner, heard[owner], function, ()))
            for owner, function in (("b", tell_pid), ("c", wait_for_ever), ("d", tell_pid))
        )
        for owner in ("b", "c", "d"):
            assert "Waiting for a turn to compute: 1 at once" in await heard[owner].lines.get()
        assert len(compute_children(psutil.Process())) == 1
        gives_up.cancel()
        await asyncio.wait({gives_up})
        assert gives_up.cancelled()
        await computing.kill("a")
        assert int(await heard["c"].lines.get()) > 0
        assert not third.done()
        await computing.kill("c")
        assert await third > 0
        await asyncio.gather(first, second, return_exceptions=True)


async def test_those_in_line_are_sent_away_when_the_pool_is_closed() -> None:
    async with pool(0, at_once=1) as computing:
        heard = Heard()
        calls = [asyncio.create_task(computing.run(owner, heard, wait_for_ever, ())) for owner in ("a", "b")]
        while "Waiting" not in await heard.lines.get():
            continue
    for ended in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(ended, UnavailableError)


async def test_a_job_that_waits_for_its_turn_is_cancelled_at_once(bench: Bench) -> None:
    bench.settings.compute_concurrency = 1
    async with bench.worker():
        busy = (await bench.submit("COMPUTE", params={"fail": "long"}))["jobId"]
        await bench.follow(busy, until=lambda event: event.data.get("message") == "computes")
        waits = (await bench.submit("COMPUTE"))["jobId"]
        await bench.follow(waits, until=lambda event: "turn to compute" in event.data.get("message", ""))
        began = time.monotonic()
        await cancel_job(bench.engine, CALLER, waits)
        assert (await bench.follow(waits))["status"] == "CANCELLED"
        assert time.monotonic() - began < 1
        assert (await get_job(bench.engine, CALLER, busy))["status"] == "RUNNING"
        next_one = (await bench.submit("COMPUTE"))["jobId"]
        await cancel_job(bench.engine, CALLER, busy)
        assert (await bench.follow(next_one))["status"] == "DONE"


async def test_a_cancelled_jobs_process_is_gone_before_the_job_says_so(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("COMPUTE", params={"fail": "long"}))["jobId"]
        await bench.follow(job_id, until=lambda event: event.kind == "log")
        events = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
        pid = next(int(event["data"]["fields"]["pid"]) for event in events if event["event"] == "log")
        assert psutil.pid_exists(pid)
        await cancel_job(bench.engine, CALLER, job_id)
        assert (await bench.follow(job_id))["status"] == "CANCELLED"
        assert not psutil.pid_exists(pid)


async def test_a_killed_process_is_a_retryable_error_of_its_step(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("COMPUTE", params={"fail": "long"}, maxAttempts=1))["jobId"]
        await bench.follow(job_id, until=lambda event: event.kind == "log")
        events = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
        os.kill(next(int(e["data"]["fields"]["pid"]) for e in events if e["event"] == "log"), signal.SIGKILL)
        end = await bench.follow(job_id)
        assert (end["error"]["code"], end["error"]["retryable"]) == ("compute_killed", True)
        other = await bench.submit("COMPUTE")
        assert (await bench.follow(other["jobId"]))["status"] == "DONE"
    assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 0
