"""What runs for every job costs the same however many jobs there are, and leaves nothing behind."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from tests.engine.job_types import gate
from tests.support.database import DatabaseServer
from tests.support.engine import Bench

HOT = {
    "procrastinate_fetch_job_v2",
    "procrastinate_finish_job_v1",
    "begin_attempt_v1",
    "finish_step_v1",
    "fail_step_v1",
    "report_v1",
    "submit_batch_v1",
}


@pytest.fixture
def engine_conn(database_server: DatabaseServer, database_url: str) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    url = database_server.url_of(str(conninfo_to_dict(database_url)["dbname"]), user="postgres")
    with psycopg.connect(url, autocommit=True, options="-c search_path=stepmill") as conn:
        yield conn


def job(number: int) -> Jsonb:
    given: dict[str, object] = {"jobId": f"job{number:06d}", "tenantId": "t", "envId": "e", "type": "T", "params": {}}
    given |= {"steps": [{"name": name, "always": False} for name in ("One", "Two")], "maxAttempts": 1, "priority": 0}
    return Jsonb(given | {"resultStep": 1, "createdBy": "test"})


def rows_read(conn: "psycopg.Connection[tuple[Any, ...]]") -> int:
    """Rows of `jobs` that the transaction under way has read, by whatever way."""
    row = conn.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'stepmill.jobs'::regclass"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_submission_looks_at_no_other_job(engine_conn: "psycopg.Connection[tuple[Any, ...]]") -> None:
    submit = "SELECT submit_batch_v1(%s::jsonb[])"
    # Plans that are made once are made after the fifth call, and here while the tables are still small.
    for number in range(8):
        engine_conn.execute(submit, ([job(number)],))
    engine_conn.execute(submit, ([job(number) for number in range(100, 5_100)],))
    for size in (1, 100):
        with engine_conn.transaction():
            before = rows_read(engine_conn)
            jobs = [job(10_000 * size + number) for number in range(size)]
            engine_conn.execute(submit, (jobs,))
            # Foreign keys look each job up, once for each row that refers to it.
            assert rows_read(engine_conn) - before <= 10 * size


def test_claims_and_steps_read_their_own_job_alone(engine_conn: "psycopg.Connection[tuple[Any, ...]]") -> None:
    engine_conn.execute("SELECT submit_batch_v1(%s::jsonb[])", ([job(number) for number in range(10)],))

    def run_one() -> int:
        with engine_conn.transaction():
            before = rows_read(engine_conn)
            claimed = engine_conn.execute(
                "SELECT args ->> 'jobId' FROM procrastinate_fetch_job_v2('{T}', NULL)"
            ).fetchone()
            assert claimed is not None
            engine_conn.execute("SELECT begin_attempt_v1(%s, 'w')", claimed)
            for step in range(2):
                engine_conn.execute("SELECT finish_step_v1(%s, 1, %s::smallint, '{}', NULL)", (claimed[0], step))
            return rows_read(engine_conn) - before

    first = [run_one() for _ in range(8)]
    engine_conn.execute("SELECT submit_batch_v1(%s::jsonb[])", ([job(number) for number in range(100, 5_100)],))
    assert run_one() <= max(first)
    assert engine_conn.execute("SELECT count(*) FROM jobs WHERE status = 'DONE'").fetchone() == (9,)


def test_hot_functions_keep_their_plans(engine_conn: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """A function that a later migration replaces loses its settings unless they are given again."""
    rows = engine_conn.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'stepmill'::regnamespace AND proname = ANY(%s)",
        (list(HOT),),
    ).fetchall()
    assert {row[0] for row in rows} == HOT
    for _, settings in rows:
        assert {"plan_cache_mode=force_generic_plan", "enable_seqscan=off"} <= set(settings)


async def test_a_job_that_ends_takes_its_ticket_along(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("PLAIN"))["jobId"]
        await bench.follow(job_id)
        # In the commit that says so: nothing is waited for here.
        assert await bench.rows("SELECT 1 FROM procrastinate_jobs WHERE args ->> 'jobId' = %s", job_id) == []


@pytest.mark.parametrize("which", ["NOT LIKE", "LIKE"])
async def test_a_connection_that_is_lost_keeps_no_job_waiting_for_a_running_one(bench: Bench, which: str) -> None:
    """Neither one that takes tickets nor the one that listens for them."""
    bench.settings.worker_concurrency = 2
    lose = f"""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'stepmill:tickets:%' AND query {which} 'LISTEN%'
    """
    async with bench.worker():
        long = (await bench.submit("WITH_RELEASE", params={"key": "lost"}))["jobId"]
        await bench.until("SELECT FROM stepmill.jobs WHERE job_id = %s AND status = 'RUNNING'", long)
        conn = await bench.database.connect(application_name="tests", role=None)
        async with conn:
            assert (await conn.execute(lose.encode())).rowcount >= 1
        other = (await bench.submit("PLAIN"))["jobId"]
        assert (await bench.follow(other))["status"] == "DONE"
        gate("lost").set()
        assert (await bench.follow(long))["status"] == "DONE"


async def test_a_connection_lost_while_more_waits_costs_no_job_an_attempt(bench: Bench) -> None:
    """The end of the running job claims the next, and those after it are claimed by a new connection."""
    lose = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'stepmill:tickets:%'"
    bench.settings.worker_concurrency = 1
    for number in range(3):
        first = (await bench.submit("WITH_RELEASE", params={"key": f"first {number}"}))["jobId"]
        others = [(await bench.submit("PLAIN"))["jobId"] for _ in range(5)]
        async with bench.worker():
            await bench.until("SELECT FROM stepmill.jobs WHERE job_id = %s AND status = 'RUNNING'", first)
            conn = await bench.database.connect(application_name="tests", role=None)
            async with conn:
                assert (await conn.execute(lose.encode())).rowcount >= 1
            gate(f"first {number}").set()
            for job_id in (first, *others):
                assert (await bench.follow(job_id))["status"] == "DONE"
        assert await bench.rows("SELECT job_id FROM job_attempts WHERE attempt > 1") == []
        assert await bench.rows("SELECT 1 FROM procrastinate_jobs") == []
