"""Jobs that kill the worker that runs them, and what runs beside them."""

from stepmill.engine.read import get_job
from stepmill.engine.rescue import declare_dead
from stepmill.engine.sweep import Sweeper
from tests.engine import job_types
from tests.support.engine import CALLER, Bench

_AT_GATE = "SELECT FROM stepmill.job_steps WHERE job_id = %s AND name = 'Wait' AND status = 'RUNNING' AND attempt = %s"
_STANDING_ASIDE = "SELECT job_id FROM stepmill.jobs WHERE status = 'PENDING' AND waiting ->> 'code' = 'stands_aside'"
_RUNNING = "SELECT job_id FROM jobs WHERE status = 'RUNNING'"


async def _die(bench: Bench) -> None:
    await declare_dead(bench.engine, "worker-1")
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)


async def test_a_job_that_kills_its_worker_takes_no_other_along(bench: Bench) -> None:
    bench.settings.worker_concurrency = 8
    bench.settings.sweep_seconds = 3600.0  # but for those of `_die`
    killer = (await bench.submit("WITH_RELEASE", params={"key": "killer"}))["jobId"]
    beside = [(await bench.submit("WITH_RELEASE", params={"key": "beside"}))["jobId"] for _ in range(4)]
    async with bench.worker("worker-1"):
        for attempt in (1, 2):
            for job_id in (killer, *beside):
                await bench.until(_AT_GATE, job_id, attempt)
            await _die(bench)
        job_types.gate("beside").set()
        for attempt in (3, 4, 5):
            await bench.until(_AT_GATE, killer, attempt)
            assert await bench.rows(_RUNNING) == [{"job_id": killer}]
            await _die(bench)
        assert (await bench.follow(killer))["error"]["code"] == "crashed_repeatedly"
        for job_id in beside:
            assert (await bench.follow(job_id))["status"] == "DONE"
            assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 2


async def test_one_at_a_time_of_those_whose_worker_died_twice(bench: Bench) -> None:
    suspects = [(await bench.submit("WITH_RELEASE", params={"key": "suspect"}))["jobId"] for _ in range(2)]
    bench.past_the_guards("UPDATE jobs SET crashes = 2")
    fresh = (await bench.submit("PLAIN"))["jobId"]
    async with bench.worker():
        await bench.until(_STANDING_ASIDE)
        [aside] = await bench.rows(_STANDING_ASIDE)
        [runs] = set(suspects) - {aside["job_id"]}
        assert await bench.rows(_RUNNING + " AND job_id <> %s", fresh) == [{"job_id": runs}]
        waiting = (await get_job(bench.engine, CALLER, aside["job_id"]))["waiting"]
        assert waiting["message"].startswith("Workers died 2 times while it ran")
        assert (await bench.follow(fresh))["status"] == "DONE"
        async with bench.worker("worker-2"):  # which runs no such job
            for job_id in suspects:
                await bench.until(_AT_GATE, job_id, 1)
            job_types.gate("suspect").set()
            for job_id in suspects:
                assert (await bench.follow(job_id))["status"] == "DONE"
