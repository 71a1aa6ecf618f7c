"""What the console's list of 10,000 jobs costs a browser while 200 of them change each second and it is scrolled.

Time is the clock's, so the machine should have nothing else to do. ``STEPMILL_BENCH_SECONDS`` watches for longer.
"""

import asyncio
import os
from statistics import median

from playwright.sync_api import sync_playwright
from tests.cli.processes import serving_fresh
from tests.console.browsing import chromium, new_context, sign_in
from tests.console.environments import make_environment
from tests.console.many_jobs import many_jobs
from tests.console.traces import first_paint_ms
from tests.console.watching import CHANGES_PER_SECOND, FIRST_PAINT_MS, FRAME_MS, GROWTH, JOBS, TASK_MS, Watched, watch

from bench.report import Row, at_most

TITLE = f"The console: {JOBS:,} jobs, {CHANGES_PER_SECOND} changes a second, in Chromium"

_SECONDS = float(os.environ.get("STEPMILL_BENCH_SECONDS", "60"))
_PAINTS = 5


async def measure_rows() -> list[Row]:
    """The figures as a table."""
    paints, watched = await asyncio.to_thread(_measure)
    works, heaps = watched.works, watched.heaps
    return [
        at_most("first paint, cold cache, median", median(paints), FIRST_PAINT_MS, " ms"),
        at_most("work of a frame, 95th percentile", median(each.frame_p95_ms for each in works), FRAME_MS, " ms"),
        Row("the same in processor time", f"{median(each.frame_p95_cpu_ms for each in works):.2f} ms"),
        at_most("longest task", max(each.longest_task_ms for each in works), TASK_MS, " ms"),
        at_most("heap at the end against the beginning", watched.growth, GROWTH),
        Row("heap, least and most", f"{min(heaps) / 1e6:.2f} MB, {max(heaps) / 1e6:.2f} MB"),
        Row("watched", f"{watched.seconds:.0f} s, {watched.changes:,} changes, {len(works)} traces"),
    ]


def _measure() -> tuple[list[float], Watched]:
    with (
        serving_fresh() as server,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        session = sign_in(browser, server.run("link").stdout.strip())
        env = make_environment(server)
        with many_jobs(server, JOBS, env) as jobs:
            paints = []
            for _ in range(_PAINTS):
                with new_context(browser, server.url, session) as context:
                    paints.append(first_paint_ms(context.new_page(), f"/jobs?env={env}"))
            with new_context(browser, server.url, session) as context:
                return paints, watch(server, browser, context.new_page(), env, jobs, _SECONDS)
