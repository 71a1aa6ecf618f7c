"""Workers die, freeze and are told to stop; tickets are lost and doubled."""

import asyncio
from contextlib import AsyncExitStack

import psycopg
import pytest

from stepmill.engine import housekeeping, rescue
from stepmill.engine.backends import end_backends, tickets_name
from stepmill.engine.housekeeping import Housekeeper
from stepmill.engine.hub_readers import Event
from stepmill.engine.read import get_job
from stepmill.engine.rescue import declare_dead
from stepmill.engine.sweep import Sweeper
from stepmill.gateways.sql.answered import answered
from stepmill.gateways.sql.database import Database
from tests.engine import job_types
from tests.support.engine import CALLER, Bench


def _waits_at_gate(event: Event) -> bool:
    return event.kind == "step" and (event.data["name"], event.data["status"]) == ("Wait", "RUNNING")


async def _find_dead(bench: Bench, worker_id: str) -> None:
    await declare_dead(bench.engine, worker_id)
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)


async def test_a_dead_workers_job_goes_on_with_another_worker(bench: Bench) -> None:
    async with bench.worker("first") as first:
        job = await bench.submit("WITH_RELEASE", params={"key": "dead"})
        await bench.follow(job["jobId"], until=_waits_at_gate)
        [old] = first._runner.running
        await _find_dead(bench, "first")
        assert (await get_job(bench.engine, CALLER, job["jobId"]))["crashes"] == 1
        await asyncio.wait_for(asyncio.shield(old.interruption.happened), 10)
        job_types.gate("dead").set()
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert job_types.CALLS.count(f"{job['jobId']}/one") == 1


async def test_a_worker_told_to_stop_hands_its_job_back(bench: Bench) -> None:
    async with bench.worker("stops"):
        job = await bench.submit("WITH_RELEASE", params={"key": "stops"})
        await bench.follow(job["jobId"], until=_waits_at_gate)
    handed_back = await get_job(bench.engine, CALLER, job["jobId"])
    assert (handed_back["status"], handed_back["crashes"], handed_back["failures"]) == ("PENDING", 0, 0)
    job_types.gate("stops").set()
    async with bench.worker("next"):
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"


async def test_crashes_in_one_step_without_progress_end_the_job_after_its_always_steps(bench: Bench) -> None:
    bench.settings.max_crashes = 2
    job = await bench.submit("WITH_RELEASE", params={"key": "crashes"})
    async with bench.worker("crasher"):
        for attempt in (1, 2):
            await bench.follow(job["jobId"], until=lambda e, n=attempt: _waits_at_gate(e) and e.data["attempt"] == n)
            await _find_dead(bench, "crasher")
        end = await bench.follow(job["jobId"])
    assert end["error"]["code"] == "crashed_repeatedly"
    assert f"{job['jobId']}/release" in job_types.CALLS


async def test_lost_and_doubled_tickets_do_no_harm(bench: Bench) -> None:
    lost = await bench.submit("PLAIN")
    doubled = await bench.submit("PLAIN")
    async with bench.database.autocommit() as conn:
        await conn.execute("DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = %s", (lost["jobId"],))
        await conn.execute("SELECT issue_ticket_v1(j) FROM jobs j WHERE job_id = %s", (doubled["jobId"],))
    async with bench.worker():
        assert (await bench.follow(doubled["jobId"]))["status"] == "DONE"
        assert (await bench.follow(lost["jobId"]))["status"] == "DONE"
    assert job_types.CALLS.count(f"{doubled['jobId']}/one") == 1


