"""Jobs run: steps in order, outputs, events, failures and retries."""

import asyncio

import pytest

from stepmill.engine.read import get_job, list_events
from stepmill.engine.retry import retry_job
from stepmill.errors import ConflictError, InputError
from tests.engine import job_types
from tests.support.engine import CALLER, Bench


async def test_steps_run_in_order_and_every_change_is_an_event(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("PLAIN")
        assert [(step["name"], step["status"]) for step in job["steps"]] == [("One", "PENDING"), ("Two", "PENDING")]
        end = await bench.follow(job["jobId"])
    assert end["status"] == "DONE"
    assert end["result"] == {"number": 2}
    job = await get_job(bench.engine, CALLER, job["jobId"])
    assert [step["status"] for step in job["steps"]] == ["DONE", "DONE"]
    assert job["steps"][0]["progress"] == {"done": 1, "total": 2, "unit": "rows", "message": "half"}
    events = (await list_events(bench.engine, CALLER, job["jobId"], limit=100))["items"]
    assert [int(event["id"]) for event in events] == list(range(1, len(events) + 1))
    moves = [(e["event"], e["data"].get("status")) for e in events if e["event"] in ("status", "step", "end")]
    assert moves == [
        ("status", "PENDING"),
        ("status", "RUNNING"),
        ("step", "RUNNING"),
        ("step", "DONE"),
        ("step", "RUNNING"),
        ("step", "DONE"),
        ("status", "DONE"),
        ("end", "DONE"),
    ]
    assert [e["data"]["message"] for e in events if e["event"] == "log"] == ["first\N{REPLACEMENT CHARACTER}"]


async def test_a_retryable_error_backs_off_and_goes_on_at_its_step(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("PLAIN", params={"fail": "once"})
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert job_types.CALLS.count(f"{job['jobId']}/one") == 1
    assert job_types.CALLS.count(f"{job['jobId']}/two") == 2
    job = await get_job(bench.engine, CALLER, job["jobId"])
    assert (job["attempt"], job["failures"]) == (2, 1)


async def test_attempts_run_out(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("PLAIN", params={"fail": "once"}, maxAttempts=1)
        end = await bench.follow(job["jobId"])
    assert end["status"] == "ERROR"
    assert end["error"] == {"code": "flaky", "message": "It did not answer.", "retryable": True}


async def test_an_unexpected_error_tells_no_secret(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("PLAIN", params={"fail": "unexpected"})
        end = await bench.follow(job["jobId"])
    assert end["error"]["code"] == "internal_error"
    assert "hunter2" not in str(await get_job(bench.engine, CALLER, job["jobId"]))


async def test_retry_resumes_at_the_failed_step_or_at_the_step_named(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("PLAIN", params={"fail": "always"})
        job_id = job["jobId"]
        assert (await bench.follow(job_id))["status"] == "ERROR"
        with pytest.raises(InputError, match="no step"):
            await retry_job(bench.engine, CALLER, job_id, "Three")
        await retry_job(bench.engine, CALLER, job_id)
        assert (await bench.follow(job_id))["status"] == "ERROR"
        assert job_types.CALLS.count(f"{job_id}/one") == 1
        await retry_job(bench.engine, CALLER, job_id, "One")
        assert (await bench.follow(job_id))["status"] == "ERROR"
        assert job_types.CALLS.count(f"{job_id}/one") == 2
        done = await bench.submit("PLAIN")
        await bench.follow(done["jobId"])
        with pytest.raises(ConflictError, match="DONE"):
            await retry_job(bench.engine, CALLER, done["jobId"])


async def test_a_step_that_runs_out_of_time_is_stopped_and_tried_again(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("TIMED", params={"key": "never"}, maxAttempts=2)
        end = await bench.follow(job["jobId"])
    assert end["error"]["code"] == "timeout"
    assert (await get_job(bench.engine, CALLER, job["jobId"]))["failures"] == 2


async def test_computing_reports_and_fails_like_a_step(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("COMPUTE")
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
        bad = await bench.submit("COMPUTE", params={"fail": "always"})
        end = await bench.follow(bad["jobId"])
    assert end["error"] == {"code": "bad_row", "message": "Row 7 is bad.", "retryable": False, "details": {"line": 7}}
    job = await get_job(bench.engine, CALLER, job["jobId"])
    assert job["steps"][0]["progress"]["unit"] == "seconds"


async def test_each_step_that_a_retry_takes_back_is_an_event_with_the_reason(bench: Bench) -> None:
    job_id = (await bench.submit("FAILS_THEN_RELEASES", params={"fail": "broken"}))["jobId"]
    async with bench.worker():
        await bench.follow(job_id)
    assert await _taken_back_by(bench, job_id, None) == [
        ("step", "Fail", "PENDING"),
        ("step", "Release", "PENDING"),
        ("status", None, "PENDING"),
    ]
    async with bench.worker():
        await bench.follow(job_id)
    named = (await bench.submit("PLAIN", params={"fail": "always"}))["jobId"]
    async with bench.worker():
        await bench.follow(named)
    assert await _taken_back_by(bench, named, "One") == [
        ("step", "One", "PENDING"),
        ("step", "Two", "PENDING"),
        ("status", None, "PENDING"),
    ]


async def _taken_back_by(bench: Bench, job_id: str, from_step: str | None) -> list[tuple[str, str | None, str]]:
    """What a retry says, each step with nothing left of the time before."""
    await retry_job(bench.engine, CALLER, job_id, from_step)
    events = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
    back = [event for event in events if event["data"].get("reason") == "retry"]
    assert events[-len(back) :] == back
    for event in back:
        if event["event"] == "step":
            assert {event["data"][key] for key in ("startedAt", "finishedAt", "output", "error")} == {None}
    return [(event["event"], event["data"].get("name"), event["data"]["status"]) for event in back]


async def test_a_worker_takes_no_job_before_it_is_known(bench: Bench) -> None:
    """Its jobs would be taken for those of a dead one."""
    job = await bench.submit("PLAIN")
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'workers'::regclass"
    begun = "SELECT FROM job_attempts"
    async with await bench.database.connect(application_name="tests:lock", role="stepmill_engine") as lock:
        await lock.execute("BEGIN; LOCK workers IN ACCESS EXCLUSIVE MODE")
        async with bench.worker(), bench.database.autocommit() as conn:
            try:
                async with asyncio.timeout(10):
                    while (await conn.execute(waiting)).rowcount == 0:
                        await asyncio.sleep(0.02)
                for _ in range(25):  # many times as long as it takes to begin a job
                    assert (await conn.execute(begun)).rowcount == 0
                    await asyncio.sleep(0.02)
            finally:
                await lock.execute("COMMIT")
            assert (await bench.follow(job["jobId"]))["status"] == "DONE"
