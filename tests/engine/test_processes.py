"""Workers as real processes that are killed, frozen, woken and told to stop."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from stepmill.engine.cancel import cancel_job
from stepmill.engine.read import get_job, list_events, list_workers
from stepmill.engine.sweep import Sweeper
from stepmill.gateways.sql.database import Database
from tests.engine import effects
from tests.support.database import DatabaseServer
from tests.support.engine import CALLER, Bench


class Workers:
    """Worker processes on the database of one test."""

    def __init__(self, bench: Bench, url: str, folder: Path) -> None:
        self.bench = bench
        self._url = url
        self._folder = folder

    @asynccontextmanager
    async def process(self, worker_id: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """One of them, killed at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.engine.worker_process", self._url, str(self._folder), worker_id
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
                await process.wait()

    async def held(self, job_id: str, where: str) -> None:
        """Wait until the job's first attempt is held there."""
        await self.bench.follow(job_id, until=lambda event: event.data.get("message") == f"held {where}")

    async def let_go(self, job_id: str) -> None:
        async with self.bench.database.autocommit() as conn:
            await conn.execute("INSERT INTO test_gates VALUES (%s)", (job_id,))

    async def effects(self, job_id: str) -> list[tuple[str, int]]:
        """What the job did, with the attempt that did it."""
        return [
            (row["what"], row["attempt"])
            for row in await self.bench.rows(
                "SELECT what, attempt FROM test_effects WHERE job_id = %s ORDER BY ctid", job_id
            )
        ]

    async def backends(self, job_id: str) -> list[dict[str, Any]]:
        """Database connections of the job's attempts."""
        return await self.bench.rows(
            "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, %s)", f"stepmill:{job_id}:"
        )

    async def reasons(self, job_id: str) -> list[str]:
        """Why the job's status changed, in order."""
        events = (await list_events(self.bench.engine, CALLER, job_id, limit=200))["items"]
        return [event["data"]["reason"] for event in events if event["event"] == "status" and event["data"]["reason"]]


@pytest.fixture
async def workers(database_server: DatabaseServer, database_url: str, tmp_path: Path) -> AsyncIterator[Workers]:
    effects.make_tables(database_server, str(conninfo_to_dict(database_url)["dbname"]))
    async with (
        Database(database_url, application_name="tests") as database,
        Bench(database, tmp_path, (effects.EFFECTS,)).started() as bench,
    ):
        yield Workers(bench, database_url, tmp_path)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("inside", [("prepared", 1), ("acted", 2), ("cleaned", 2)]),
        ("after", [("prepared", 1), ("acted", 1), ("cleaned", 2)]),
    ],
)
async def test_a_killed_workers_job_ends_done_with_each_effect_once(
    workers: Workers, where: str, expected: list[tuple[str, int]]
) -> None:
    async with workers.process("killed") as killed:
        job_id = (await workers.bench.submit("EFFECTS", params={"hold": where}))["jobId"]
        await workers.held(job_id, where)
        killed.kill()
    async with workers.process("other"):
        end = await workers.bench.follow(job_id)
    assert end["status"] == "DONE"
    assert await workers.effects(job_id) == expected
    assert await workers.reasons(job_id) == ["submitted", "crashed"]
    job = await get_job(workers.bench.engine, CALLER, job_id)
    assert (job["crashes"], job["failures"]) == (1, 0)
    assert await workers.backends(job_id) == []
    assert await workers.bench.rows("SELECT 1 FROM job_locks") == []


@pytest.mark.parametrize("where", ["before", "inside"])
async def test_a_frozen_worker_that_wakes_up_after_its_rescue_does_nothing_more(workers: Workers, where: str) -> None:
    async with workers.process("frozen") as frozen:
        job_id = (await workers.bench.submit("EFFECTS", params={"hold": where}))["jobId"]
        await workers.held(job_id, where)
        frozen.send_signal(signal.SIGSTOP)
        async with workers.process("other"):
            assert (await workers.bench.follow(job_id))["status"] == "DONE"
            done = await workers.effects(job_id)
            await workers.let_go(job_id)
            frozen.send_signal(signal.SIGCONT)
            await _until_alive(workers, "frozen")
            frozen.terminate()
            assert await frozen.wait() == 0
    assert done == [("prepared", 1), ("acted", 2), ("cleaned", 2)]
    assert await workers.effects(job_id) == done
    assert (await get_job(workers.bench.engine, CALLER, job_id))["attempt"] == 2


async def test_a_job_of_a_frozen_worker_is_cancelled_without_it(workers: Workers) -> None:
    async with workers.process("frozen") as frozen:
        job_id = (await workers.bench.submit("EFFECTS", params={"hold": "inside"}))["jobId"]
        await workers.held(job_id, "inside")
        frozen.send_signal(signal.SIGSTOP)
        assert (await cancel_job(workers.bench.engine, CALLER, job_id))["cancelRequestedAt"] is not None
        await _swept_until(workers, lambda job: job["status"] != "RUNNING", job_id)
        assert await workers.backends(job_id) == []
        async with workers.process("other"):
            end = await workers.bench.follow(job_id)
        await workers.let_go(job_id)
        frozen.send_signal(signal.SIGCONT)
        frozen.terminate()
        assert await frozen.wait() == 0
    assert end["status"] == "CANCELLED"
    assert await workers.effects(job_id) == [("prepared", 1), ("cleaned", 2)]


async def test_sigterm_gives_the_job_back_uncounted(workers: Workers) -> None:
    async with workers.process("stops") as stops:
        job_id = (await workers.bench.submit("EFFECTS", params={"hold": "inside"}))["jobId"]
        await workers.held(job_id, "inside")
        stops.terminate()
        assert await stops.wait() == 0
    job = await get_job(workers.bench.engine, CALLER, job_id)
    assert (job["status"], job["crashes"], job["failures"]) == ("PENDING", 0, 0)
    assert await workers.reasons(job_id) == ["submitted", "shutdown"]
    assert await workers.backends(job_id) == []
    assert await workers.bench.rows("SELECT 1 FROM workers") == []
    async with workers.process("next"):
        assert (await workers.bench.follow(job_id))["status"] == "DONE"
    assert await workers.effects(job_id) == [("prepared", 1), ("acted", 2), ("cleaned", 2)]


async def _until_alive(workers: Workers, worker_id: str) -> None:
    """Until the worker has said again that it is there."""
    async with asyncio.timeout(20):
        while worker_id not in {worker["workerId"] for worker in await list_workers(workers.bench.engine, CALLER)}:
            await asyncio.sleep(0.05)


async def _swept_until(workers: Workers, true: Callable[[dict[str, Any]], bool], job_id: str) -> None:
    """Sweep as any process may, until the job is so."""
    sweeper = Sweeper(workers.bench.engine)
    async with asyncio.timeout(20), workers.bench.database.autocommit() as conn:
        while not true(await get_job(workers.bench.engine, CALLER, job_id)):
            await sweeper.sweep(conn)
            await asyncio.sleep(0.05)
