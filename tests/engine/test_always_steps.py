"""A step that always runs is not stopped by what stops the others: a cancel, the job's time limit, a dead worker."""

import asyncio

import pytest

from stepmill.engine.cancel import cancel_job
from stepmill.engine.hub_readers import Event
from stepmill.engine.read import get_job
from stepmill.engine.rescue import UNHEEDED, declare_dead
from stepmill.engine.sweep import Sweeper
from tests.engine import job_types
from tests.support.engine import CALLER, Bench


def _releases(event: Event) -> bool:
    return event.kind == "step" and (event.data["name"], event.data["status"]) == ("Release", "RUNNING")


async def _submit(bench: Bench, job_type: str, key: str, **request: object) -> str:
    """A job whose always-step waits at a gate of its own."""
    job_types.gate(key).set()
    params = {"key": key, "release": "waits", **request.pop("params", {})}  # type: ignore[dict-item]
    return str((await bench.submit(job_type, params=params, **request))["jobId"])


async def _steps(bench: Bench, job_id: str) -> list[tuple[str, int | None]]:
    steps = (await get_job(bench.engine, CALLER, job_id))["steps"]
    return [(step["status"], step["attempt"]) for step in steps]


async def test_a_cancel_lets_the_always_step_that_runs_finish(bench: Bench) -> None:
    async with bench.worker():
        job_id = await _submit(bench, "WITH_RELEASE", "finishes")
        await bench.follow(job_id, until=_releases)
        for _ in range(2):
            asked = await cancel_job(bench.engine, CALLER, job_id)
            assert (asked["status"], asked["cancelRequestedAt"] is None) == ("RUNNING", False)
        job_types.gate("finishes/release").set()
        end = await bench.follow(job_id)
    assert (end["status"], end["error"]["code"]) == ("CANCELLED", "cancelled")
    assert await _steps(bench, job_id) == [("DONE", 1), ("DONE", 1), ("DONE", 1)]
    assert job_types.CALLS.count(f"{job_id}/release") == 1


async def test_after_a_cancel_in_an_always_step_the_other_always_steps_run_and_no_others(bench: Bench) -> None:
    async with bench.worker():
        job_id = await _submit(bench, "RELEASES_BETWEEN", "between")
        await bench.follow(job_id, until=_releases)
        await cancel_job(bench.engine, CALLER, job_id)
        job_types.gate("between/release").set()
        assert (await bench.follow(job_id))["status"] == "CANCELLED"
    assert await _steps(bench, job_id) == [("DONE", 1), ("DONE", 1), ("PENDING", None), ("DONE", 1)]


