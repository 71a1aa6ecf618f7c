"""Artifacts: kept while the job may need them, gone when it is DONE, whoever died in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepmill.engine.artifacts import JobArtifacts, remove_spent_artifacts
from stepmill.engine.context import StepContext
from stepmill.engine.job_type import JobType, Output, Step
from stepmill.engine.retry import retry_job
from stepmill.errors import DataError
from stepmill.gateways.sql.database import Database
from tests.engine.job_types import Params
from tests.support.engine import CALLER, Bench


async def write(ctx: StepContext[Params]) -> Output:
    await ctx.artifacts.put("rows/part-1", b"1,2,3")
    return Output()


async def read(ctx: StepContext[Params]) -> Output:
    assert await ctx.artifacts.get("rows/part-1") == b"1,2,3"
    if ctx.params.fail == "first" and ctx.attempt == 1:
        raise DataError("broken", "Not yet.")
    return Output()


HANDS_OVER = JobType(
    "HANDS_OVER", "One step writes, the next reads.", Params, (Step("Write", write), Step("Read", read))
)


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(database, tmp_path, (HANDS_OVER,)).started() as bench:
        yield bench


async def test_they_are_gone_when_the_job_is_done(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("HANDS_OVER")
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert await bench.gateways.blobs.find("artifacts") == []


async def test_those_of_a_failed_job_stay_for_its_retry(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("HANDS_OVER", params={"fail": "first"}))["jobId"]
        assert (await bench.follow(job_id))["status"] == "ERROR"
        assert await bench.gateways.blobs.find("artifacts") != []
        await remove_spent_artifacts(bench.engine, bench.gateways.blobs)
        await retry_job(bench.engine, CALLER, job_id)
        assert (await bench.follow(job_id))["status"] == "DONE"
    assert await bench.gateways.blobs.find("artifacts") == []


async def test_what_a_killed_worker_left_of_a_done_job_is_removed_later(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("HANDS_OVER"))["jobId"]
        await bench.follow(job_id)
    await bench.gateways.blobs.put(f"artifacts/{job_id}/rows/part-1", b"left")
    await remove_spent_artifacts(bench.engine, bench.gateways.blobs)
    assert await bench.gateways.blobs.find("artifacts") == []


async def test_no_next_job_begins_while_an_ended_ones_artifacts_are_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker may have a free place for it."""
    bench.settings.worker_concurrency = 1
    job_ids = [(await bench.submit("HANDS_OVER"))["jobId"] for _ in range(3)]
    removing, remove = asyncio.Event(), JobArtifacts.delete

    async def slow(self: JobArtifacts) -> None:
        if self._job_id == job_ids[0]:
            await removing.wait()
        await remove(self)

    monkeypatch.setattr(JobArtifacts, "delete", slow)
    async with bench.worker("busy"):
        await bench.follow(job_ids[0])
        assert await bench.rows("SELECT 1 FROM job_attempts WHERE job_id <> %s", job_ids[0]) == []
        async with bench.worker("free"):
            for job_id in job_ids[1:]:
                assert (await bench.follow(job_id))["status"] == "DONE"
        removing.set()
    assert await bench.rows("SELECT 1 FROM job_attempts WHERE attempt > 1") == []  # none lay begun until it was missed
    assert await bench.gateways.blobs.find("artifacts") == []
