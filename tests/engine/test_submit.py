"""Submission: one transaction, checked params, and keys that make a repeat harmless."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from stepmill.auth import Principal
from stepmill.engine.read import list_events, list_jobs
from stepmill.engine.requests import JobFilter, JobRequest
from stepmill.engine.submit import submit_batch, submit_job
from stepmill.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from tests.support.database import DatabaseServer
from tests.support.engine import CALLER, Bench

TABLES = ("jobs", "job_steps", "job_events", "job_event_counters", "procrastinate_jobs", "idempotency_keys")


def request(**changes: Any) -> JobRequest:
    return JobRequest.model_validate({"type": "PLAIN", "envId": "default", **changes})


async def stored(bench: Bench) -> dict[str, int]:
    """How many rows a submission left."""
    return {table: (await bench.rows(f"SELECT count(*)::integer AS n FROM {table}"))[0]["n"] for table in TABLES}


NOTHING = dict.fromkeys(TABLES, 0)


async def test_a_job_its_steps_its_event_and_its_ticket_are_there_together(bench: Bench) -> None:
    job, new = await submit_job(bench.engine, CALLER, request(), "key")
    assert new
    assert await stored(bench) == NOTHING | {
        "jobs": 1,
        "job_steps": 2,
        "job_events": 1,
        "job_event_counters": 1,
        "procrastinate_jobs": 1,
        "idempotency_keys": 1,
    }
    event = (await list_events(bench.engine, CALLER, job["jobId"]))["items"][0]
    assert (event["id"], event["event"], event["data"]["reason"]) == ("1", "status", "submitted")


async def test_without_its_ticket_nothing_of_a_job_is_stored(
    bench: Bench, database_server: DatabaseServer, database_url: str
) -> None:
    name = str(conninfo_to_dict(database_url)["dbname"])
    with psycopg.connect(database_server.url_of(name, user="postgres"), autocommit=True) as conn:
        conn.execute("ALTER TABLE stepmill.procrastinate_jobs ADD CONSTRAINT test_full CHECK (task_name = 'none')")
    with pytest.raises(psycopg.errors.CheckViolation):
        await submit_job(bench.engine, CALLER, request(), "key")
    assert await stored(bench) == NOTHING


async def test_a_refused_request_stores_nothing_and_its_key_is_not_remembered(bench: Bench) -> None:
    for refused, error in (
        (request(type="NONE"), InputError),
        (request(params={"extra": 1}), InputError),
        (request(params={"envId": "another"}), InputError),
        (request(params={"tenantId": "another"}), ForbiddenError),
        (request(envId="unknown"), NotFoundError),
    ):
        with pytest.raises(error):
            await submit_job(bench.engine, CALLER, refused, "key")
    assert await stored(bench) == NOTHING
    _, new = await submit_job(bench.engine, CALLER, request(), "key")
    assert new


async def test_a_batch_is_stored_whole_or_not_at_all(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        await submit_batch(bench.engine, CALLER, [request(), request(envId="unknown")], "key")
    assert await stored(bench) == NOTHING
    first = await submit_batch(bench.engine, CALLER, [request(), request(idempotencyKey="own"), request()], "key")
    again = await submit_batch(bench.engine, CALLER, [request(), request(idempotencyKey="own"), request()], "key")
    assert [job["jobId"] for job in again] == [job["jobId"] for job in first]
    assert (await stored(bench))["jobs"] == 3


async def test_a_repeat_gets_the_first_job_and_another_body_is_a_conflict(bench: Bench) -> None:
    first, _ = await submit_job(bench.engine, CALLER, request(priority=3), "key")
    again, new = await submit_job(bench.engine, CALLER, request(priority=3, idempotencyKey="key"))
    assert (again["jobId"], new) == (first["jobId"], False)
    with pytest.raises(ConflictError) as refused:
        await submit_job(bench.engine, CALLER, request(priority=4), "key")
    assert refused.value.code == "idempotency_conflict"


async def test_keys_in_header_and_body_that_differ_are_refused(bench: Bench) -> None:
    with pytest.raises(InputError) as refused:
        await submit_job(bench.engine, CALLER, request(idempotencyKey="body"), "header")
    assert (refused.value.code, refused.value.status) == ("idempotency_key_mismatch", 422)
    assert await stored(bench) == NOTHING


async def test_of_two_at_once_the_second_waits_for_the_first(bench: Bench) -> None:
    """The first is held before its commit; the second neither goes on nor answers until then."""
    claim = (
        "INSERT INTO idempotency_keys (tenant_id, route, key, fingerprint) VALUES ('local', 'POST /api/jobs', 'k', 'x')"
    )
    async with bench.database.transaction("stepmill_api", tenant="local") as first:
        await first.execute(claim.encode())
        second = asyncio.create_task(submit_job(bench.engine, CALLER, request(), "k"))
        await bench.until("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        assert not second.done()
        await first.execute("ROLLBACK AND CHAIN")
    _, new = await second
    assert new


async def test_a_key_counts_for_its_tenant_and_for_seven_days(bench: Bench) -> None:
    assert bench.settings.idempotency_days == 7
    first, _ = await submit_job(bench.engine, CALLER, request(), "key")
    async with bench.database.transaction("stepmill_api", tenant="other") as conn:
        await conn.execute(
            "INSERT INTO environments (env_id, tenant_id, name, schema_name) VALUES ('theirs', 'other', 'x', 'theirs')"
        )
    stranger = Principal("other", "someone", frozenset({"administrator"}))
    theirs, new = await submit_job(bench.engine, stranger, request(envId="theirs"), "key")
    assert new
    assert theirs["tenantId"] == "other"
    await bench.rows("UPDATE idempotency_keys SET created_at = created_at - interval '6 days 23 hours'")
    assert not (await submit_job(bench.engine, CALLER, request(), "key"))[1]
    await bench.rows("UPDATE idempotency_keys SET created_at = created_at - interval '2 hours'")
    later, new = await submit_job(bench.engine, CALLER, request(), "key")
    assert new
    assert later["jobId"] != first["jobId"]
    assert len((await list_jobs(bench.engine, stranger, JobFilter()))["items"]) == 1


async def test_defaults_and_a_run_at_in_the_past(bench: Bench) -> None:
    past = datetime.now(UTC) - timedelta(days=300)
    job, _ = await submit_job(bench.engine, CALLER, request(runAt=past.isoformat()))
    assert (job["priority"], job["maxAttempts"], job["timeoutSeconds"], job["attempt"]) == (0, 5, None, 0)
    assert job["runAt"] >= job["createdAt"][:19]
    assert job["waiting"]["code"] == "no_worker"  # nothing else keeps it from running


async def test_batches_with_the_same_keys_in_any_order_do_not_wait_for_one_another(bench: Bench) -> None:
    keys = [f"key-{number}" for number in range(40)]
    orders = [keys, keys[::-1], [*keys[20:], *keys[:20]], keys[::-1]]
    batches = [submit_batch(bench.engine, CALLER, [request(idempotencyKey=key) for key in order]) for order in orders]
    answers = await asyncio.gather(*batches)
    found = [{key: job["jobId"] for key, job in zip(*pair, strict=True)} for pair in zip(orders, answers, strict=True)]
    assert all(each == found[0] for each in found)
    assert (await stored(bench))["jobs"] == len(keys)


async def test_a_repeated_batch_whose_job_is_kept_no_longer_says_so(bench: Bench) -> None:
    [job] = await submit_batch(bench.engine, CALLER, [request()], "key")
    bench.past_the_guards("DELETE FROM jobs WHERE job_id = %s", job["jobId"])
    with pytest.raises(NotFoundError) as refused:
        await submit_batch(bench.engine, CALLER, [request()], "key")
    assert refused.value.code == "job_not_found"
