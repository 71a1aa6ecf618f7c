"""The moves that the database lets jobs and steps make, and that it refuses every other."""

import itertools

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from tests.support.database import DatabaseServer
from tests.support.engine import Bench

JOB_STATES = ("PENDING", "RUNNING", "DONE", "ERROR", "CANCELLED")
JOB_MOVES = {
    ("PENDING", "RUNNING"),
    ("PENDING", "CANCELLED"),
    ("RUNNING", "DONE"),
    ("RUNNING", "ERROR"),
    ("RUNNING", "CANCELLED"),
    ("RUNNING", "PENDING"),
    ("ERROR", "PENDING"),
    ("CANCELLED", "PENDING"),
}
STEP_STATES = ("PENDING", "RUNNING", "DONE", "ERROR")
STEP_MOVES = {
    ("PENDING", "RUNNING"),
    ("RUNNING", "DONE"),
    ("RUNNING", "ERROR"),
    ("RUNNING", "PENDING"),
    ("ERROR", "PENDING"),
}


@pytest.fixture
def superuser(database_server: DatabaseServer, database_url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection that can put a row into any state, past the guards."""
    name = str(conninfo_to_dict(database_url)["dbname"])
    url = database_server.url_of(name, user="postgres")
    return psycopg.connect(url, autocommit=True, options="-c search_path=stepmill")


def _put(conn: psycopg.Connection[tuple[object, ...]], table: str, status: str) -> None:
    conn.execute("SET session_replication_role = replica")
    conn.execute(f"UPDATE {table} SET status = %s".encode(), (status,))
    conn.execute("SET session_replication_role = origin")


def _moves_taken(conn: psycopg.Connection[tuple[object, ...]], table: str, states: tuple[str, ...]) -> set[object]:
    taken: set[object] = set()
    for before, after in itertools.permutations(states, 2):
        _put(conn, table, before)
        try:
            conn.execute(f"UPDATE {table} SET status = %s".encode(), (after,))
        except psycopg.errors.CheckViolation:
            continue
        taken.add((before, after))
    return taken


async def test_jobs_make_these_moves_and_no_others(
    bench: Bench, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    await bench.submit("PLAIN")
    with superuser as conn:
        assert _moves_taken(conn, "jobs", JOB_STATES) == JOB_MOVES


@pytest.mark.parametrize("job_status", JOB_STATES)
async def test_steps_make_these_moves_and_a_done_one_goes_back_only_in_a_job_at_rest(
    bench: Bench, superuser: psycopg.Connection[tuple[object, ...]], job_status: str
) -> None:
    await bench.submit("UNSERVED")
    back_by_retry = {("DONE", "PENDING")} if job_status in ("ERROR", "CANCELLED") else set()
    with superuser as conn:
        _put(conn, "jobs", job_status)
        assert _moves_taken(conn, "job_steps", STEP_STATES) == STEP_MOVES | back_by_retry


@pytest.mark.parametrize("status", JOB_STATES[1:])
async def test_a_job_and_its_steps_begin_pending(
    bench: Bench, superuser: psycopg.Connection[tuple[object, ...]], status: str
) -> None:
    job = await bench.submit("PLAIN")
    assert job["status"] == "PENDING"
    assert [step["status"] for step in job["steps"]] == ["PENDING", "PENDING"]
    copy = (
        "INSERT INTO jobs SELECT (jsonb_populate_record(j, jsonb_build_object('job_id', 'x', 'status', %s::text))).*"
        " FROM jobs j"
    )
    with superuser as conn, pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(copy.encode(), (status,))


async def test_a_retry_of_a_user_takes_steps_back_as_one_move(bench: Bench) -> None:
    """What the guard of a step asks for, retry fulfils: the steps go back before the job leaves its rest."""
    job = await bench.submit("PLAIN", params={"fail": "always"})
    async with bench.worker():
        await bench.follow(job["jobId"])
    async with bench.database.autocommit() as conn:
        row = await (await conn.execute("SELECT retry_v1(%s, 0::smallint) AS answer", (job["jobId"],))).fetchone()
    assert row is not None
    assert row["answer"] == {"outcome": "accepted", "status": "PENDING"}


@pytest.mark.parametrize(("column", "value"), [("status", "RUNNING"), ("priority", 101), ("max_attempts", 0)])
async def test_a_job_begins_within_its_limits(
    bench: Bench, superuser: psycopg.Connection[tuple[object, ...]], column: str, value: str | int
) -> None:
    await bench.submit("PLAIN")
    with superuser, pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(
            "INSERT INTO jobs SELECT (jsonb_populate_record(j, %s)).* FROM jobs j",
            (Jsonb({"job_id": "another", column: value}),),
        )


async def test_a_jobs_events_go_with_it(bench: Bench, superuser: psycopg.Connection[tuple[object, ...]]) -> None:
    gone, kept = [(await bench.submit("PLAIN"))["jobId"] for _ in range(2)]
    await bench.rows("DELETE FROM jobs WHERE job_id = %s", gone)
    with superuser:
        assert superuser.execute("SELECT DISTINCT job_id FROM job_events").fetchall() == [(kept,)]
