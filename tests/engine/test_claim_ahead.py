"""What a job's end, or a claim, has begun for a worker is run by it, given back, or ended; never left lying."""

import pytest

from stepmill.engine import claim_ahead, take_tickets, worker
from stepmill.engine.backends import tickets_name
from stepmill.engine.read import get_job
from stepmill.engine.run_job import JobRunner
from stepmill.engine.sweep import Sweeper
from tests.engine import job_types
from tests.support.engine import CALLER, Bench

_CLAIM = "SELECT (ticket).args ->> 'jobId' AS job_id FROM claim_v1(%s, 1, 1, %s)"
_TAKE = "SELECT args ->> 'jobId' AS job_id FROM procrastinate_fetch_job_v2(%s, NULL)"
_LOOKED = """
SELECT FROM pg_stat_activity, stepmill.jobs WHERE application_name = 'stepmill:tickets:worker-1' AND state = 'idle'
    AND starts_with(query, 'SELECT') AND query_start > finished_at AND job_id = %s
"""
_AT_GATE = "SELECT FROM stepmill.job_steps WHERE name = 'Wait' AND status = 'RUNNING' HAVING count(*) = %s"


async def test_an_end_whose_answer_a_frozen_worker_does_not_take_keeps_nobody(bench: Bench) -> None:
    ending = (await bench.submit("TALKATIVE", priority=5))["jobId"]
    following = (await bench.submit("PLAIN", params={"key": "x" * 900_000}))["jobId"]
    await bench.rows("INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '1', '{}')")
    await bench.rows(_CLAIM, ["TALKATIVE"], "w")
    frozen = await bench.database.connect(application_name="stepmill:worker", role="stepmill_engine")
    frozen.pgconn.send_query_params(
        b"SELECT following, begun FROM finish_and_claim_v1($1, 1, 0::smallint, '{}', NULL, '{PLAIN}', 1, 'w')",
        [ending.encode()],
    )
    stuck = "SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'ClientWrite'"
    await bench.until(stuck, tickets_name("w"))
    await bench.rows("UPDATE workers SET last_seen_at = '-infinity' WHERE worker_id = 'w'")
    bench.settings.dead_after_seconds = 0.0
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)
    await frozen.close()
    assert (await get_job(bench.engine, CALLER, ending))["crashes"] == 1
    bench.settings.dead_after_seconds = 2.5
    async with bench.worker():
        for job_id in (ending, following):
            assert (await bench.follow(job_id))["status"] == "DONE"
    assert (await get_job(bench.engine, CALLER, following))["crashes"] == 0


async def test_what_was_begun_and_taken_away_meanwhile_is_not_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that was frozen between the claim and the run."""
    monkeypatch.setattr(claim_ahead, "_FRESH_SECONDS", 0.0)
    run = JobRunner.run

    async def late(self: JobRunner, job_id: str, *args: object) -> str | None:
        await bench.rows("SELECT rescue_v1(%s, 1, 'crashed', 5)", job_id)
        return await run(self, job_id, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(JobRunner, "run", late)
    job_id = (await bench.submit("PLAIN"))["jobId"]
    async with bench.worker():
        assert (await bench.follow(job_id))["status"] == "DONE"
    assert job_types.CALLS.count(f"{job_id}/one") == 1


async def test_what_was_claimed_and_not_taken_away_runs_however_late(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_ahead, "_FRESH_SECONDS", 0.0)
    job_ids = [(await bench.submit("PLAIN"))["jobId"] for _ in range(5)]
    async with bench.worker():
        for job_id in job_ids:
            assert (await bench.follow(job_id))["status"] == "DONE"
    assert await bench.rows("SELECT 1 FROM job_attempts WHERE attempt > 1") == []


async def test_what_a_lost_answer_claimed_is_given_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_UNKNOWN_SECONDS", 1e9)
    async with bench.worker() as one:
        await bench.until("SELECT FROM stepmill.workers")
        lost = (await bench.submit("PLAIN", run_at="2999-01-01T00:00:00Z"))["jobId"]
        await bench.rows("UPDATE jobs SET run_at = clock_timestamp() WHERE job_id = %s", lost)
        await bench.rows("SELECT begin_attempt_v1(%s, 'worker-1')", lost)  # whose answer nobody has
        assert one._tickets._queue is not None
        one._tickets._queue.unsure()
        assert (await bench.follow(lost))["status"] == "DONE"


async def test_a_worker_that_leaves_gives_back_what_it_never_heard_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_UNKNOWN_SECONDS", 1e9)
    lost = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'worker-1')", lost)
    async with bench.worker():
        await bench.until("SELECT FROM stepmill.workers")
    [job] = await bench.rows("SELECT status::text, crashes, losses FROM jobs WHERE job_id = %s", lost)
    assert job == {"status": "PENDING", "crashes": 0, "losses": 0}


async def test_a_ticket_that_an_end_brings_wakes_the_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both places are free when it comes, and the look that one of them made has found nothing."""
    monkeypatch.setattr(take_tickets, "_TICKET_POLL_SECONDS", 1e9)
    bench.settings.worker_concurrency = 2
    slow = """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END $$"""
    ends = [(await bench.submit("WITH_RELEASE", params={"key": f"end {n}"}, priority=9))["jobId"] for n in range(2)]
    async with bench.worker() as one, await bench.database.connect(application_name="t", role=None) as holder:
        await bench.until(_AT_GATE, 2)
        bench.past_the_guards(slow)
        bench.past_the_guards("CREATE TRIGGER slow AFTER INSERT ON job_attempts FOR EACH ROW EXECUTE FUNCTION slow()")
        await holder.execute("SELECT pg_advisory_lock(42)")
        assert one._tickets._queue is not None
        one._tickets._queue._has_more = True
        last = (await bench.submit("PLAIN"))["jobId"]
        job_types.gate("end 0").set()
        await bench.until("SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted")
        job_types.gate("end 1").set()
        await bench.follow(ends[1])
        await bench.until(_LOOKED, ends[1])
        await holder.execute("SELECT pg_advisory_unlock(42)")
        assert (await bench.follow(last))["status"] == "DONE"
    assert await bench.rows("SELECT 1 FROM job_attempts WHERE attempt > 1") == []  # it did not lie begun until missed


async def test_a_claim_locks_no_ticket_that_it_does_not_take(bench: Bench) -> None:
    first = (await bench.submit("PLAIN", priority=10))["jobId"]
    last = (await bench.submit("PLAIN", priority=-10))["jobId"]
    between = (await bench.submit("TALKATIVE"))["jobId"]
    types = ["PLAIN", "TALKATIVE"]
    async with (
        bench.database.transaction("stepmill_engine") as one,
        bench.database.transaction("stepmill_engine") as other,
    ):
        assert await (await one.execute(_TAKE, (types,))).fetchall() == [{"job_id": first}]
        assert await (await other.execute(_TAKE, (types,))).fetchall() == [{"job_id": between}]
        assert await bench.rows(_TAKE, types) == [{"job_id": last}]
