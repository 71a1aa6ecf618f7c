"""What becomes of finished jobs and their events after a while."""

from typing import Any

import pytest

from stepmill.engine.artifacts import JobArtifacts, remove_spent_artifacts
from stepmill.engine.retention import Retention
from stepmill.engine.retry import retry_job
from stepmill.errors import NotFoundError
from tests.support.engine import CALLER, Bench

OF_A_JOB = ("jobs", "job_steps", "job_attempts", "job_event_counters", "job_events")


async def _ended(bench: Bench, **asked: Any) -> str:
    job_id: str = (await bench.submit("PLAIN", **asked))["jobId"]
    await bench.follow(job_id)
    return job_id


def _age(bench: Bench, days: float, *jobs: str) -> None:
    bench.past_the_guards(
        "UPDATE jobs SET finished_at = now() - %s * interval '1 day' WHERE job_id = ANY(%s)", days, list(jobs)
    )


async def test_finished_jobs_go_with_all_that_is_theirs_and_others_stay(bench: Bench) -> None:
    async with bench.worker():
        done, failed, young = await _ended(bench), await _ended(bench, params={"fail": "always"}), await _ended(bench)
    waiting = (await bench.submit("PLAIN"))["jobId"]
    _age(bench, 31, done, failed)
    _age(bench, 29, young)
    for job_id in (done, failed, young):
        await JobArtifacts(bench.gateways.blobs, job_id).put("large", b"data")
    await Retention(bench.engine).prune()
    await remove_spent_artifacts(bench.engine, bench.gateways.blobs)
    for table in OF_A_JOB:
        left = {row["job_id"] for row in await bench.rows(f"SELECT DISTINCT job_id FROM {table}")}
        assert left == ({young, waiting} - ({waiting} if table == "job_attempts" else set())), table
    assert await bench.gateways.blobs.find("artifacts") == []


async def test_more_than_a_batch_goes_in_one_round(bench: Bench) -> None:
    await bench.rows(
        "SELECT submit_v1(jsonb_build_object('jobId', 'old' || n, 'tenantId', 'local', 'envId', 'default', 'type',"
        " 'PLAIN', 'params', '{}'::jsonb, 'steps', '[]'::jsonb, 'maxAttempts', 1, 'priority', 0, 'resultStep', 0,"
        " 'createdBy', 'test')) FROM generate_series(1, 250) AS n"
    )
    await bench.rows("SELECT cancel_v1(job_id) FROM jobs")
    bench.past_the_guards("UPDATE jobs SET finished_at = now() - interval '31 days'")
    await Retention(bench.engine).prune()
    assert await bench.rows("SELECT job_id FROM jobs") == []


async def test_for_ever_means_for_ever(bench: Bench) -> None:
    bench.settings.job_days = bench.settings.event_days = 0
    async with bench.worker():
        job_id = await _ended(bench)
    _age(bench, 10_000, job_id)
    await Retention(bench.engine).prune()
    assert len(await bench.rows("SELECT 1 FROM job_events WHERE job_id = %s AND kind = 'end'", job_id)) == 1


async def test_events_may_go_before_their_job_and_streams_begin_with_a_snapshot_then(bench: Bench) -> None:
    bench.settings.event_days = 7
    async with bench.worker():
        old, young = await _ended(bench, params={"fail": "always"}), await _ended(bench)
    _age(bench, 8, old)
    retention = Retention(bench.engine)
    await retention.prune()
    await retention.prune()
    assert await bench.rows("SELECT 1 FROM job_events WHERE job_id = %s", old) == []
    assert await bench.rows("SELECT 1 FROM job_events WHERE job_id = %s", young) != []
    for after in (None, 1):
        events = await bench.hub.subscribe(CALLER, old, after=after)
        assert events is not None
        assert [event.kind async for together in events for event in together] == ["snapshot", "end"]


async def test_a_job_whose_events_are_gone_can_be_retried_and_goes_on_numbering(bench: Bench) -> None:
    bench.settings.event_days = 7
    async with bench.worker():
        job_id = await _ended(bench, params={"fail": "always"})
        last = (await bench.rows("SELECT last_seq FROM job_event_counters"))[0]["last_seq"]
        _age(bench, 8, job_id)
        await Retention(bench.engine).prune()
        await retry_job(bench.engine, CALLER, job_id, None)
        await bench.follow(job_id)
    first = (await bench.rows("SELECT min(seq) AS seq FROM job_events WHERE job_id = %s", job_id))[0]["seq"]
    assert first == last + 1


async def test_events_of_a_job_that_somebody_else_is_at_go_the_next_time(bench: Bench) -> None:
    bench.settings.event_days = 7
    async with bench.worker():
        jobs = [await _ended(bench) for _ in range(3)]
    _age(bench, 8, *jobs)
    retention = Retention(bench.engine)
    left = "SELECT DISTINCT job_id FROM job_events"
    async with bench.database.transaction("stepmill_engine") as conn:
        await conn.execute("SELECT FROM jobs WHERE job_id = %s FOR NO KEY UPDATE", (jobs[1],))
        await retention.prune()
        assert await bench.rows(left) == [{"job_id": jobs[1]}]
    await retention.prune()
    assert await bench.rows(left) == []


async def test_a_pruned_job_is_not_found(bench: Bench) -> None:
    async with bench.worker():
        job_id = await _ended(bench)
    _age(bench, 31, job_id)
    await Retention(bench.engine).prune()
    with pytest.raises(NotFoundError):
        await bench.hub.subscribe(CALLER, job_id)


async def test_events_go_in_small_batches_however_many_a_job_has(bench: Bench) -> None:
    async with bench.worker():
        jobs = [await _ended(bench) for _ in range(3)]
    bench.past_the_guards(
        "INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id) SELECT job_id, last_seq + n, 'log',"
        " '{}', now(), tenant_id, 'default' FROM job_event_counters, generate_series(1, 45000) AS n"
        " WHERE job_id = %s",
        jobs[1],
    )
    bench.past_the_guards("UPDATE job_event_counters SET last_seq = last_seq + 45000 WHERE job_id = %s", jobs[1])
    _age(bench, 20, *jobs)
    left = "SELECT count(*)::integer AS n FROM job_events"
    had = (await bench.rows(left))[0]["n"]
    bench.settings.event_days = 10
    prune = "SELECT prune_events_v2('-infinity', clock_timestamp() - interval '10 days', 100) AS answer"
    while (await bench.rows(left))[0]["n"]:
        await bench.rows(prune)
        now_left = (await bench.rows(left))[0]["n"]
        assert had - 20_100 < now_left < had
        had = now_left
    _age(bench, 40, *jobs)
    await Retention(bench.engine).prune()
    assert await bench.rows("SELECT job_id FROM jobs") == []


async def test_a_job_with_many_events_goes_piece_by_piece(bench: Bench) -> None:
    async with bench.worker():
        job_id = await _ended(bench)
    bench.past_the_guards(
        "INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id) SELECT job_id, last_seq + n, 'log',"
        " '{}', now(), tenant_id, 'default' FROM job_event_counters, generate_series(1, 45000) AS n"
    )
    bench.past_the_guards("UPDATE job_event_counters SET last_seq = last_seq + 45000")
    _age(bench, 31, job_id)
    prune = "SELECT prune_jobs_v1(clock_timestamp() - interval '30 days', 100) AS gone"
    assert [(await bench.rows(prune))[0]["gone"] for _ in range(4)] == [1, 1, 1, 0]
    assert await bench.rows("SELECT job_id FROM jobs") == []
