"""Who runs next, who stands in line, and what a full house says."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from stepmill.engine.alone import alone
from stepmill.engine.read import get_job
from stepmill.engine.rescue import declare_dead
from stepmill.engine.sweep import Sweeper
from tests.engine import job_types
from tests.support.engine import CALLER, Bench


def _runs(name: str) -> Any:
    return lambda event: event.kind == "step" and (event.data["name"], event.data["status"]) == (name, "RUNNING")


async def test_higher_priority_first_then_the_older(bench: Bench) -> None:
    bench.settings.worker_concurrency = 1
    jobs = [(await bench.submit("PLAIN", priority=priority))["jobId"] for priority in (0, -100, 100, 0, 7)]
    async with bench.worker():
        for job_id in jobs:
            await bench.follow(job_id)
    begun = [call.removesuffix("/one") for call in job_types.CALLS if call.endswith("/one")]
    assert begun == [jobs[index] for index in (2, 4, 0, 3, 1)]


@pytest.mark.parametrize("priority", [-101, 101])
async def test_priorities_end_at_100(bench: Bench, priority: int) -> None:
    with pytest.raises(ValueError, match="priority"):
        await bench.submit("PLAIN", priority=priority)


async def test_a_run_at_in_the_past_means_now(bench: Bench) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    async with bench.worker():
        job = await bench.submit("PLAIN", runAt=past.isoformat())
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"


async def test_only_due_jobs_stand_in_line_for_a_lock(bench: Bench) -> None:
    later = await bench.submit(
        "LOCKED", params={"key": "due"}, runAt=(datetime.now(UTC) + timedelta(days=1)).isoformat()
    )
    job_types.gate("due").set()
    async with bench.worker():
        now = await bench.submit("LOCKED", params={"key": "due"}, priority=-100)
        assert (await bench.follow(now["jobId"]))["status"] == "DONE"
    assert (await get_job(bench.engine, CALLER, later["jobId"]))["waiting"]["code"] == "run_at"


async def test_a_job_that_waits_for_a_lock_takes_no_worker_slot(bench: Bench) -> None:
    bench.settings.worker_concurrency = 2
    async with bench.worker():
        holder = await bench.submit("LOCKED_LATE", params={"key": "slot"})
        await bench.follow(holder["jobId"], until=_runs("Wait"))
        waiter = await bench.submit("LOCKED_LATE", params={"key": "slot"})
        await bench.follow(waiter["jobId"], until=lambda e: (e.data.get("waiting") or {}).get("code") == "lock")
        assert (await get_job(bench.engine, CALLER, waiter["jobId"]))["status"] == "RUNNING"
        other = await bench.submit("PLAIN")
        assert (await bench.follow(other["jobId"]))["status"] == "DONE"
        job_types.gate("slot").set()
        assert (await bench.follow(waiter["jobId"]))["status"] == "DONE"
    assert job_types.CALLS.count(f"{waiter['jobId']}/one") == 1


async def test_all_slots_taken_is_said(bench: Bench) -> None:
    bench.settings.worker_concurrency = 1
    async with bench.worker():
        running = await bench.submit("WITH_RELEASE", params={"key": "full"})
        await bench.follow(running["jobId"], until=_runs("Wait"))
        await bench.until("SELECT FROM stepmill.workers WHERE running_jobs = 1")
        waiting = (await bench.submit("PLAIN"))["waiting"]
        assert waiting["code"] == "workers_busy"
        assert waiting["message"] == "All 1 worker slots for PLAIN are taken; it starts when one is free."
        job_types.gate("full").set()


async def test_a_crashed_holders_lock_goes_to_the_next_in_line(bench: Bench) -> None:
    """The rescue itself lets the next go; the crashed job stands in line anew, behind it."""
    holder, waiter = [(await bench.submit("LOCKED", params={"key": "crash"}))["jobId"] for _ in range(2)]
    begin = "SELECT begin_attempt_v1(%s, 'of-nobody') ->> 'outcome' AS outcome"
    assert await bench.rows(begin, holder) == [{"outcome": "run"}]
    assert await bench.rows(begin, waiter) == [{"outcome": "waiting"}]
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)
    assert await bench.rows("SELECT job_id FROM job_locks") == [{"job_id": waiter}]
    job_types.gate("crash").set()
    async with bench.worker():
        for job_id in (waiter, holder):
            assert (await bench.follow(job_id))["status"] == "DONE"
    ended = [(await get_job(bench.engine, CALLER, job_id))["finishedAt"] for job_id in (waiter, holder)]
    assert ended == sorted(ended)


async def test_one_sweeper_at_a_time(bench: Bench) -> None:
    """Who finds the sweep taken leaves the sweep to its holder."""
    lost = await bench.submit("PLAIN")
    await bench.rows("DELETE FROM procrastinate_jobs")
    await bench.rows("UPDATE jobs SET run_at = run_at - interval '1 minute'")
    sweeper = Sweeper(bench.engine)
    tickets = "SELECT args ->> 'jobId' AS job FROM procrastinate_jobs"
    async with bench.database.autocommit() as holder:
        await holder.execute("UPDATE duties SET held_by = pg_backend_pid(), held_since = now() WHERE name = 'sweep'")
        await sweeper._turn()
        assert await bench.rows(tickets) == []
        await holder.execute("UPDATE duties SET held_by = NULL WHERE name = 'sweep'")
        await sweeper._turn()
        assert await bench.rows(tickets) == [{"job": lost["jobId"]}]


async def test_a_duty_is_free_when_its_session_is_gone(bench: Bench) -> None:
    """Killed in its duty, or with the server; and a reader's advisory locks hold none."""
    hold = "UPDATE duties SET held_by = %s, held_since = %s WHERE name = 'sweep'"
    async with bench.database.autocommit() as other:
        await other.execute("SELECT pg_advisory_lock(50410001), pg_advisory_lock(50410002)")
        here = (await (await other.execute("SELECT pg_backend_pid() AS pid")).fetchone() or {})["pid"]
        for holder, since, is_free in (
            (here, "now", False),
            (999_999_999, "now", True),
            (here, "-infinity", True),
            (None, None, True),
        ):
            await bench.rows(hold, holder, since)
            async with alone(bench.database, "sweep", hold_at_most="10s") as conn:
                assert (conn is not None) == is_free
                async with alone(bench.database, "sweep", hold_at_most="10s") as second:
                    assert second is None
        await other.execute("SELECT pg_advisory_unlock_all()")


