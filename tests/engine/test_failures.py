"""What ends a job or sends it back: errors, back-off, time limits, a lost database; and the steps that always run."""

from datetime import datetime
from typing import Any

import pytest

from stepmill.engine.read import get_job, list_events
from stepmill.engine.retry import retry_job
from stepmill.errors import InputError
from stepmill.settings import Settings
from tests.engine import job_types
from tests.support.engine import CALLER, Bench

_FAIL = "SELECT fail_step_v1(%s, %s, 0::smallint, %s, %s, %s) AS next"
_ERROR = '{"code": "flaky", "message": "It did not answer.", "retryable": true}'


async def waits(bench: Bench, failures: int, base: float, limit: float) -> list[float]:
    """The waits in seconds that a job gets for its first ``failures`` failures."""
    job_id = (await bench.submit("PLAIN", maxAttempts=100))["jobId"]
    found = []
    for attempt in range(1, failures + 1):
        await bench.rows("UPDATE jobs SET run_at = now() WHERE job_id = %s", job_id)
        await bench.rows("SELECT begin_attempt_v1(%s, 'w')", job_id)
        await bench.rows(_FAIL, job_id, attempt, _ERROR, base, limit)
        waiting = (await bench.rows("SELECT waiting FROM jobs WHERE job_id = %s", job_id))[0]["waiting"]
        since, until = (datetime.fromisoformat(waiting[key]) for key in ("since", "until"))
        found.append((until - since).total_seconds())
    return found


async def test_the_wait_before_a_retry_is_anywhere_up_to_a_limit_that_doubles(bench: Bench) -> None:
    base, limit = 100.0, 400.0
    shares: list[float] = []
    for _ in range(8):
        for failure, seconds in enumerate(await waits(bench, 5, base, limit)):
            top = min(limit, base * 2**failure)
            assert 0 <= seconds <= top
            shares.append(seconds / top)
    # Full jitter: 40 draws over the whole span, each half of which is missed once in 2^40 runs.
    assert min(shares) < 0.5 < max(shares)


async def test_each_try_is_an_event_with_its_reason_and_the_error(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("PLAIN", params={"fail": "once"}))["jobId"]
        await bench.follow(job_id)
    events = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
    (back,) = [
        event["data"] for event in events if event["data"].get("reason") == "backoff" and event["event"] == "step"
    ]
    assert (back["name"], back["status"], back["error"]["code"]) == ("Two", "PENDING", "flaky")
    (job,) = [
        event["data"] for event in events if event["data"].get("reason") == "backoff" and event["event"] == "status"
    ]
    assert (job["status"], job["waiting"]["code"]) == ("PENDING", "backoff")


async def test_by_default_a_dead_workers_job_goes_on_within_18_seconds() -> None:
    defaults = Settings()
    assert defaults.heartbeat_seconds + defaults.dead_after_seconds + defaults.sweep_seconds <= 18
    assert defaults.max_crashes == 5


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"params": {"fail": "broken"}}, "broken"),
        ({"params": {"fail": "unexpected"}}, "internal_error"),
        ({"params": {"fail": "flaky"}, "maxAttempts": 2}, "flaky"),
        ({"params": {"key": "never"}, "timeoutSeconds": 0.2, "maxAttempts": 1}, "timeout"),
    ],
)
async def test_always_steps_run_after_every_kind_of_error(bench: Bench, request_: dict[str, Any], code: str) -> None:
    async with bench.worker():
        job_id = (await bench.submit("FAILS_THEN_RELEASES", **request_))["jobId"]
        end = await bench.follow(job_id)
    assert (end["status"], end["error"]["code"]) == ("ERROR", code)
    steps = (await get_job(bench.engine, CALLER, job_id))["steps"]
    assert [step["status"] for step in steps] == ["ERROR", "PENDING", "DONE"]
    assert job_types.CALLS.count(f"{job_id}/release") == 1


