"""The moves that the database lets jobs and steps make, and that it refuses every other."""

import itertools

import psycopg
import pytest
from psycopg.types.json import Jsonb

from stepmill.engine.read import get_job, list_workers
from tests.engine.superuser import REFUSALS, Superuser, begin, past_the_guards, refused_with
from tests.support.engine import CALLER, Bench

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
}


def _moves_taken(conn: Superuser, table: str, states: tuple[str, ...], *moves: str) -> set[object]:
    """Which moves a transaction of the statements ``moves`` can make. The job is without attempts before."""
    taken: set[object] = set()
    for before, after in itertools.permutations(states, 2):
        past_the_guards(conn, f"UPDATE {table} SET status = %s", before)
        try:
            with conn.transaction():
                for move in moves:
                    conn.execute(move.encode(), {"status": after})
        except psycopg.Error as refused:
            if refused.sqlstate not in REFUSALS:
                raise
            continue
        taken.add((before, after))
    return taken


async def test_jobs_make_these_moves_and_no_others(bench: Bench, superuser: Superuser) -> None:
    await bench.submit("PLAIN")
    end = "UPDATE job_attempts SET ended_at = now(), outcome = 'x' WHERE ended_at IS NULL"
    move = (
        "UPDATE jobs SET status = %(status)s, attempt = attempt + (%(status)s = 'RUNNING')::integer,"
        " finished_at = CASE WHEN %(status)s NOT IN ('PENDING', 'RUNNING') THEN now() END"
    )
    begun = (
        "INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id)"
        " SELECT job_id, attempt, 'w', tenant_id FROM jobs WHERE status = 'RUNNING'"
    )
    past_the_guards(superuser, "UPDATE job_steps SET status = 'DONE'")
    assert _moves_taken(superuser, "jobs", JOB_STATES, end, move, begun) == JOB_MOVES
    assert ("PENDING", "RUNNING") not in _moves_taken(superuser, "jobs", JOB_STATES, end, move)


@pytest.mark.parametrize("job_status", JOB_STATES)
async def test_steps_make_these_moves_and_a_done_one_goes_back_only_in_a_job_at_rest(
    bench: Bench, superuser: Superuser, job_status: str
) -> None:
    job = await bench.submit("UNSERVED")
    back_by_retry = {("ERROR", "PENDING"), ("DONE", "PENDING")} if job_status in ("ERROR", "CANCELLED") else set()
    begin(superuser, job["jobId"])
    past_the_guards(superuser, "UPDATE jobs SET status = %s", job_status)
    retry = "SELECT set_config('stepmill.retried_job', job_id, true) FROM jobs"
    move = "UPDATE job_steps SET status = %(status)s WHERE idx = 0"
    assert _moves_taken(superuser, "job_steps", STEP_STATES, retry, move) == STEP_MOVES | back_by_retry
    assert _moves_taken(superuser, "job_steps", STEP_STATES, move) == STEP_MOVES, "without the job it belongs to"


