"""Jobs that come back or go on: whose turn it is, and that nothing waits for ever."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from stepmill.engine.read import get_job, list_events
from stepmill.engine.rescue import rescue_dead
from stepmill.engine.retention import Retention
from stepmill.engine.stamp import stamp_events
from tests.engine.superuser import Superuser, begin, past_the_guards
from tests.support.engine import CALLER, Bench

TICKETS = "SELECT args ->> 'jobId' AS job FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"
HOLDER = "SELECT job_id, attempt FROM job_locks"
ALIVE = "INSERT INTO workers (worker_id, host, pid, version, types) VALUES ('w', 'h', 1, '0', %s)"


async def _reasons(bench: Bench, job_id: str) -> list[str]:
    events = (await list_events(bench.engine, CALLER, job_id, limit=100))["items"]
    return [event["data"]["reason"] for event in events if event["event"] == "status"]


async def _line(bench: Bench, superuser: Superuser, *types: str) -> list[str]:
    """Jobs of one lock: the first has ended, the lock is kept for the second, the others stand in line."""
    jobs = [(await bench.submit(each, params={"key": "k"}))["jobId"] for each in types]
    for job_id in jobs:
        begin(superuser, job_id)
    past_the_guards(superuser, "UPDATE procrastinate_jobs SET status = 'doing'")
    superuser.execute("SELECT finish_step_v1(%s, 1, 0::smallint, '{}', NULL)", (jobs[0],))
    assert superuser.execute(HOLDER).fetchall() == [(jobs[1], None)]
    past_the_guards(superuser, "UPDATE job_locks SET since = now() - interval '1 minute'")
    return jobs


def _sweep_locks(superuser: Superuser) -> None:
    superuser.execute("SELECT wake_waiting_v1(key, 30) FROM job_locks")


async def test_a_lock_stays_with_the_next_in_line_while_workers_are_busy(bench: Bench, superuser: Superuser) -> None:
    jobs = await _line(bench, superuser, "LOCKED", "LOCKED", "LOCKED")
    superuser.execute(ALIVE, (["LOCKED"],))
    for _ in range(3):
        _sweep_locks(superuser)
    assert superuser.execute(HOLDER).fetchall() == [(jobs[1], None)]
    assert await bench.rows(TICKETS) == [{"job": jobs[1]}]
    assert "is the next to have" in (await get_job(bench.engine, CALLER, jobs[2]))["waiting"]["message"]

    past_the_guards(superuser, "DELETE FROM procrastinate_jobs")
    _sweep_locks(superuser)
    assert await bench.rows(TICKETS) == [{"job": jobs[1]}], "a lost ticket is issued anew"


async def test_a_lock_goes_on_where_nobody_runs_the_next_in_line(bench: Bench, superuser: Superuser) -> None:
    jobs = await _line(bench, superuser, "LOCKED", "LOCKED", "LOCKED")
    _sweep_locks(superuser)
    assert superuser.execute(HOLDER).fetchall() == [(jobs[1], None)], "nobody runs the others either"
    past_the_guards(superuser, "UPDATE jobs SET type = 'PLAIN' WHERE job_id = %s", jobs[2])
    superuser.execute(ALIVE, (["PLAIN"],))
    _sweep_locks(superuser)
    assert superuser.execute(HOLDER).fetchall() == [(jobs[2], None)]
    assert (await _reasons(bench, jobs[1]))[-1] == "waiting_for_lock"
    assert (await _reasons(bench, jobs[2]))[-1] == "lock_released"


async def test_a_cancelled_job_gives_up_the_lock_that_is_kept_for_it(bench: Bench, superuser: Superuser) -> None:
    """It has begun before, and its always-steps need no lock."""
    jobs = await _line(bench, superuser, "LOCKED", "LOCKED", "LOCKED")
    past_the_guards(superuser, "UPDATE jobs SET attempt = 1 WHERE job_id = %s", jobs[1])
    past_the_guards(superuser, "UPDATE job_steps SET always = true WHERE job_id = %s", jobs[1])
    superuser.execute("SELECT cancel_v1(%s)", (jobs[1],))
    assert (await get_job(bench.engine, CALLER, jobs[1]))["status"] == "PENDING"
    assert superuser.execute(HOLDER).fetchall() == [(jobs[2], None)]


async def test_a_job_that_stood_aside_for_its_tenants_limit_goes_first_and_says_so(
    bench: Bench, superuser: Superuser
) -> None:
    first, aside, *_ = [(await bench.submit("PLAIN"))["jobId"] for _ in range(6)]
    begin(superuser, first)
    superuser.execute("SELECT begin_attempt_v1(%s, 'w', %s)", (aside, Jsonb({"*": 1})))
    past_the_guards(superuser, "DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = ANY(%s)", [first, aside])
    superuser.execute("SELECT rescue_v1(%s, 1, 'shutdown', 5)", (first,))
    claim = "SELECT args ->> 'jobId' FROM procrastinate_fetch_job_v2(NULL, NULL)"
    assert (aside,) in [superuser.execute(claim.encode()).fetchone() for _ in range(2)]
    assert (await _reasons(bench, aside))[-2:] == ["waiting_for_limit", "limit_released"]


async def test_a_step_that_loses_the_database_again_and_again_waits_longer_and_then_ends(
    bench: Bench, superuser: Superuser
) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]

    def lose(attempt: int) -> dict[str, Any]:
        past_the_guards(superuser, "UPDATE jobs SET run_at = now() - interval '1 s'")
        begin(superuser, job_id)
        superuser.execute("SELECT rescue_v1(%s, %s, 'database_lost', 5)", (job_id, attempt))
        ended = "(SELECT max(ended_at) FROM job_attempts)"
        row = superuser.execute(f"SELECT to_jsonb(j), run_at > {ended} FROM jobs j".encode()).fetchone()
        assert row is not None
        return {**row[0], "waits": row[1]}  # type: ignore[dict-item]

    assert lose(1)["waits"] is False
    second = lose(2)
    assert (second["waits"], second["failures"], second["crashes"]) == (True, 0, 0)
    past_the_guards(superuser, "UPDATE jobs SET run_at = now() + interval '1 minute'")  # it may have been a short one
    waiting = (await get_job(bench.engine, CALLER, job_id))["waiting"]
    assert (waiting["code"], waiting["message"].split(";")[0]) == (
        "backoff",
        "The database was lost 2 times in the same step",
    )
    for attempt in range(3, 20):
        assert lose(attempt)["status"] == "PENDING"
    ended = lose(20)
    assert (ended["status"], ended["error"]["code"]) == ("ERROR", "crashed_repeatedly")
    assert "lost 20 times in step One" in ended["error"]["message"]


async def test_a_job_whose_rescue_is_refused_keeps_no_other_from_it(bench: Bench, superuser: Superuser) -> None:
    broken, other = [(await bench.submit("PLAIN"))["jobId"] for _ in range(2)]
    begin(superuser, broken)
    begin(superuser, other)
    past_the_guards(superuser, "UPDATE job_event_counters SET last_seq = last_seq + 1 WHERE job_id = %s", broken)
    async with bench.database.autocommit() as conn:
        await rescue_dead(bench.engine, conn)
    assert (await get_job(bench.engine, CALLER, broken))["status"] == "RUNNING"
    assert (await get_job(bench.engine, CALLER, other))["status"] == "PENDING"


async def test_a_retry_takes_back_what_a_cancelled_back_off_left(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    error = Jsonb({"code": "x", "message": "x", "retryable": True})
    superuser.execute("SELECT fail_step_v1(%s, 1, 0::smallint, %s, 60, 60)", (job_id, error))
    superuser.execute("SELECT cancel_v1(%s)", (job_id,))
    superuser.execute("SELECT retry_v1(%s, NULL)", (job_id,))
    assert superuser.execute("SELECT FROM job_steps WHERE error IS NOT NULL").rowcount == 0


@pytest.mark.parametrize("setting", ["job_days", "event_days"])
async def test_nothing_is_pruned_early_by_a_worker_whose_clock_is_fast(
    bench: Bench, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fast(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2999, 1, 1, tzinfo=tz)

    monkeypatch.setattr("stepmill.engine.retention.datetime", Fast)
    setattr(bench.settings, setting, 7)
    async with bench.worker():
        job_id = (await bench.submit("PLAIN"))["jobId"]
        await bench.follow(job_id)
        await Retention(bench.engine).prune()
        assert "submitted" in await _reasons(bench, job_id)


async def test_a_rescued_job_leaves_no_ticket_that_takes_a_place_of_its_type(
    bench: Bench, superuser: Superuser
) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    superuser.execute("SELECT procrastinate_fetch_job_v2(NULL, NULL)")
    begin(superuser, job_id)
    superuser.execute("SELECT rescue_v1(%s, 1, 'crashed', 5)", (job_id,))
    assert await bench.rows("SELECT status::text FROM procrastinate_jobs") == [{"status": "todo"}]


async def test_a_job_at_its_tenants_limit_gets_no_ticket_because_its_lock_is_kept(
    bench: Bench, superuser: Superuser
) -> None:
    jobs = await _line(bench, superuser, "LOCKED", "LOCKED", "LOCKED")
    superuser.execute(ALIVE, (["LOCKED"],))
    other = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, other)
    superuser.execute("SELECT begin_attempt_v1(%s, 'w', %s)", (jobs[1], Jsonb({"*": 1})))
    past_the_guards(superuser, "DELETE FROM procrastinate_jobs")
    _sweep_locks(superuser)
    assert await bench.rows(TICKETS) == []


async def test_a_job_whose_lock_document_is_looked_at_now_says_what_it_waits_for_now(
    bench: Bench, superuser: Superuser
) -> None:
    job_id = (await bench.submit("WITH_DOCUMENT"))["jobId"]
    begin(superuser, job_id)
    superuser.execute('SELECT wait_for_document_v1(%s, 1, 0::smallint, \'{"code": "lock_document"}\', 60)', (job_id,))
    assert (await get_job(bench.engine, CALLER, job_id))["waiting"]["code"] == "lock_document"
    past_the_guards(superuser, "UPDATE jobs SET run_at = now() - interval '1 minute'")
    assert (await get_job(bench.engine, CALLER, job_id))["waiting"]["code"] == "no_worker"


async def test_several_processes_that_number_the_feed_are_in_nobodys_way(bench: Bench) -> None:
    async def stamp() -> int:
        count = 0
        async with bench.database.autocommit() as conn:
            while count < 200 and not done.is_set():
                count += await stamp_events(conn)
        return count

    done = asyncio.Event()
    stampers = [asyncio.create_task(stamp()) for _ in range(2)]
    for _ in range(60):
        await bench.submit("PLAIN")
    done.set()
    await asyncio.gather(*stampers)