async def test_a_process_that_fails_in_its_duty_gives_it_up(bench: Bench) -> None:
    with pytest.raises(ZeroDivisionError):
        async with alone(bench.database, "housekeeping", hold_at_most="10s"):
            raise ZeroDivisionError
    await bench.until(
        "SELECT FROM stepmill.duties WHERE name = 'housekeeping'"
        " AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = held_by)"
    )
    async with alone(bench.database, "housekeeping", hold_at_most="10s") as conn:
        assert conn is not None


async def test_an_api_sweeps_only_where_no_worker_does(bench: Bench) -> None:
    lost = await bench.submit("PLAIN")
    await bench.rows("DELETE FROM procrastinate_jobs")
    await bench.rows("UPDATE jobs SET run_at = run_at - interval '1 minute'")
    await bench.rows(
        "INSERT INTO workers (worker_id, host, pid, version, types, concurrency) VALUES ('alive', '', 1, '0', '{}', 1)"
    )
    bench.settings.sweep_seconds = 0.0
    looks: list[str] = []
    two_looks = asyncio.Event()

    class Looking(Sweeper):
        async def _is_needed(self, conn: AsyncConnection[DictRow]) -> bool:
            looks.append("look")
            if len(looks) > 1:  # the answer to the first was no, and has been acted upon
                two_looks.set()
            return await super()._is_needed(conn)

    tickets = "SELECT args ->> 'jobId' AS job FROM procrastinate_jobs"
    api = asyncio.create_task(Looking(bench.engine, only_stands_in=True).run())
    try:
        await asyncio.wait_for(two_looks.wait(), 10)
        assert await bench.rows(tickets) == []
        await declare_dead(bench.engine, "alive")
        async with asyncio.timeout(10):
            while await bench.rows(tickets) != [{"job": lost["jobId"]}]:
                await asyncio.sleep(0.02)
    finally:
        api.cancel()
        await asyncio.gather(api, return_exceptions=True)


async def test_a_claim_reads_the_queue_in_its_order_however_long_it_is(bench: Bench) -> None:
    """Never a sort of every ticket, which is what the planner makes of a table that it knows little about."""
    await bench.rows(
        "SELECT procrastinate_defer_jobs_v1(array_agg(ROW('PLAIN', 'none', 0, NULL, NULL, '{}', NULL)"
        "::procrastinate_job_to_defer_v1)) FROM generate_series(1, 3000)"
    )
    await bench.rows("DELETE FROM procrastinate_jobs WHERE mod(id, 3) > 0")
    worker = (await bench.rows("SELECT * FROM procrastinate_register_worker_v1()"))[0]["worker_id"]
    read = "SELECT idx_tup_fetch + seq_tup_read AS n FROM pg_stat_xact_user_tables WHERE relname = 'procrastinate_jobs'"
    async with bench.database.transaction("stepmill_engine") as conn:
        before = await (await conn.execute(read)).fetchone()
        for _ in range(5):
            await conn.execute("SELECT * FROM procrastinate_fetch_job_v2('{PLAIN}', %s)", (worker,))
        after = await (await conn.execute(read)).fetchone()
    assert before is not None
    assert after is not None
    assert after["n"] - before["n"] < 100


async def test_a_session_whose_duty_was_taken_over_keeps_none_of_its_limits(bench: Bench) -> None:
    async with alone(bench.database, "sweep", hold_at_most="10s") as conn:
        assert conn is not None
        await bench.rows("UPDATE duties SET held_by = -1 WHERE name = 'sweep'")
    limits = "SELECT current_setting('lock_timeout') AS lock, current_setting('idle_session_timeout') AS idle"
    assert await (await conn.execute(limits)).fetchone() == {"lock": "0", "idle": "0"}
    await bench.rows("UPDATE duties SET held_by = NULL")
