"""What the database refuses of whoever writes past the engine's functions."""

import pytest

from tests.engine.superuser import Superuser, begin, fail_for_good, refused_with, run_to_the_end
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


async def test_a_job_that_runs_has_an_attempt(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    stuck = f"Job {job_id} would be RUNNING without an attempt."
    assert refused_with(superuser, "UPDATE jobs SET status = 'RUNNING', attempt = 1") == stuck
    begin(superuser, job_id)
    assert refused_with(superuser, "UPDATE job_attempts SET ended_at = now()") == stuck
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
        assert "goes with the job only" in refused_with(superuser, f"DELETE FROM job_events WHERE {which}")
    superuser.execute("DELETE FROM jobs")
    assert superuser.execute("SELECT FROM job_steps, job_attempts, job_event_counters, job_events").rowcount == 0


async def test_events_are_pruned_all_together_and_at_rest(bench: Bench, superuser: Superuser) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    prune = "UPDATE job_event_counters SET pruned_to = last_seq"
    assert "when it is at rest" in refused_with(superuser, prune)
    fail_for_good(superuser, job_id)
    for to in ("last_seq - 1", "last_seq + 1"):
        assert "all together" in refused_with(superuser, f"UPDATE job_event_counters SET pruned_to = {to}")
    superuser.execute(prune)
    superuser.execute("DELETE FROM job_events")
    assert "all together" in refused_with(superuser, "UPDATE job_event_counters SET pruned_to = 0")


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