async def test_a_step_does_not_run_before_its_turn(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    start = "UPDATE job_steps SET status = 'RUNNING', attempt = 1 WHERE idx = 1"
    assert refused_with(superuser, start) == f"Step 1 of job {job_id} can't run before the steps before it are DONE."
    assert "can't go from PENDING to DONE" in refused_with(
        superuser, "UPDATE job_steps SET status = 'DONE' WHERE idx = 1"
    )


async def test_always_steps_run_in_their_order_once_the_job_is_to_end(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("RELEASES_BETWEEN"))["jobId"]
    start = "UPDATE job_steps SET status = 'RUNNING', attempt = 1 WHERE name = %s"
    begin(superuser, job_id)
    names = [
        str(row[0]) for row in superuser.execute("SELECT name FROM job_steps WHERE always ORDER BY idx").fetchall()
    ]
    assert "before the steps before it" in refused_with(superuser, start, names[0])
    superuser.execute("UPDATE job_steps SET status = 'ERROR' WHERE status = 'RUNNING'")
    superuser.execute("UPDATE jobs SET ending = '{}'")
    for later in names[1:]:
        assert "before the steps before it" in refused_with(superuser, start, later)
    superuser.execute(start.encode(), (names[0],))


async def test_a_job_does_not_end_or_rest_while_a_step_runs(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    for status in ("DONE", "ERROR", "CANCELLED", "PENDING"):
        assert "while its steps are not" in refused_with(superuser, "UPDATE jobs SET status = %s", status)
    superuser.execute("UPDATE job_steps SET status = 'DONE' WHERE idx = 0")
    assert "while its steps are not" in refused_with(superuser, "UPDATE jobs SET status = 'DONE'")


async def test_attempts_are_counted_one_by_one(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    assert "by a new attempt" in refused_with(superuser, "UPDATE jobs SET status = 'RUNNING'")
    assert "can't follow" in refused_with(superuser, "UPDATE jobs SET status = 'RUNNING', attempt = 2")
    assert "can't follow" in refused_with(superuser, "UPDATE jobs SET attempt = 1")
    begin(superuser, job_id)
    assert "can't follow" in refused_with(superuser, "UPDATE jobs SET attempt = 0")


@pytest.mark.parametrize("end", ["ended_at", "revoked_at"])
async def test_an_old_attempt_has_no_effect(bench: Bench, superuser: Superuser, end: str) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    lost = f"Attempt 1 of job {job_id} is no longer the current one."
    ledger = (
        "INSERT INTO load_ledger SELECT (jsonb_populate_record(NULL::load_ledger,"
        " jsonb_build_object('job_id', %s::text, 'attempt', 1))).*"
    )
    chunk = (
        "INSERT INTO load_chunks (load_id, chunk, tenant_id, rows_read, rows_loaded, rows_rejected, rows_filtered,"
        " bytes_read, attempt) VALUES ('l', %s, 'local', 5, 5, 0, 0, 9, 1)"
    )
    begin(superuser, job_id)
    past_the_guards(
        superuser,
        "INSERT INTO load_targets (load_id, job_id, tenant_id, env_id, phys_id, generation, schema_name, table_name,"
        f" plan_version, columns, source) VALUES ('l', '{job_id}', 'local', 'e', 'p', 1, 's', 't', 1, '[]', '{{}}')",
    )
    superuser.execute(chunk.encode(), (0,))
    past_the_guards(superuser, f"UPDATE job_attempts SET {end} = now()")
    assert refused_with(superuser, "UPDATE job_steps SET status = 'DONE' WHERE idx = 0") == lost
    assert refused_with(superuser, chunk, 1) == lost
    assert refused_with(superuser, "UPDATE load_chunks SET rows_read = 5") == "Chunk 0 of load l is written once."
    assert refused_with(superuser, ledger, job_id) == lost
    back = refused_with(superuser, f"UPDATE job_attempts SET {end} = NULL")
    assert back == f"Attempt 1 of job {job_id} has ended, or is being cancelled."


async def test_events_follow_one_another_and_stay_as_they_are(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    insert = (
        "INSERT INTO job_events SELECT (jsonb_populate_record(e, jsonb_build_object('seq', %s::bigint,"
        " 'feed_id', null))).* FROM job_events e WHERE seq = 1"
    )
    for seq in (0, 2, 3, 17):
        assert refused_with(superuser, insert, seq) == f"Event {seq} of job {job_id} is out of its order."
    for change in ("seq = 2", "kind = 'log'", "data = '{}'", "at = now()", "tenant_id = 'x'", "env_id = 'x'"):
        assert "is out of its order" in refused_with(superuser, f"UPDATE job_events SET {change}")
    superuser.execute("UPDATE job_events SET feed_id = 7777 WHERE feed_id IS NULL")
    assert "is out of its order" in refused_with(superuser, "UPDATE job_events SET feed_id = 7778")
    with superuser.transaction():
        superuser.execute("UPDATE job_event_counters SET last_seq = 2")
        superuser.execute(insert.encode(), (2,))


async def test_an_event_comes_together_with_its_number_only(bench: Bench, superuser: Superuser) -> None:
    """Otherwise the next event would have no place, and the job could never move again."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    event = "INSERT INTO job_events SELECT (jsonb_populate_record(e, '{\"seq\": 2}')).* FROM job_events e"
    assert "is out of its order" in refused_with(superuser, event)
    for last in (0, 2, 7):
        refused = refused_with(superuser, "UPDATE job_event_counters SET last_seq = %s", last)
        assert refused == f"The last event of job {job_id} is not the one that its counter says."
    begin(superuser, job_id)


@pytest.mark.parametrize("status", JOB_STATES[1:])
async def test_a_job_and_its_steps_begin_pending(bench: Bench, superuser: Superuser, status: str) -> None:
    job = await bench.submit("PLAIN")
    assert job["status"] == "PENDING"
    assert [step["status"] for step in job["steps"]] == ["PENDING", "PENDING"]
    copy = (
        "INSERT INTO jobs SELECT (jsonb_populate_record(j, jsonb_build_object('job_id', 'x', 'status', %s::text))).*"
        " FROM jobs j"
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(copy.encode(), (status,))


async def test_a_retry_of_a_user_takes_steps_back_as_one_move(bench: Bench) -> None:
    """What the guard of a step asks for, retry fulfils: the steps go back before the job leaves its rest."""
    job = await bench.submit("PLAIN", params={"fail": "always"})
    async with bench.worker():
        await bench.follow(job["jobId"])
    async with bench.database.autocommit() as conn:
        row = await (await conn.execute("SELECT retry_v1(%s, 0::smallint) AS answer", (job["jobId"],))).fetchone()
    assert row is not None
    assert row["answer"] == {"outcome": "accepted", "status": "PENDING"}


@pytest.mark.parametrize(
    ("column", "value"),
    [("status", "RUNNING"), ("priority", 101), ("max_attempts", 0), ("attempt", 1), ("parked", "t")],
)
async def test_a_job_begins_within_its_limits(
    bench: Bench, superuser: Superuser, column: str, value: str | int
) -> None:
    await bench.submit("PLAIN")
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(
            "INSERT INTO jobs SELECT (jsonb_populate_record(j, %s)).* FROM jobs j",
            (Jsonb({"job_id": "another", column: value}),),
        )


async def test_a_jobs_events_go_with_it(bench: Bench, superuser: Superuser) -> None:
    gone, kept = [(await bench.submit("PLAIN"))["jobId"] for _ in range(2)]
    await bench.rows("SELECT cancel_v1(%s)", gone)
    await bench.rows("DELETE FROM jobs WHERE job_id = %s", gone)
    for table in ("job_steps", "job_event_counters", "job_events"):
        assert superuser.execute(f"SELECT DISTINCT job_id FROM {table}".encode()).fetchall() == [(kept,)]


async def test_a_job_is_read_on_while_a_migration_adds_a_column(bench: Bench, superuser: Superuser) -> None:
    """A connection has prepared its statements by then."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    for column in ("one", "two"):
        for _ in range(8):
            assert (await get_job(bench.engine, CALLER, job_id))["status"] == "PENDING"
            assert await list_workers(bench.engine, CALLER) == []
        superuser.execute(f"ALTER TABLE jobs ADD COLUMN {column} integer".encode())
        superuser.execute(f"ALTER TABLE workers ADD COLUMN {column} integer".encode())
