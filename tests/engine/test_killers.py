"""Jobs that kill the worker that runs them, and what runs beside them."""

import pytest

from stepmill.engine.read import get_job
from stepmill.engine.rescue import declare_dead
from stepmill.engine.sweep import Sweeper
from tests.engine import job_types
from tests.support.engine import CALLER, Bench

_AT_GATE = "SELECT FROM stepmill.job_steps WHERE job_id = %s AND name = 'Wait' AND status = 'RUNNING' AND attempt = %s"
_STANDING_ASIDE = "SELECT job_id FROM stepmill.jobs WHERE status = 'PENDING' AND waiting ->> 'code' = 'stands_aside'"
_RUNNING = "SELECT job_id FROM jobs WHERE status = 'RUNNING'"
_HAVE_CRASHED = """
WITH suspects AS (UPDATE jobs SET attempt = 3, crashes = 3, crashed_at_step = 1 RETURNING *)
INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id, started_at, ended_at, outcome)
SELECT job_id, attempt, 'gone', tenant_id, now() - interval '1 hour', now(), 'crashed' FROM (
    SELECT job_id, tenant_id, generate_series(1, 3) AS attempt FROM suspects) AS each
"""


async def _die(bench: Bench) -> None:
    await declare_dead(bench.engine, "worker-1")
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)


@pytest.mark.parametrize("makes_progress", [False, True])
async def test_a_job_that_kills_its_worker_takes_no_other_along(bench: Bench, *, makes_progress: bool) -> None:
    """Also one that gets further each time, which by itself is never ended."""
    bench.settings.worker_concurrency = 8
    bench.settings.sweep_seconds = 3600.0  # but for those of `_die`
    killer = (await bench.submit("WITH_RELEASE", params={"key": "killer"}))["jobId"]
    beside = [(await bench.submit("WITH_RELEASE", params={"key": "beside"}))["jobId"] for _ in range(4)]
    async with bench.worker("worker-1"):
        for attempt in (1, 2, 3):
            for job_id in (killer, *beside):
                await bench.until(_AT_GATE, job_id, attempt)
            await _die(bench)
            if makes_progress:
                bench.past_the_guards("UPDATE jobs SET crashed_at_progress = '9' WHERE job_id = %s", killer)
        job_types.gate("beside").set()
        for attempt in (4, 5, 6) if makes_progress else (4, 5):
            await bench.until(_AT_GATE, killer, attempt)
            assert await bench.rows(_RUNNING) == [{"job_id": killer}]
            await _die(bench)
        if not makes_progress:
            assert (await bench.follow(killer))["error"]["code"] == "crashed_repeatedly"
        for job_id in beside:
            assert (await bench.follow(job_id))["status"] == "DONE"
            assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 3


async def test_one_at_a_time_of_those_whose_workers_died(bench: Bench) -> None:
    suspects = [(await bench.submit("WITH_RELEASE", params={"key": "suspect"}))["jobId"] for _ in range(2)]
    bench.past_the_guards(_HAVE_CRASHED)
    fresh = (await bench.submit("PLAIN"))["jobId"]
    async with bench.worker():
        await bench.until(_STANDING_ASIDE)
        [aside] = await bench.rows(_STANDING_ASIDE)
        [runs] = set(suspects) - {aside["job_id"]}
        assert await bench.rows(_RUNNING + " AND job_id <> %s", fresh) == [{"job_id": runs}]
        waiting = (await get_job(bench.engine, CALLER, aside["job_id"]))["waiting"]
        assert waiting["message"].startswith("Workers died three times while it ran")
        assert (await bench.follow(fresh))["status"] == "DONE"
        async with bench.worker("worker-2"):  # which runs no such job
            for job_id in suspects:
                await bench.until(_AT_GATE, job_id, 4)
            job_types.gate("suspect").set()
            for job_id in suspects:
                assert (await bench.follow(job_id))["status"] == "DONE"


async def test_one_that_outlives_what_killed_its_workers_keeps_no_other_waiting(bench: Bench) -> None:
    suspects = [(await bench.submit("WITH_RELEASE", params={"key": "suspect"}))["jobId"] for _ in range(2)]
    bench.past_the_guards(_HAVE_CRASHED)
    bench.past_the_guards("UPDATE job_attempts SET started_at = ended_at - interval '1 second'")
    async with bench.worker():
        for job_id in suspects:
            await bench.until(_AT_GATE, job_id, 4)
        job_types.gate("suspect").set()
        for job_id in suspects:
            assert (await bench.follow(job_id))["status"] == "DONE"


async def test_who_stands_aside_leaves_its_lock_to_the_next(bench: Bench) -> None:
    suspects = [(await bench.submit("LOCKED", params={"key": key}))["jobId"] for key in ("one", "two")]
    bench.past_the_guards(_HAVE_CRASHED)
    async with bench.worker():
        await bench.until(_STANDING_ASIDE)
        [aside] = await bench.rows(_STANDING_ASIDE)
        key = "one" if aside["job_id"] == suspects[0] else "two"
        healthy = (await bench.submit("LOCKED", params={"key": key}))["jobId"]
        await bench.until(
            "SELECT FROM stepmill.job_steps WHERE job_id = %s AND name = 'Wait' AND status = 'RUNNING'", healthy
        )
        for each in ("one", "two"):
            job_types.gate(each).set()
        for job_id in (healthy, *suspects):
            assert (await bench.follow(job_id))["status"] == "DONE"