async def test_a_ticket_that_was_taken_and_is_not_used_holds_no_job_up(bench: Bench) -> None:
    """The answer to the claim was lost on its way, or its worker died before it began."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("UPDATE procrastinate_jobs SET status = 'doing', taken_at = clock_timestamp()")
    async with bench.worker():
        assert (await bench.follow(job_id))["status"] == "DONE"


async def test_the_ticket_of_a_job_that_runs_stays_however_long_it_runs(bench: Bench) -> None:
    bench.settings.dead_after_seconds = 1.0
    async with bench.worker():
        job_id = (await bench.submit("WITH_RELEASE", params={"key": "long"}))["jobId"]
        await bench.until("SELECT FROM stepmill.jobs WHERE job_id = %s AND status = 'RUNNING'", job_id)
        await bench.rows("UPDATE procrastinate_jobs SET taken_at = '-infinity'")
        await bench.rows("DELETE FROM procrastinate_workers")
        await bench.rows("SELECT drop_idle_tickets_v1(0)")
        assert len(await bench.rows("SELECT 1 FROM procrastinate_jobs WHERE status = 'doing'")) == 1
        job_types.gate("long").set()
        await bench.follow(job_id)


async def test_a_worker_that_the_queue_has_forgotten_takes_tickets_all_the_same(bench: Bench) -> None:
    """As after it was frozen for long, while another worker began and put the queue's book in order."""
    async with bench.worker():
        await bench.follow((await bench.submit("PLAIN"))["jobId"])
        await bench.rows("DELETE FROM procrastinate_workers")
        assert (await bench.follow((await bench.submit("PLAIN"))["jobId"]))["status"] == "DONE"


async def test_the_database_refuses_other_moves(bench: Bench) -> None:
    async with bench.worker():
        job = await bench.submit("PLAIN")
        await bench.follow(job["jobId"])
    async with bench.database.autocommit() as conn:
        for statement in (
            "UPDATE jobs SET status = 'RUNNING' WHERE job_id = %s",
            "UPDATE jobs SET status = 'PENDING' WHERE job_id = %s",
            "UPDATE job_steps SET status = 'PENDING' WHERE job_id = %s",
            "UPDATE job_steps SET status = 'RUNNING' WHERE job_id = %s",
        ):
            with pytest.raises(psycopg.errors.CheckViolation):
                await conn.execute(statement.encode(), (job["jobId"],))
        with pytest.raises(psycopg.Error) as refused:
            await conn.execute("SELECT finish_step_v1(%s, 1, 0::smallint, '{}', NULL)", (job["jobId"],))
        assert refused.value.sqlstate == "SM001"


async def test_moves_are_guarded_whatever_the_search_path(bench: Bench) -> None:
    """As in psql, where nobody sets it."""
    async with bench.worker():
        job = await bench.submit("PLAIN")
        await bench.follow(job["jobId"])
    async with await bench.database.connect(application_name="tests:psql", role="stepmill_engine") as conn:
        await conn.execute("SET search_path = public")
        with pytest.raises(psycopg.errors.CheckViolation, match="can't go from DONE to PENDING"):
            await conn.execute("UPDATE stepmill.job_steps SET status = 'PENDING' WHERE job_id = %s", (job["jobId"],))


async def test_every_function_says_where_its_tables_are(bench: Bench) -> None:
    rows = await bench.rows(
        "SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
        " WHERE p.pronamespace = 'stepmill'::regnamespace AND l.lanname = 'plpgsql'"
        " AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=stepmill, pg_temp']"
        r" AND (p.prosrc ~ '(FROM|JOIN|INTO|UPDATE|PERFORM)\s+(jobs?|refuse|is_at)(_|\M)' OR p.prosrc !~ 'stepmill\.')"
    )
    assert rows == []


async def test_a_process_that_is_frozen_in_what_it_does_alone_does_not_keep_the_others_from_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "_HOLD_AT_MOST", "100ms")
    for pause in ("_FIRST_SECONDS", "_EVERY_SECONDS"):
        monkeypatch.setattr(housekeeping, pause, 0.01)
    holding, never = asyncio.Event(), asyncio.Event()

    async def freeze() -> None:
        holding.set()
        await never.wait()

    frozen = asyncio.create_task(Housekeeper(bench.engine, [freeze]).run())
    await asyncio.wait_for(holding.wait(), 20)
    swept = asyncio.Event()

    async def tell() -> None:
        swept.set()

    other = asyncio.create_task(Housekeeper(bench.engine, [tell]).run())
    try:
        await asyncio.wait_for(swept.wait(), 20)
    finally:
        for task in (frozen, other):
            task.cancel()
        await asyncio.gather(frozen, other, return_exceptions=True)


