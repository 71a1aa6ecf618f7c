"""What the database refuses of whoever writes past the engine's functions."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from tests.engine.superuser import Superuser, begin, fail_for_good, past_the_guards, refused_with, run_to_the_end
from tests.support.engine import Bench


async def test_an_attempt_is_that_of_a_job_that_runs(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    insert = "INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id) VALUES (%s, %s, 'w', 'local')"
    for attempt in (0, 1):
        assert "no longer the current one" in refused_with(superuser, insert, job_id, attempt)
    begin(superuser, job_id)
    assert "no longer the current one" in refused_with(superuser, insert, job_id, 2)
    assert "can't follow" in refused_with(superuser, "UPDATE jobs SET attempt = 2")
    for change in ("attempt = 2", "worker_id = 'x'", "tenant_id = 'x'", "job_id = 'x'", "started_at = now()"):
        assert "does not change" in refused_with(superuser, f"UPDATE job_attempts SET {change}")


async def test_what_begins_and_finishes_steps_leaves_the_guards_as_they_were(
    bench: Bench, superuser: Superuser
) -> None:
    """Those functions need not be guarded in all; what comes after them in their transaction does."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    for move in (
        "SELECT begin_attempt_v1(%s, 'worker-1')",
        "SELECT finish_step_v1(%s, 1, 0::smallint, '{}', NULL)",
    ):
        with pytest.raises(psycopg.errors.CheckViolation, match="would be RUNNING without"), superuser.transaction():
            superuser.execute(move.encode(), (job_id,))
            superuser.execute("UPDATE job_attempts SET ended_at = now(), outcome = 'x'")
        with pytest.raises(psycopg.errors.CheckViolation, match="out of its order"), superuser.transaction():
            superuser.execute(move.encode(), (job_id,))
            superuser.execute(
                "INSERT INTO job_events SELECT (jsonb_populate_record(e, '{\"seq\": 99}')).* FROM job_events e"
            )
        superuser.execute(move.encode(), (job_id,))