async def test_always_steps_run_after_success_and_one_that_fails_makes_the_job_fail(bench: Bench) -> None:
    job_types.gate("open").set()
    async with bench.worker():
        good = (await bench.submit("WITH_RELEASE", params={"key": "open"}))["jobId"]
        assert (await bench.follow(good))["status"] == "DONE"
        bad = (await bench.submit("WITH_RELEASE", params={"key": "open", "release": "fails"}))["jobId"]
        end = await bench.follow(bad)
    assert f"{good}/release" in job_types.CALLS
    assert (end["status"], end["error"]["code"]) == ("ERROR", "release_failed")


async def test_a_retry_runs_the_always_steps_again_and_reads_outputs_back(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("WITH_RELEASE", params={"key": "later", "release": "fails"}))["jobId"]
        await bench.follow(job_id, until=lambda e: e.data.get("message") == "at the gate")
        job_types.gate("later").set()
        assert (await bench.follow(job_id))["status"] == "ERROR"
        first = (await get_job(bench.engine, CALLER, job_id))["steps"]
        assert [step["status"] for step in first] == ["DONE", "DONE", "ERROR"]
        await retry_job(bench.engine, CALLER, job_id)
        assert (await bench.follow(job_id))["status"] == "ERROR"
    again = (await get_job(bench.engine, CALLER, job_id))["steps"]
    assert again[:2] == first[:2]  # outputs and times of what was DONE are untouched
    assert [job_types.CALLS.count(f"{job_id}/{step}") for step in ("one", "wait", "release")] == [1, 1, 2]


async def test_retry_from_a_step_before_which_another_is_not_done_is_refused(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("FAILS_THEN_RELEASES", params={"fail": "broken"}))["jobId"]
        await bench.follow(job_id)
        with pytest.raises(InputError) as refused:
            await retry_job(bench.engine, CALLER, job_id, "After")
        assert refused.value.code == "step_too_late"
        assert (await get_job(bench.engine, CALLER, job_id))["status"] == "ERROR"


async def test_a_time_limit_holds_for_each_attempt_and_ends_what_the_step_does(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("SLOW_SQL", timeoutSeconds=0.3, maxAttempts=2))["jobId"]
        end = await bench.follow(job_id)
    assert (end["error"]["code"], end["error"]["retryable"]) == ("timeout", True)
    job = await get_job(bench.engine, CALLER, job_id)
    assert (job["attempt"], job["failures"]) == (2, 2)
    left = "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE starts_with(application_name, %s)"
    assert (await bench.rows(left, f"stepmill:{job_id}"))[0]["n"] == 0


async def test_a_connection_that_breaks_is_no_failure_of_the_job(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("SLOW_SQL", params={"fail": "first"}))["jobId"]
        name = f"stepmill:{job_id}:1"
        await bench.until("SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'PgSleep'", name)
        conn = await bench.database.connect(application_name="tests", role=None)
        async with conn:
            await conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                (name,),
            )
        assert (await bench.follow(job_id))["status"] == "DONE"
    job = await get_job(bench.engine, CALLER, job_id)
    assert (job["attempt"], job["failures"], job["crashes"]) == (2, 0, 0)
    events = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
    assert "database_lost" in [event["data"].get("reason") for event in events]


async def test_a_job_whose_type_has_changed_since_ends_in_an_error_that_says_so(bench: Bench) -> None:
    changed = (await bench.submit("PLAIN"))["jobId"]
    renamed = (await bench.submit("PLAIN"))["jobId"]
    bench.past_the_guards("""UPDATE jobs SET params = params || '{"gone": 1}' WHERE job_id = %s""", changed)
    bench.past_the_guards("UPDATE job_steps SET name = 'Before' WHERE job_id = %s AND idx = 0", renamed)
    async with bench.worker():
        ends = [await bench.follow(job_id) for job_id in (changed, renamed)]
    assert [end["error"]["code"] for end in ends] == ["job_type_changed", "job_type_changed"]
    assert "/gone" in ends[0]["error"]["message"]
    assert "'Before'" in ends[1]["error"]["message"]
