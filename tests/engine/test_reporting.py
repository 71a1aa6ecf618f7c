"""What a step reports, while it ends."""

import asyncio
import time

from stepmill.engine.reporting import StepReport
from tests.support.engine import Bench


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
