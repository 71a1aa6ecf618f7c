"""What a step reports, while it ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stepmill.engine.reporting import StepReport
from tests.support.engine import Bench

LOSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT report_v1%%'"
BLOCKED = "SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT report_v1%%' AND wait_event_type = 'Lock'"


@asynccontextmanager
async def writes_held_up(bench: Bench) -> AsyncIterator[StepReport]:
    """The report of a job's first step, whose events nobody can write until the block's end."""
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'worker-1')", job_id)
    async with bench.database.transaction("stepmill_engine") as conn:
        await conn.execute("SELECT FROM job_event_counters WHERE job_id = %s FOR UPDATE", (job_id,))
        yield StepReport(bench.engine, job_id, 1, 0, "One")


async def test_a_line_that_is_being_written_as_the_step_ends_is_not_lost(bench: Bench) -> None:
    async with writes_held_up(bench) as report:
        report.log("warning", "first")
        await bench.until(
            "SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT report_v1%%' AND wait_event_type = 'Lock'"
        )
        report.log("warning", "second")
        closing = asyncio.create_task(report.close())
        await asyncio.wait({closing}, timeout=0.5)  # in which nothing may happen
    await closing
    lines = await bench.rows("SELECT data ->> 'message' AS text FROM job_events WHERE kind = 'log' ORDER BY seq")
    assert [line["text"] for line in lines] == ["first", "second"]


async def test_a_step_that_is_stopped_while_its_lines_are_written_loses_none(bench: Bench) -> None:
    async with writes_held_up(bench) as report:
        report.log("info", "first")
        await bench.until(BLOCKED)
        report.log("info", "second")
        step = asyncio.create_task(report.close())
        await asyncio.wait({step}, timeout=0.2)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        stopping = asyncio.create_task(report.close())
        report.log("info", "third")
    await stopping
    lines = await bench.rows("SELECT data ->> 'message' AS text FROM job_events WHERE kind = 'log' ORDER BY seq")
    assert [line["text"] for line in lines] == ["first", "second", "third"]


async def test_lines_whose_write_was_cut_off_are_written_again(bench: Bench) -> None:
    async with writes_held_up(bench) as report:
        report.log("info", "first")
        report.progress(1)
        await bench.until(BLOCKED)
        await bench.until(LOSE)
    # By itself, though the step says nothing more.
    await bench.until("SELECT FROM stepmill.job_events WHERE kind = 'log'")
    await report.close()
    told = await bench.rows("SELECT kind, data ->> 'message' AS text FROM job_events ORDER BY seq")
    assert [(row["kind"], row["text"]) for row in told[-2:]] == [("log", "first"), ("progress", None)]


async def test_a_report_that_comes_with_the_steps_end_does_not_hold_it_up(bench: Bench) -> None:
    job = await bench.submit("PLAIN")
    report = StepReport(bench.engine, job["jobId"], 1, 0, "One")
    report._progress_at = time.monotonic()  # as if progress had been written just now: the next waits for its turn
    report.progress(1)
    for _ in range(5):
        await asyncio.sleep(0)
    report.progress(2)
    closing = asyncio.create_task(report.close())
    closed, _ = await asyncio.wait({closing}, timeout=20)
    closing.cancel()
    assert closed, "the end of the step waits for a report that nobody writes"
    assert report.latest_progress is not None
    assert report.latest_progress["done"] == 2


async def test_a_step_that_ends_at_once_has_its_progress_told_by_its_end(bench: Bench) -> None:
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'worker-1')", job_id)
    short, longer = (StepReport(bench.engine, job_id, 1, 0, "One") for _ in range(2))
    for report in (short, longer):
        report._progress_at = time.monotonic()
        report.progress(7)
    await short.close(end_has_progress=True)
    assert await bench.rows("SELECT FROM job_events WHERE kind = 'progress'") == []
    assert short.latest_progress is not None
    longer._has_written_progress = True
    await longer.close(end_has_progress=True)
    [told] = await bench.rows("SELECT data ->> 'done' AS done FROM job_events WHERE kind = 'progress'")
    assert told == {"done": "7"}


async def test_a_report_that_is_refused_for_good_is_tried_ever_more_seldom(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    enough = asyncio.Event()

    async def no_pause(report: StepReport, seconds: float, *, for_news: bool) -> None:
        waits.append(seconds)
        report._wake.set()
        if len(waits) == 6:
            enough.set()

    monkeypatch.setattr(StepReport, "_pause", no_pause)
    job_id = (await bench.submit("PLAIN"))["jobId"]
    await bench.rows("SELECT begin_attempt_v1(%s, 'worker-1')", job_id)
    bench.past_the_guards("UPDATE job_event_counters SET last_seq = 99")
    report = StepReport(bench.engine, job_id, 1, 0, "One")
    report.log("info", "first")
    await enough.wait()
    await report.close()
    assert waits[:6] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
