"""Events: numbered without gaps for each job, durable before anybody sees them, few enough to keep."""

import asyncio
from typing import Any

import pytest

from stepmill.auth import Principal
from stepmill.engine.hub_readers import Event
from stepmill.engine.read import get_job, list_events, list_jobs
from stepmill.engine.requests import JobFilter
from stepmill.engine.stamp import stamp_events
from stepmill.errors import NotFoundError
from tests.support.engine import CALLER, Bench

STRANGER = Principal("other", "someone", frozenset({"administrator"}))


async def all_events(bench: Bench, job_id: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = (await list_events(bench.engine, CALLER, job_id, limit=500))["items"]
    return items


async def test_numbers_have_no_gap_whoever_writes_at_once(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    emit = """SELECT emit_v1(%s, 'local', 'default', '[{"kind": "log", "data": {}}, {"kind": "log", "data": {}}]')"""
    await asyncio.gather(*(bench.rows(emit, job_id) for _ in range(20)))
    assert [event["id"] for event in await all_events(bench, job_id)] == [str(n) for n in range(1, 42)]


async def test_progress_is_kept_at_most_twice_a_second_and_its_last_never_lost(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("TALKATIVE"))["jobId"]
        await bench.follow(job_id)
    events = [event for event in await all_events(bench, job_id) if event["event"] == "progress"]
    assert 1 <= len(events) <= 3
    assert (await get_job(bench.engine, CALLER, job_id))["steps"][0]["progress"]["done"] == 500


async def test_a_step_that_logs_without_end_is_told_what_was_left_out(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("TALKATIVE", params={"key": "lines"}))["jobId"]
        await bench.follow(job_id)
    lines = [e["data"] for e in (await _pages(bench, job_id)) if e["event"] == "log"]
    assert len(lines) <= 1001
    assert "log lines were left out" in lines[-1]["message"]


async def _pages(bench: Bench, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := (await list_events(bench.engine, CALLER, job_id, after=len(found), limit=500))["items"]:
        found += page
    return found


async def test_a_reader_whose_events_were_pruned_gets_a_new_snapshot(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("PLAIN"))["jobId"]
        await bench.follow(job_id)
    bench.past_the_guards("DELETE FROM job_events WHERE job_id = %s AND seq <= 4", job_id)
    bench.past_the_guards("UPDATE job_event_counters SET pruned_to = 4 WHERE job_id = %s", job_id)
    assert [event.kind for event in await _read(bench, job_id, after=2)] == ["snapshot", "end"]
    kinds = [event.kind for event in await _read(bench, job_id, after=4)]
    assert "snapshot" not in kinds
    assert kinds[-1] == "end"


async def test_an_end_comes_only_with_a_terminal_state_and_nothing_after_it_until_a_retry(bench: Bench) -> None:
    async with bench.worker():
        job_id = (await bench.submit("PLAIN", params={"fail": "once"}))["jobId"]
        await bench.follow(job_id)
    events = await _read(bench, job_id, after=0)
    assert [event.kind for event in events].index("end") == len(events) - 1
    assert await bench.hub.subscribe(CALLER, job_id, after=events[-1].id) is None


@pytest.mark.parametrize("fail", [None, "always"])
async def test_a_reader_who_comes_late_is_told_the_same_end(bench: Bench, fail: str | None) -> None:
    async with bench.worker():
        job_id = (await bench.submit("PLAIN", params={"fail": fail}))["jobId"]
        told = await bench.follow(job_id, until=lambda event: event.kind == "end")
    assert told["at"] is not None
    assert await bench.follow(job_id) == told
    bench.past_the_guards("DELETE FROM job_events WHERE job_id = %s", job_id)
    finished_at = (await get_job(bench.engine, CALLER, job_id))["finishedAt"]
    assert await bench.follow(job_id) == {**told, "at": finished_at}


async def _read(bench: Bench, job_id: str, after: int) -> list[Event]:
    events = await bench.hub.subscribe(CALLER, job_id, after=after)
    assert events is not None
    return [event async for together in events for event in together]


async def test_the_feeds_numbers_follow_commits_and_not_the_beginning_of_work(bench: Bench) -> None:
    """An event that is written first and committed last comes last, and no reader who has seen more misses it."""
    slow, quick = [(await bench.submit("PLAIN"))["jobId"] for _ in range(2)]
    emit = """SELECT emit_v1(%s, 'local', 'default', '[{"kind": "status", "data": {}}]')"""
    numbers = "SELECT feed_id FROM job_events WHERE job_id = %s AND seq = 2"
    async with (
        bench.database.transaction("stepmill_engine") as late,
        await bench.database.connect(application_name="tests:stamper", role="stepmill_engine") as stamper,
    ):
        await late.execute(emit.encode(), (slow,))
        await bench.rows(emit, quick)
        await stamp_events(stamper)
        await bench.until(
            "SELECT FROM stepmill.job_events WHERE job_id = %s AND seq = 2 AND feed_id IS NOT NULL", quick
        )
    async with await bench.database.connect(application_name="tests:stamper", role="stepmill_engine") as stamper:
        await stamp_events(stamper)
    await bench.until("SELECT FROM stepmill.job_events WHERE job_id = %s AND seq = 2 AND feed_id IS NOT NULL", slow)
    assert (await bench.rows(numbers, quick))[0]["feed_id"] < (await bench.rows(numbers, slow))[0]["feed_id"]


async def test_another_tenant_sees_no_job_and_no_event(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    assert (await list_jobs(bench.engine, STRANGER, JobFilter()))["items"] == []
    for look in (
        get_job(bench.engine, STRANGER, job_id),
        list_events(bench.engine, STRANGER, job_id),
        bench.hub.subscribe(STRANGER, job_id),
    ):
        with pytest.raises(NotFoundError):
            await look
