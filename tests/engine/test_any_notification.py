"""Whoever may connect to the database can send a notification: whatever it says, it means no more than "look"."""

from tests.engine import job_types
from tests.support.engine import Bench

_HUB = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stepmill:hub' AND datname = current_database()"
_NONSENSE = ["garbage", "", "{}", "[[1], {}]", "null", '[{"a": 1}]', "[1e400]"]


async def test_the_hub_hears_on(bench: Bench) -> None:
    await bench.until(_HUB)
    before = await bench.rows(_HUB)
    async with bench.worker():
        for payload in _NONSENSE:
            await bench.rows("SELECT pg_notify('stepmill_events', %s)::text AS sent", payload)
        for _ in range(2):
            job_id = (await bench.submit("PLAIN"))["jobId"]
            assert (await bench.follow(job_id))["status"] == "DONE"
    assert await bench.rows(_HUB) == before
    assert len(before) == 1


async def test_a_worker_aborts_nothing_and_hears_on(bench: Bench) -> None:
    abort = """DO $$ BEGIN FOR n IN 1..50 LOOP PERFORM pg_notify('procrastinate_queue_v1#LOCKED',
        json_build_object('type', 'abort_job_requested', 'job_id', n)::text); END LOOP; END $$"""
    async with bench.worker():
        job_id = (await bench.submit("LOCKED", params={"key": "notified"}))["jobId"]
        await bench.follow(job_id, until=lambda event: event.kind == "step" and event.data["status"] == "RUNNING")
        await bench.rows(f"{abort}; SELECT 1 AS done")
        for payload in _NONSENSE:
            await bench.rows("SELECT pg_notify('procrastinate_queue_v1#LOCKED', %s)::text AS sent", payload)
        following = (await bench.submit("PLAIN"))["jobId"]
        assert (await bench.follow(following))["status"] == "DONE"
        job_types.gate("notified").set()
        assert (await bench.follow(job_id))["status"] == "DONE"
    assert await bench.rows("SELECT attempt, outcome FROM job_attempts WHERE job_id = %s", job_id) == [
        {"attempt": 1, "outcome": "done"}
    ]