async def test_housekeeping_that_is_stopped_in_the_middle_of_a_statement_ends_and_lets_go(bench: Bench) -> None:
    async with bench.database.transaction("stepmill_engine") as conn:
        await conn.execute("LOCK idempotency_keys IN ACCESS EXCLUSIVE MODE")  # it waits for that
        keeping = asyncio.create_task(Housekeeper(bench.engine).run())
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'idempotency_keys'::regclass"
        async with bench.database.autocommit() as other:
            while (await other.execute(waiting)).rowcount == 0:
                await asyncio.sleep(0.02)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(keeping, 10)
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    following = asyncio.create_task(Housekeeper(bench.engine, [tell]).run())
    await asyncio.wait_for(told.wait(), 10)
    following.cancel()


async def test_nobody_is_dead_for_having_said_nothing_to_a_server_that_was_not_there(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'quiet')", job_id)
    up = (await bench.rows("SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8 AS up"))[0]["up"]
    await bench.rows(
        "INSERT INTO workers (worker_id, host, pid, version, types, last_seen_at)"
        " VALUES ('quiet', 'h', 1, '1', '{}', pg_postmaster_start_time() - interval '1 day')"
    )
    bench.past_the_guards("UPDATE job_attempts SET started_at = pg_postmaster_start_time() - interval '1 day'")
    assert await bench.rows(rescue._DEAD, up + 3600) == []
    assert [row["job_id"] for row in await bench.rows(rescue._DEAD, up / 2)] == [job_id]
    await bench.rows("UPDATE workers SET last_seen_at = '-infinity'")
    assert [row["job_id"] for row in await bench.rows(rescue._DEAD, up + 3600)] == [job_id]


async def test_a_claim_whose_answer_nobody_takes_is_ended(bench: Bench) -> None:
    """It would hold its jobs, and all claims of limited types, for as long as the server waits to send.

    A worker may be alive, and only its connection cut. A claim of a living one that waits for something else stays.
    """
    insert = (
        "INSERT INTO workers (worker_id, host, pid, version, types, last_seen_at)"
        " VALUES (%s, 'h', 1, '1', '{PLAIN}', clock_timestamp() + interval '1 hour')"
    )
    unread = b"UPDATE procrastinate_jobs SET args = args RETURNING repeat('x', 100000000)"
    waiting = b"UPDATE procrastinate_jobs SET args = args WHERE pg_sleep(600) IS NULL"
    claims = {"frozen": waiting, "cut off": unread, "alive": waiting}
    for _ in claims:  # a row for each
        await bench.submit("PLAIN")
    theirs = (
        "FROM pg_stat_activity WHERE starts_with(application_name, 'stepmill:tickets:')"
        " AND datname = current_database()"
    )
    bench.settings.dead_after_seconds = 0.0  # so long, too, must a claim have run
    async with AsyncExitStack() as connections:
        for worker_id, claim in claims.items():
            await bench.rows(insert, worker_id)
            conn = await bench.database.connect(application_name=tickets_name(worker_id), role=None)
            connections.push_async_callback(conn.close)  # a rollback would have to wait for the answer
            conn.pgconn.send_query(claim)
        await bench.until(f"SELECT 1 {theirs} AND wait_event IN ('PgSleep', 'ClientWrite') HAVING count(*) = 3")
        await _find_dead(bench, "frozen")
        async with await bench.database.connect(application_name="tests", role=None) as looking:
            left = await (await looking.execute(f"SELECT application_name {theirs}")).fetchall()
        assert [row["application_name"] for row in left] == [tickets_name("alive")]


async def test_a_worker_whose_beats_do_not_come_through_lives_as_long_as_it_begins_jobs(bench: Bench) -> None:
    await bench.rows("""INSERT INTO workers (worker_id, host, pid, version, types, concurrency, last_seen_at)
        VALUES ('cut-off', 'h', 1, '1', '{PLAIN}', 1, clock_timestamp() - interval '1 minute') RETURNING 1 AS n""")
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'cut-off')", job_id)
    async with bench.database.autocommit() as conn:
        await rescue.rescue_dead(bench.engine, conn)
    assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 0
    bench.past_the_guards("UPDATE job_attempts SET started_at = clock_timestamp() - interval '1 minute'")
    bench.settings.dead_after_seconds = 0.0
    async with bench.database.autocommit() as conn:
        await rescue.rescue_dead(bench.engine, conn)
    assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 1


