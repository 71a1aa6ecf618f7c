"""Locks, who goes next, and the sentence that says why a job waits."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from stepmill.engine import local_turns
from stepmill.engine.cancel import cancel_job
from stepmill.engine.read import get_job, list_events
from stepmill.gateways.documents import Collection
from tests.engine import job_types
from tests.support.engine import CALLER, Bench


def _is_running(name: str) -> Any:
    return lambda event: event.kind == "step" and (event.data["name"], event.data["status"]) == (name, "RUNNING")


def _waits(event: Any) -> bool:
    return event.kind == "status" and (event.data["waiting"] or {}).get("code") == "lock"


@pytest.mark.parametrize("job_type", ["LOCKED", "LOCKED_LATE"])
async def test_one_holds_the_lock_and_the_next_goes_when_it_is_released(bench: Bench, job_type: str) -> None:
    key = f"held-{job_type}"
    async with bench.worker():
        first = await bench.submit(job_type, params={"key": key})
        await bench.follow(first["jobId"], until=_is_running("Wait"))
        second = await bench.submit(job_type, params={"key": key})
        await bench.follow(second["jobId"], until=_waits)
        waiting = await get_job(bench.engine, CALLER, second["jobId"])
        assert waiting["status"] == ("PENDING" if job_type == "LOCKED" else "RUNNING")
        assert waiting["waiting"]["heldBy"]["jobId"] == first["jobId"]
        assert first["jobId"] in waiting["waiting"]["message"]
        third = await bench.submit(job_type, params={"key": key, "onBusy": "fail"})
        assert (await bench.follow(third["jobId"]))["error"]["code"] == "lock_busy"
        job_types.gate(key).set()
        assert (await bench.follow(second["jobId"]))["status"] == "DONE"
        assert (await bench.follow(first["jobId"]))["status"] == "DONE"
    async with bench.database.autocommit() as conn:
        assert await (await conn.execute("SELECT * FROM job_locks")).fetchall() == []


@pytest.mark.parametrize("job_type", ["LOCKED", "LOCKED_LATE"])
async def test_cancel_of_the_holder_lets_the_next_go_and_of_the_waiter_ends_it(bench: Bench, job_type: str) -> None:
    key = f"cancelled-{job_type}"
    async with bench.worker():
        first = await bench.submit(job_type, params={"key": key})
        await bench.follow(first["jobId"], until=_is_running("Wait"))
        second, third = [await bench.submit(job_type, params={"key": key}) for _ in range(2)]
        await bench.follow(second["jobId"], until=_waits)
        await bench.follow(third["jobId"], until=_waits)
        assert (await cancel_job(bench.engine, CALLER, second["jobId"]))["status"] == "CANCELLED"
        await cancel_job(bench.engine, CALLER, first["jobId"])
        await bench.follow(third["jobId"], until=_is_running("Wait"))
        job_types.gate(key).set()
        assert (await bench.follow(third["jobId"]))["status"] == "DONE"


async def test_jobs_of_one_worker_wait_for_each_other_in_their_places(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_turns, "_PATIENCE_SECONDS", 60)
    async with bench.worker():
        first = await bench.submit("LOCKED_LATE", params={"key": "near"})
        await bench.follow(first["jobId"], until=_is_running("Wait"))
        second, third = [await bench.submit("LOCKED_LATE", params={"key": "near"}) for _ in range(2)]
        for job in (second, third):
            await bench.follow(job["jobId"], until=_is_running("One"))
        await cancel_job(bench.engine, CALLER, second["jobId"])
        assert (await bench.follow(second["jobId"]))["status"] == "CANCELLED"
        busy = await bench.submit("LOCKED_LATE", params={"key": "near", "onBusy": "fail"})
        assert (await bench.follow(busy["jobId"]))["error"]["code"] == "lock_busy"
        job_types.gate("near").set()
        for job in (first, third):
            assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    for job in (first, third):
        seen = await list_events(bench.engine, CALLER, job["jobId"], limit=500)
        assert not [event for event in seen["items"] if event["event"] == "status" and event["data"]["waiting"]]
        assert (await get_job(bench.engine, CALLER, job["jobId"]))["attempt"] == 1


async def test_a_higher_priority_goes_first_in_line(bench: Bench) -> None:
    async with bench.worker():
        first = await bench.submit("LOCKED", params={"key": "line"})
        await bench.follow(first["jobId"], until=_is_running("Wait"))
        low = await bench.submit("LOCKED", params={"key": "line"})
        await bench.follow(low["jobId"], until=_waits)
        high = await bench.submit("LOCKED", params={"key": "line"}, priority=10)
        await bench.follow(high["jobId"], until=_waits)
        job_types.gate("line").set()
        for job in (low, high):
            await bench.follow(job["jobId"])
    low, high = [await get_job(bench.engine, CALLER, job["jobId"]) for job in (low, high)]
    assert high["startedAt"] < low["startedAt"]


async def test_why_a_job_waits(bench: Bench) -> None:
    lonely = await bench.submit("UNSERVED")
    assert lonely["waiting"]["code"] == "no_worker"
    assert "No worker that runs UNSERVED is alive" in lonely["waiting"]["message"]
    later = await bench.submit("PLAIN", runAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert later["waiting"]["code"] == "run_at"
    assert later["waiting"]["until"][: len("2030-01-01T00:00:00")] in later["waiting"]["message"]
    async with bench.worker():
        bench.settings.backoff_base_seconds = 3600.0
        failed = await bench.submit("PLAIN", params={"fail": "once"})
        await bench.follow(failed["jobId"], until=lambda e: e.kind == "status" and e.data["reason"] == "backoff")
    waiting = (await get_job(bench.engine, CALLER, failed["jobId"]))["waiting"]
    assert waiting["code"] == "backoff"
    assert "It did not answer" in waiting["message"]
    # A user who can't wait cancels; there is nothing to release.
    assert (await cancel_job(bench.engine, CALLER, failed["jobId"]))["status"] == "CANCELLED"


async def test_nothing_waits_since_before_it_was_there_or_until_before_it_began_to(bench: Bench) -> None:
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    lonely, later = await bench.submit("UNSERVED"), await bench.submit("PLAIN", runAt=due)
    document = {"holder": "another", "token": 7, "expiresAt": due}
    await bench.gateways.documents.create("local", "default", LOCKS, "since", document)
    async with bench.worker():
        bench.settings.backoff_base_seconds = 3600.0
        failed = await bench.submit("PLAIN", params={"fail": "once"})
        await bench.follow(failed["jobId"], until=lambda e: e.data.get("reason") == "backoff")
        holder = await bench.submit("LOCKED", params={"key": "since"})
        await bench.follow(holder["jobId"], until=_is_running("Wait"))
        behind = await bench.submit("LOCKED", params={"key": "since"})
        await bench.follow(behind["jobId"], until=_waits)
        aside = await bench.submit("WITH_DOCUMENT", params={"key": "since"})
        await bench.follow(aside["jobId"], until=lambda e: e.data.get("reason") == "waiting_for_lock")
        others = [await get_job(bench.engine, CALLER, job["jobId"]) for job in (failed, behind, aside)]
        job_types.gate("since").set()
    jobs = [lonely, later, *others]
    codes = [job["waiting"]["code"] for job in jobs]
    assert codes == ["no_worker", "run_at", "backoff", "lock", "lock_document"]
    for job in jobs:
        waiting = job["waiting"]
        told = [job["createdAt"], waiting["since"], waiting.get("until", "9")]
        assert told == sorted(told)  # the same in each, so that texts compare as times do
        assert {len(time) for time in told if time != "9"} == {len("2030-01-01T00:00:00.000000Z")}
    assert len(jobs[3]["waiting"]["heldBy"]["since"]) == len("2030-01-01T00:00:00.000000Z")


async def test_run_at_is_kept(bench: Bench) -> None:
    at = datetime.now(UTC) + timedelta(seconds=1.2)
    async with bench.worker():
        job = await bench.submit("PLAIN", runAt=at.isoformat())
        await bench.follow(job["jobId"])
    job = await get_job(bench.engine, CALLER, job["jobId"])
    assert datetime.fromisoformat(job["startedAt"]) >= at


LOCKS = Collection("locks")


async def test_a_lock_document_is_held_for_its_span_and_removed(bench: Bench) -> None:
    documents = bench.gateways.documents
    async with bench.worker():
        job = await bench.submit("WITH_DOCUMENT", params={"key": "shared"})
        await bench.follow(job["jobId"], until=lambda e: e.data.get("message") == "at the gate")
        held = await documents.get("local", "default", LOCKS, "shared")
        assert (held.data["holder"], held.data["token"]) == (job["jobId"], 1)
        job_types.gate("shared").set()
        assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    assert await documents.query("local", "default", LOCKS) == []


async def test_a_lock_document_of_another_holder_makes_a_job_wait_or_fail(bench: Bench) -> None:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    theirs = {"holder": "another service", "token": 7, "expiresAt": expires}
    await bench.gateways.documents.create("local", "default", LOCKS, "theirs", theirs)
    async with bench.worker():
        job = await bench.submit("WITH_DOCUMENT", params={"key": "theirs"})
        await bench.follow(
            job["jobId"],
            until=lambda e: e.kind == "status" and (e.data["waiting"] or {}).get("code") == "lock_document",
        )
        waiting = (await get_job(bench.engine, CALLER, job["jobId"]))["waiting"]
        assert "held by another service" in waiting["message"]
        failing = await bench.submit("WITH_DOCUMENT", params={"key": "theirs", "onBusy": "fail"})
        assert (await bench.follow(failing["jobId"]))["error"]["code"] == "lock_busy"
        releasing = await bench.submit("DOCUMENT_RELEASES", params={"key": "theirs", "onBusy": "fail"})
        assert (await bench.follow(releasing["jobId"]))["error"]["code"] == "lock_busy"
    steps = (await get_job(bench.engine, CALLER, releasing["jobId"]))["steps"]
    assert [step["status"] for step in steps] == ["ERROR", "DONE"], "an always-step runs, with the document or without"
    left = await bench.gateways.documents.get("local", "default", LOCKS, "theirs")
    assert left.data == theirs


async def test_a_locks_key_may_be_of_any_length(bench: Bench) -> None:
    long = "".join(uuid4().hex for _ in range(400))
    keys = [f"{long}a", f"{long}b", f"{long}b"]
    async with bench.worker():
        jobs = [await bench.submit("LOCKED", params={"key": key}) for key in keys]
        for key in keys[:2]:
            job_types.gate(key).set()
        for job in jobs:
            assert (await bench.follow(job["jobId"]))["status"] == "DONE"
    rows = await bench.rows("SELECT lock_key FROM jobs ORDER BY job_id")
    assert rows[0] != rows[1] == rows[2]