async def test_a_cancel_that_comes_while_an_always_step_finishes_is_not_missed(bench: Bench) -> None:
    """The step's end waits for the cancel's commit and must see what it says."""
    job_id = (await bench.submit("RELEASES_BETWEEN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'w')", job_id)
    await bench.rows("SELECT finish_step_v1(%s, 1, 0::smallint, '{}', NULL)", job_id)
    async with (
        bench.database.transaction("stepmill_engine") as cancels,
        bench.database.transaction("stepmill_engine", application_name="tests:finishes") as finishes,
    ):
        await cancels.execute("SELECT cancel_v1(%s)", (job_id,))
        finishing = asyncio.create_task(
            finishes.execute("SELECT finish_step_v1(%s, 1, 1::smallint, '{}', NULL) AS next", (job_id,))
        )
        await bench.until(
            "SELECT FROM pg_stat_activity WHERE application_name = 'tests:finishes' AND wait_event_type = 'Lock'"
        )
        await cancels.commit()
        row = await (await finishing).fetchone()
    assert row is not None
    assert row["next"] == {"idx": 3, "status": "RUNNING"}


async def test_an_error_that_the_job_had_before_the_cancel_stays_its_error(bench: Bench) -> None:
    async with bench.worker():
        job_id = await _submit(bench, "FAILS_THEN_RELEASES", "had-failed", params={"fail": "broken"})
        await bench.follow(job_id, until=_releases)
        await cancel_job(bench.engine, CALLER, job_id)
        job_types.gate("had-failed/release").set()
        end = await bench.follow(job_id)
    assert (end["status"], end["error"]["code"]) == ("ERROR", "broken")
    job = await get_job(bench.engine, CALLER, job_id)
    assert job["cancelRequestedAt"] is not None
    assert [step["status"] for step in job["steps"]] == ["ERROR", "PENDING", "DONE"]


async def test_an_error_that_the_job_had_stays_when_it_is_cancelled_between_attempts(bench: Bench) -> None:
    async with bench.worker("dies"):
        job_id = await _submit(bench, "FAILS_THEN_RELEASES", "between-attempts", params={"fail": "broken"})
        await bench.follow(job_id, until=_releases)
    assert (await cancel_job(bench.engine, CALLER, job_id))["status"] == "PENDING"
    job_types.gate("between-attempts/release").set()
    async with bench.worker("next"):
        end = await bench.follow(job_id)
    assert (end["status"], end["error"]["code"]) == ("ERROR", "broken")


async def test_an_always_step_that_fails_after_the_cancel_makes_the_job_fail(bench: Bench) -> None:
    job_id = (await bench.submit("WITH_RELEASE"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'w')", job_id)
    for step in (0, 1):
        await bench.rows("SELECT finish_step_v1(%s, 1, %s::smallint, '{}', NULL)", job_id, step)
    await cancel_job(bench.engine, CALLER, job_id)
    error = '{"code": "release_failed", "message": "The lock can\'t be released.", "retryable": false}'
    await bench.rows("SELECT fail_step_v1(%s, 1, 2::smallint, %s, 1, 1)", job_id, error)
    job = await get_job(bench.engine, CALLER, job_id)
    assert (job["status"], job["error"]["code"]) == ("ERROR", "release_failed")


async def test_the_jobs_time_limit_does_not_hold_for_an_always_step(bench: Bench) -> None:
    async with bench.worker():
        request = {"timeoutSeconds": 0.2, "maxAttempts": 1}
        job_id = (await bench.submit("WITH_RELEASE", params={"key": "limit", "release": "waits"}, **request))["jobId"]
        await bench.follow(job_id, until=_releases)  # the limit is over: Wait ran into it
        job_types.gate("limit/release").set()
        end = await bench.follow(job_id)
    assert (end["status"], end["error"]["code"]) == ("ERROR", "timeout")
    assert await _steps(bench, job_id) == [("DONE", 1), ("ERROR", 1), ("DONE", 1)]


async def test_an_always_step_of_a_dead_worker_is_run_again_after_the_cancel(bench: Bench) -> None:
    async with bench.worker("dies"):
        job_id = await _submit(bench, "WITH_RELEASE", "dead")
        await bench.follow(job_id, until=_releases)
        await cancel_job(bench.engine, CALLER, job_id)
        await declare_dead(bench.engine, "dies")
        async with bench.database.autocommit() as conn:
            await Sweeper(bench.engine).sweep(conn)
        job_types.gate("dead/release").set()
        assert (await bench.follow(job_id))["status"] == "CANCELLED"
    assert await _steps(bench, job_id) == [("DONE", 1), ("DONE", 1), ("DONE", 2)]


@pytest.mark.parametrize(("ending", "status"), [(None, "CANCELLED"), ('{"status": "ERROR"}', "ERROR")])
async def test_an_attempt_that_is_taken_away_in_an_always_step_leaves_it_to_the_next(
    bench: Bench, ending: str | None, status: str
) -> None:
    """As after a cancel that was asked for before always-steps were left to finish."""
    job_id = (await bench.submit("WITH_RELEASE"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'deaf')", job_id)
    for step in (0, 1):
        await bench.rows("SELECT finish_step_v1(%s, 1, %s::smallint, '{}', NULL)", job_id, step)
    await bench.rows("UPDATE job_attempts SET revoked_at = now() WHERE job_id = %s", job_id)
    await bench.rows("UPDATE jobs SET cancel_requested_at = now(), ending = %s WHERE job_id = %s", ending, job_id)
    await bench.rows("SELECT rescue_v1(%s, 1, %s, 5)", job_id, UNHEEDED)
    assert (await _steps(bench, job_id))[2] == ("PENDING", 1)
    async with bench.worker("hears"):
        assert (await bench.follow(job_id))["status"] == status
    assert (await _steps(bench, job_id))[2] == ("DONE", 2)


async def test_a_worker_that_dies_in_an_always_step_again_and_again_leaves_the_jobs_own_error(bench: Bench) -> None:
    job_id = (await bench.submit("FAILS_THEN_RELEASES"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'w')", job_id)
    error = '{"code": "broken", "message": "It can\'t work.", "retryable": false}'
    await bench.rows("SELECT fail_step_v1(%s, 1, 0::smallint, %s, 1, 1)", job_id, error)
    await bench.rows("SELECT rescue_v1(%s, 1, 'crashed', 1)", job_id)
    job = await get_job(bench.engine, CALLER, job_id)
    assert (job["status"], job["error"]["code"]) == ("ERROR", "broken")
    assert job["steps"][2]["error"]["code"] == "crashed_repeatedly"
