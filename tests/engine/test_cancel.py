"""Cancel means stopped."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from stepmill.engine.cancel import cancel_job, cancel_jobs
from stepmill.engine.read import get_job
from stepmill.engine.requests import JobFilter
from stepmill.engine.rescue import UNHEEDED
from stepmill.engine.retry import retry_job
from stepmill.engine.sweep import Sweeper
from stepmill.errors import ConflictError
from tests.engine import job_types
from tests.support.engine import CALLER, Bench


async def sweep(bench: Bench) -> None:
    """One sweep, as in any process."""
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)


async def test_a_pending_job_is_cancelled_at_once(bench: Bench) -> None:
    job = await bench.submit("WITH_RELEASE")
    cancelled = await cancel_job(bench.engine, CALLER, job["jobId"])
    assert cancelled["status"] == "CANCELLED"
    with pytest.raises(ConflictError, match="CANCELLED"):
        await cancel_job(bench.engine, CALLER, job["jobId"])
    assert (await bench.follow(job["jobId"]))["status"] == "CANCELLED"


async def test_a_running_statement_is_ended_and_always_steps_run(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("SLOW_SQL")
        name = f"stepmill:{job['jobId']}:1"
        await bench.follow(job["jobId"], until=lambda event: event.kind == "step" and event.data["status"] == "RUNNING")
        await cancel_job(bench.engine, CALLER, job["jobId"])
        end = await bench.follow(job["jobId"])
        assert end["status"] == "CANCELLED"
        async with bench.database.autocommit() as conn:
            rows = await (
                await conn.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = %s", (name,))
            ).fetchall()
        assert rows == []
        step = (await get_job(bench.engine, CALLER, job["jobId"]))["steps"][0]
        assert (step["status"], step["error"]["code"]) == ("ERROR", "cancelled")
        assert step["error"]["details"]["stoppedAfterMs"] < 10_000


@pytest.mark.parametrize("release", [None, "fails"])
async def test_always_steps_run_after_a_cancel(bench: Bench, release: str | None) -> None:
    async with bench.worker():
        job = await bench.submit("WITH_RELEASE", params={"key": "never", "release": release})
        await bench.follow(
            job["jobId"], until=lambda e: e.kind == "step" and (e.data["name"], e.data["status"]) == ("Wait", "RUNNING")
        )
        running = await cancel_job(bench.engine, CALLER, job["jobId"])
        assert running["cancelRequestedAt"] is not None
        end = await bench.follow(job["jobId"])
    assert f"{job['jobId']}/release" in job_types.CALLS
    assert end["status"] == ("ERROR" if release else "CANCELLED")
    steps = [step["status"] for step in (await get_job(bench.engine, CALLER, job["jobId"]))["steps"]]
    assert steps == ["DONE", "ERROR", "ERROR" if release else "DONE"]


async def test_a_cancel_that_the_worker_does_not_heed_is_carried_out_by_any_sweeper(bench: Bench) -> None:
    """The worker beats on and holds a transaction open, and yet never reacts."""
    job_id = (await bench.submit("WITH_RELEASE"))["jobId"]
    await bench.rows(
        "INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('deaf', '', 0, '', '{WITH_RELEASE}')"
    )
    await bench.rows("SELECT begin_attempt_v1(%s, 'deaf')", job_id)
    name = f"stepmill:{job_id}:1"
    async with await bench.database.connect(application_name=name, role="stepmill_engine") as held:
        await held.execute("BEGIN")
        await cancel_job(bench.engine, CALLER, job_id)
        await sweep(bench)
        assert (await get_job(bench.engine, CALLER, job_id))["status"] == "RUNNING"  # the worker has its chance

        await bench.rows("UPDATE job_attempts SET revoked_at = revoked_at - interval '3 s' WHERE job_id = %s", job_id)
        await sweep(bench)
        with pytest.raises(psycopg.OperationalError):
            await held.execute("SELECT 1")
    with pytest.raises(psycopg.Error) as refused:
        await bench.rows("SELECT fence_v1(%s, 1)", job_id)
    assert refused.value.sqlstate == "SM001"
    async with bench.worker("hears"):
        assert (await bench.follow(job_id))["status"] == "CANCELLED"
    job = await get_job(bench.engine, CALLER, job_id)
    assert [(step["status"], step["attempt"]) for step in job["steps"]] == [
        ("ERROR", 1),
        ("PENDING", None),
        ("DONE", 2),
    ]
    assert job["steps"][0]["error"]["details"]["stoppedAfterMs"] >= 3000
    assert job["crashes"] == 0


async def test_a_worker_that_wakes_after_its_job_was_cancelled_stops_working_for_it(bench: Bench) -> None:
    async with bench.worker() as worker:
        job = await bench.submit("WITH_RELEASE", params={"key": "never"})
        await bench.follow(
            job["jobId"], until=lambda e: e.kind == "step" and (e.data["name"], e.data["status"]) == ("Wait", "RUNNING")
        )
        [old] = worker._runner.running
        async with bench.database.transaction("stepmill_engine") as conn:  # at once, as if the worker had not seen it
            await conn.execute("SELECT cancel_v1(%s)", (job["jobId"],))
            await conn.execute("SELECT rescue_v1(%s, 1, %s, 5)", (job["jobId"], UNHEEDED))
        await asyncio.wait_for(asyncio.shield(old.interruption.happened), 10)
        assert old.interruption.reason == "lost"
        assert (await bench.follow(job["jobId"]))["status"] == "CANCELLED"
    assert f"{job['jobId']}/release" in job_types.CALLS


async def test_a_computing_process_is_killed(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("COMPUTE", params={"fail": "long"})
        await bench.follow(job["jobId"], until=lambda event: event.kind == "progress")
        await cancel_job(bench.engine, CALLER, job["jobId"])
        assert (await bench.follow(job["jobId"]))["status"] == "CANCELLED"
        job_types.gate(job["jobId"]).set()


async def test_a_cancelled_job_can_be_retried_and_its_stream_goes_on(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("WITH_RELEASE", params={"key": "opens-later"})
        await bench.follow(
            job["jobId"], until=lambda e: e.kind == "step" and (e.data["name"], e.data["status"]) == ("Wait", "RUNNING")
        )
        await cancel_job(bench.engine, CALLER, job["jobId"])
        await bench.follow(job["jobId"])
        job_types.gate("opens-later").set()
        await retry_job(bench.engine, CALLER, job["jobId"])
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
        events = await bench.hub.subscribe(CALLER, job["jobId"], after=0)
        assert events is not None
        kinds = [event.kind async for together in events for event in together]
    assert kinds.count("end") == 1
    assert job_types.CALLS.count(f"{job['jobId']}/one") == 1


async def test_a_retry_means_now_also_for_a_job_that_was_set_to_run_later(bench: Bench) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    job_id = (await bench.submit("PLAIN", runAt=later.isoformat()))["jobId"]
    await cancel_job(bench.engine, CALLER, job_id)
    retried = await retry_job(bench.engine, CALLER, job_id)
    assert datetime.fromisoformat(retried["runAt"]) < later
    async with bench.worker():
        assert (await bench.follow(job_id))["status"] == "DONE"


async def test_cancel_by_filter_takes_only_what_matches(bench: Bench) -> None:
    jobs = [await bench.submit("PLAIN") for _ in range(3)]
    other = await bench.submit("COMPUTE")
    assert await cancel_jobs(bench.engine, CALLER, JobFilter(type=("PLAIN",))) == 3
    assert [(await get_job(bench.engine, CALLER, job["jobId"]))["status"] for job in jobs] == ["CANCELLED"] * 3
    assert (await get_job(bench.engine, CALLER, other["jobId"]))["status"] == "PENDING"