async def test_only_a_job_that_runs_without_an_attempt_is_parked(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    park = "UPDATE jobs SET parked = true"
    assert refused_with(superuser, park) == "Only a job that is RUNNING can be parked."
    begin(superuser, job_id)
    assert refused_with(superuser, park) == f"Job {job_id} would be parked with an attempt."


async def test_an_attempt_begins_without_an_outcome(bench: Bench, superuser: Superuser) -> None:
    """Who looks for what runs looks for those without one."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    with pytest.raises(psycopg.Error, match="no longer the current one"), superuser.transaction():
        superuser.execute("UPDATE jobs SET status = 'RUNNING', attempt = 1")
        superuser.execute(
            "INSERT INTO job_attempts (job_id, attempt, worker_id, tenant_id, outcome)"
            " VALUES (%s, 1, 'w', 'local', 'x')",
            (job_id,),
        )


@pytest.mark.parametrize("idx", ["9", "NULL"])
async def test_a_step_that_is_not_there_does_not_end(bench: Bench, superuser: Superuser, idx: str) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    with pytest.raises(psycopg.errors.NoDataFound):
        superuser.execute(f"SELECT finish_step_v1(%s, 1, {idx}::smallint, '{{}}', NULL)".encode(), (job_id,))


@pytest.mark.parametrize("raised", ["begin_attempt_v1(%s, 'w')", "finish_step_v1(%s, 1, 0::smallint, '{}', NULL)"])
async def test_a_counter_that_was_raised_in_the_same_transaction_leaves_no_gap(
    bench: Bench, superuser: Superuser, raised: str
) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    if raised.startswith("finish"):
        begin(superuser, job_id)
    with pytest.raises(psycopg.errors.CheckViolation, match="out of its order"), superuser.transaction():
        superuser.execute("UPDATE job_event_counters SET last_seq = last_seq + 5")
        superuser.execute(f"SELECT {raised}".encode(), (job_id,))


async def test_a_job_that_ends_in_an_old_snapshot_sees_the_step_that_runs(
    bench: Bench, superuser: Superuser, database_url: str
) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    superuser.execute("UPDATE job_steps SET status = 'PENDING' WHERE idx = 0")
    with psycopg.connect(superuser.info.dsn, user="postgres", options="-c search_path=stepmill") as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT FROM jobs")
        superuser.execute("UPDATE job_steps SET status = 'RUNNING', attempt = 1 WHERE idx = 0")
        other.execute("UPDATE job_attempts SET ended_at = now(), outcome = 'x'")
        with pytest.raises(psycopg.errors.SerializationFailure):
            other.execute("UPDATE jobs SET status = 'PENDING'")


async def test_a_job_that_runs_has_an_attempt(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    stuck = f"Job {job_id} would be RUNNING without an attempt."
    assert refused_with(superuser, "UPDATE jobs SET status = 'RUNNING', attempt = 1") == stuck
    begin(superuser, job_id)
    assert refused_with(superuser, "UPDATE job_attempts SET ended_at = now(), outcome = 'x'") == stuck
    for half in ("ended_at = now()", "outcome = 'x'"):
        refused = refused_with(superuser, f"UPDATE job_attempts SET {half}")
        assert refused == f"Attempt 1 of job {job_id} ends at a time and with an outcome."
    superuser.execute("UPDATE job_steps SET status = 'PENDING'")
    for status in ("PENDING", "ERROR", "CANCELLED"):
        assert "an attempt of it is open" in refused_with(superuser, "UPDATE jobs SET status = %s", status)


async def test_what_is_at_rest_stays_as_it_is(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    run_to_the_end(superuser, job_id)
    for change in ("result = '[]'", "error = '{}'", "finished_at = now()", "parked = true", "waiting_lock = 'k'"):
        assert "A job that is DONE does not change." in refused_with(superuser, f"UPDATE jobs SET {change}")
    for change in ("output = '[]'", "progress = '{}'", "attempt = 2", "finished_at = now()", "error = '{}'"):
        assert "A step that is DONE does not change." in refused_with(superuser, f"UPDATE job_steps SET {change}")
    superuser.execute("UPDATE jobs SET error = error")  # nothing is changed by that


async def test_what_a_row_is_about_does_not_change(bench: Bench, superuser: Superuser) -> None:
    await bench.submit("PLAIN")
    fixed = {
        "jobs": "job_id tenant_id env_id type params max_attempts priority timeout_seconds lock_key lock_from lock_to"
        " result_step created_by created_at trace_context",
        "job_steps": "job_id idx name always tenant_id",
        "job_event_counters": "job_id tenant_id",
    }
    for table, columns in fixed.items():
        for column in columns.split():
            refused = refused_with(superuser, f"UPDATE {table} SET {column} = DEFAULT")
            assert refused == f"What a row of {table} is about does not change.", column


async def test_a_job_gets_no_steps_later(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    insert = "INSERT INTO job_steps (job_id, idx, name, tenant_id) VALUES (%s, 7, 'Late', 'local')"
    assert "no steps after its submission" in refused_with(superuser, insert, job_id)
    run_to_the_end(superuser, job_id)
    assert "no steps after its submission" in refused_with(superuser, insert, job_id)


async def test_nothing_is_removed_but_a_job_at_rest(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    assert "is not at rest" in refused_with(superuser, "DELETE FROM jobs")
    begin(superuser, job_id)
    assert "is not at rest" in refused_with(superuser, "DELETE FROM jobs")
    superuser.execute("SELECT rescue_v1(%s, 1, 'crashed', 1)", (job_id,))
    for table in ("job_steps", "job_attempts", "job_event_counters"):
        assert "goes with the job only" in refused_with(superuser, f"DELETE FROM {table}")
    for which in ("true", "seq = 1", "seq = (SELECT max(seq) FROM job_events)"):
        assert "with their job only" in refused_with(superuser, f"DELETE FROM job_events WHERE {which}")
    superuser.execute("DELETE FROM jobs")
    assert superuser.execute("SELECT FROM job_steps, job_attempts, job_event_counters, job_events").rowcount == 0


async def test_events_are_pruned_from_the_first_on_and_at_rest(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    prune = "UPDATE job_event_counters SET pruned_to = last_seq"
    assert "when it is at rest" in refused_with(superuser, prune)
    fail_for_good(superuser, job_id)
    for to in ("last_seq + 1", "-1"):
        assert "from the first on" in refused_with(superuser, f"UPDATE job_event_counters SET pruned_to = {to}")
    superuser.execute("UPDATE job_event_counters SET pruned_to = 2")
    for which in ("seq = 1", "seq <= 3", "true"):
        assert "all together" in refused_with(superuser, f"DELETE FROM job_events WHERE {which}")
    superuser.execute("DELETE FROM job_events WHERE seq <= 2")
    assert "from the first on" in refused_with(superuser, "UPDATE job_event_counters SET pruned_to = 1")
    superuser.execute(prune)
    superuser.execute("DELETE FROM job_events")
    assert "from the first on" in refused_with(superuser, "UPDATE job_event_counters SET pruned_to = 0")


@pytest.mark.parametrize("pruned", [False, True])
async def test_no_event_comes_after_the_end_until_a_retry(bench: Bench, superuser: Superuser, pruned: bool) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    late = "SELECT emit_v1(%s, 'local', 'default', '[{\"kind\": \"log\", \"data\": {}}]')"
    fail_for_good(superuser, job_id)
    if pruned:
        superuser.execute("UPDATE job_event_counters SET pruned_to = last_seq")
        superuser.execute("DELETE FROM job_events")
    assert "is out of its order" in refused_with(superuser, late, job_id)
    superuser.execute("SELECT retry_v1(%s, NULL)", (job_id,))
    superuser.execute(late.encode(), (job_id,))


async def test_events_are_of_their_jobs_tenant_and_of_known_kinds(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    emit = "SELECT emit_v1(%s, %s, %s, jsonb_build_array(jsonb_build_object('kind', %s::text, 'data', '{}'::jsonb)))"
    for wrong in (("x", "default", "log"), ("local", "x", "log"), ("local", "default", "x")):
        assert "is out of its order" in refused_with(superuser, emit, job_id, *wrong)
    superuser.execute(emit.encode(), (job_id, "local", "default", "log"))


async def test_a_job_is_pending_again_without_what_went_wrong(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    fail_for_good(superuser, job_id)
    assert "PENDING again" in refused_with(superuser, "UPDATE jobs SET status = 'PENDING'")
    back = "UPDATE jobs SET status = 'PENDING', error = NULL, finished_at = NULL"
    assert "PENDING again" in refused_with(superuser, back)  # its step is still in ERROR


async def test_a_load_of_an_attempt_that_never_was(bench: Bench, superuser: Superuser) -> None:
    await bench.submit("PLAIN")
    insert = (
        "INSERT INTO load_ledger SELECT (jsonb_populate_record(NULL::load_ledger,"
        " jsonb_build_object('job_id', 'job_x', 'attempt', 1))).*"
    )
    assert refused_with(superuser, insert) == "Attempt 1 of job job_x is no longer the current one."


async def test_a_job_that_is_not_being_retried_keeps_its_done_steps(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    superuser.execute("SELECT finish_step_v1(%s, 1, 0::smallint, '{}', NULL)", (job_id,))
    superuser.execute("SELECT cancel_v1(%s)", (job_id,))
    superuser.execute("SELECT settle_cancel_v1(%s, 1, 0)", (job_id,))
    for status in ("DONE", "ERROR"):
        refused = refused_with(superuser, "UPDATE job_steps SET status = 'PENDING' WHERE status = %s", status)
        assert refused == f"A step can't go from {status} to PENDING."


async def test_an_end_comes_at_the_end(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    end = "SELECT emit_v1(%s, 'local', 'default', '[{\"kind\": \"end\", \"data\": {}}]')"
    assert "is out of its order" in refused_with(superuser, end, job_id)
    begin(superuser, job_id)
    assert "is out of its order" in refused_with(superuser, end, job_id)


async def test_nothing_is_truncated(bench: Bench, superuser: Superuser) -> None:
    for table in ("jobs CASCADE", "job_steps", "job_attempts", "job_event_counters", "job_events"):
        assert "go job by job" in refused_with(superuser, f"TRUNCATE {table}")


async def test_no_tenant_adds_to_anothers_job(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("LOCKED"))["jobId"]
    superuser.execute("SET ROLE stepmill_api")
    superuser.execute("SELECT set_config('stepmill.tenant', 'b', false)")
    step = "INSERT INTO job_steps (job_id, idx, name, tenant_id) VALUES (%s, 7, 'Theirs', 'b')"
    assert "no steps after its submission" in refused_with(superuser, step, job_id)
    lock = "INSERT INTO job_locks (key, job_id, tenant_id) VALUES ('lock/k', %s, 'b')"
    assert "is not one of job" in refused_with(superuser, lock, job_id)


async def test_a_job_has_its_own_lock_only(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("LOCKED"))["jobId"]
    lock = "INSERT INTO job_locks (key, job_id, tenant_id) VALUES ('another', %s, 'local')"
    assert refused_with(superuser, lock, job_id) == f"The lock another is not one of job {job_id}."


async def test_one_step_runs_at_a_time_and_after_a_cancel_only_what_always_runs(
    bench: Bench, superuser: Superuser
) -> None:
    job_id = (await bench.submit("RELEASES_BETWEEN"))["jobId"]
    begin(superuser, job_id)
    superuser.execute("SELECT finish_step_v1(%s, 1, 0::smallint, '{}', NULL)", (job_id,))
    superuser.execute("SELECT cancel_v1(%s)", (job_id,))
    start = "UPDATE job_steps SET status = 'RUNNING', attempt = 1 WHERE idx = %s"
    past_the_guards(superuser, "UPDATE job_steps SET status = 'PENDING' WHERE idx = 1")
    for idx in (2, 3):  # the step between, which does not always run, and the always-step after the first
        assert "before the steps before it" in refused_with(superuser, start, idx)
    superuser.execute(start.encode(), (1,))
    past_the_guards(superuser, "UPDATE jobs SET ending = NULL")
    past_the_guards(superuser, "UPDATE job_steps SET status = 'DONE' WHERE idx = 0")
    assert "before the steps before it" in refused_with(superuser, start, 2)


async def test_what_has_ended_has_ended_some_time(bench: Bench, superuser: Superuser) -> None:
    await bench.submit("PLAIN")
    assert "has ended some time" in refused_with(superuser, "UPDATE jobs SET status = 'CANCELLED'")


class Two:
    """Two transactions at once. The second's statement waits for the first's end, or is refused."""

    def __init__(self, superuser: Superuser) -> None:
        self._dsn = superuser.info.dsn

    def try_both(self, first: str, second: str) -> list[str]:
        """What both were told: nothing, or why they were refused."""
        options = "-c search_path=stepmill -c lock_timeout=5s"
        with psycopg.connect(self._dsn, options=options) as one, psycopg.connect(self._dsn, options=options) as other:
            one.execute("SET CONSTRAINTS ALL IMMEDIATE")
            one.execute(first.encode())
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(self._commit, other, second)
                with suppress(TimeoutError):
                    waiting.result(0.3)
                return [self._end(one), waiting.result(10)]

    def _commit(self, conn: Superuser, statement: str) -> str:
        try:
            conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for each in statement.split(";"):
                conn.execute(each.encode())
        except psycopg.Error as refused:
            return str(refused).splitlines()[0]
        return self._end(conn)

    @staticmethod
    def _end(conn: Superuser) -> str:
        try:
            conn.commit()
        except psycopg.Error as refused:
            return str(refused).splitlines()[0]
        return ""


END_ATTEMPT = "UPDATE job_attempts SET ended_at = now(), outcome = 'x'"
MOVES_AT_ONCE = {
    "running without an attempt": ("UPDATE jobs SET parked = false", END_ATTEMPT),
    "an attempt that ends under a park that ends": (END_ATTEMPT, "UPDATE jobs SET parked = false"),
    "a step of an attempt that ends": ("UPDATE job_steps SET status = 'DONE' WHERE idx = 0", END_ATTEMPT),
    "an attempt that is revoked under its step": (
        "UPDATE job_attempts SET revoked_at = now()",
        "UPDATE job_steps SET status = 'DONE' WHERE idx = 0",
    ),
}


@pytest.mark.parametrize("which", MOVES_AT_ONCE)
async def test_two_transactions_together_do_what_neither_may(
    bench: Bench, superuser: Superuser, database_url: str, which: str
) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    begin(superuser, job_id)
    if "park" in " ".join(MOVES_AT_ONCE[which]):
        past_the_guards(superuser, "UPDATE jobs SET parked = true")
    told = Two(superuser).try_both(*MOVES_AT_ONCE[which])
    job, step, attempt = (
        superuser.execute(query.encode()).fetchone()
        for query in (
            "SELECT status, parked FROM jobs",
            "SELECT status FROM job_steps WHERE idx = 0",
            "SELECT ended_at IS NULL, revoked_at IS NULL FROM job_attempts",
        )
    )
    assert job is not None
    assert attempt is not None
    assert job[1] or attempt[0], f"nobody would run it: {told}"
    if which == "an attempt that is revoked under its step":
        assert step == ("RUNNING",), told