async def test_a_job_whose_ticket_was_lost_is_served_with_the_next(bench: Bench) -> None:
    jobs = [(await bench.submit("PLAIN"))["jobId"] for _ in range(5)]
    bench.past_the_guards("DELETE FROM procrastinate_jobs WHERE args ->> 'jobId' = %s", jobs[0])
    bench.past_the_guards("UPDATE jobs SET run_at = run_at - interval '2 seconds'")
    await bench.rows("SELECT issue_missing_tickets_v1('', 500)")
    bench.settings.worker_concurrency = 1
    async with bench.worker():
        for job_id in jobs:
            await bench.follow(job_id)
    served = await bench.rows("SELECT job_id FROM jobs ORDER BY started_at")
    assert jobs[0] in [row["job_id"] for row in served[:2]]


async def test_nobody_is_judged_just_after_the_database_stood_still(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'gone')", job_id)
    sweeper = Sweeper(bench.engine)
    sweeper._reached_at -= 60  # as if the turn before had waited for a server that was frozen
    await sweeper._turn()
    assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 0
    await sweeper._turn()
    assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 1


async def test_a_statement_that_is_not_answered_in_time_ends_with_its_connection(bench: Bench) -> None:
    conn = await bench.database.connect(application_name="unanswered", role=None)
    with pytest.raises(TimeoutError):
        await answered(0.2, conn.execute("SELECT pg_sleep(600)"))
    assert conn.closed
    async with await bench.database.connect(application_name="answered", role=None) as other:
        assert (await answered(20, other.execute("SELECT 1"))).rowcount == 1
        with pytest.raises(psycopg.errors.DivisionByZero):
            await answered(20, other.execute("SELECT 1 / 0"))


async def test_a_ticket_that_is_lost_with_its_worker_comes_back_however_many_wait(bench: Bench) -> None:
    await bench.rows(
        "SELECT submit_v1(jsonb_build_object('jobId', 'job_0' || n, 'tenantId', 'local', 'envId', 'default', 'type',"
        " 'PLAIN', 'params', '{}'::jsonb, 'steps', '[]'::jsonb, 'maxAttempts', 1, 'priority', 0, 'resultStep', 0,"
        " 'createdBy', 'test')) FROM generate_series(1, 1200) AS n"
    )
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("UPDATE jobs SET run_at = run_at - interval '1 minute'")
    taken = "UPDATE procrastinate_jobs SET status = 'doing', taken_at = '-infinity' WHERE args ->> 'jobId' = %s"
    await bench.rows(taken, job_id)
    async with bench.database.autocommit() as conn:
        await Sweeper(bench.engine).sweep(conn)
    ticket = "SELECT status, returns FROM procrastinate_jobs WHERE args ->> 'jobId' = %s"
    assert await bench.rows(ticket, job_id) == [{"status": "todo", "returns": True}]


async def test_all_jobs_of_a_dead_worker_are_rescued_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settings.worker_concurrency = 30
    bench.settings.sweep_seconds = 3600.0
    asked: list[int] = []

    async def counted(database: Database, *names: str, give_up_seconds: float) -> None:
        asked.append(len(names))
        await end_backends(database, *names, give_up_seconds=give_up_seconds)

    monkeypatch.setattr(rescue, "end_backends", counted)
    async with bench.worker("many"):
        jobs = [(await bench.submit("WITH_RELEASE", params={"key": "many"}))["jobId"] for _ in range(20)]
        for job_id in jobs:
            await bench.until("SELECT FROM stepmill.jobs WHERE job_id = %s AND status = 'RUNNING'", job_id)
        await _find_dead(bench, "many")
        assert asked == [20, 20]
        job_types.gate("many").set()
        for job_id in jobs:
            assert (await bench.follow(job_id))["status"] == "DONE"
            assert (await get_job(bench.engine, CALLER, job_id))["crashes"] == 1
