"""That the figures of a page's work mean what they say: on a page that is kept busy on purpose, and by hand."""

import pytest
from playwright.sync_api import Browser, Page

from tests.console.browsing import OpenPage
from tests.console.traces import Work, first_paint_ms, heap_bytes, percentile, recorded, work_of

BUSY_MS = 80
FRAMES = 12
_BUSY = f"""
() => new Promise((done) => {{
  const busy = (milliseconds) => {{
    const until = performance.now() + milliseconds;
    while (performance.now() < until);
  }};
  let left = {FRAMES};
  const draw = () => {{
    document.body.style.outline = `${{left}}px solid`;
    busy(left === 6 ? {BUSY_MS} : 5);
    if (--left) requestAnimationFrame(draw);
    else setTimeout(done, 50);
  }};
  requestAnimationFrame(draw);
}})
"""
_KEEP = "() => { globalThis.kept = Array.from({ length: 200_000 }, (_, number) => ({ number })) }"


def _event(name: str, at: float, tid: int = 1, **more: object) -> dict[str, object]:
    return {"name": name, "pid": 7, "tid": tid, "ph": "X", "ts": at, **more}


def test_work_is_counted_by_frame_on_the_pages_own_thread() -> None:
    events = [
        _event("RunTask", 50, dur=30, tdur=20),  # before the recording
        _event("stepmill-trace-begin", 100),
        _event("RunTask", 1_000, dur=500, tdur=400),  # before the first frame
        _event("RunTask", 2_000, dur=4_000, tdur=3_000),
        _event("BeginMainThreadFrame", 2_010),
        _event("RunTask", 7_000, dur=1_000, tdur=1_000),  # a stream's message, between two frames
        _event("RunTask", 8_000, tid=2, dur=90_000, tdur=90_000),  # another thread
        _event("RunTask", 18_000, dur=2_000, tdur=2_000),
        _event("BeginMainThreadFrame", 18_010),
        _event("stepmill-trace-end", 30_000),
        _event("RunTask", 31_000, dur=90_000, tdur=90_000),
    ]
    work = work_of(reversed(events))
    assert work == Work(0.0299, (5.0, 2.0), (4.0, 2.0), tuple(reversed((0.5, 4.0, 1.0, 2.0))), (2.0, 1.0, 3.0, 0.4))
    assert (work.frame_p95_ms, work.longest_task_ms) == (5.0, 4.0)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (20, 19), (100, 95), (101, 96)])
def test_a_percentile_is_one_of_the_values(count: int, expected: float) -> None:
    assert percentile([float(value) for value in range(1, count + 1)], 0.95) == expected
    assert percentile([], 0.95) == 0.0


@pytest.mark.slow
def test_a_busy_page_is_seen_to_be_busy(browser: Browser, page: Page) -> None:
    page.goto("/")
    with recorded(browser, page) as recording:
        page.evaluate(_BUSY)
    work = recording.work
    assert len(work.frames_ms) >= FRAMES
    assert work.longest_task_ms >= BUSY_MS
    assert work.frame_p95_ms >= 5.0
    assert 0 < work.longest_task_cpu_ms <= work.longest_task_ms


@pytest.mark.slow
def test_what_a_page_keeps_is_in_its_heap(page: Page) -> None:
    page.goto("/")
    before = heap_bytes(page)
    page.evaluate(_KEEP)
    kept = heap_bytes(page)
    assert kept - before > 2_000_000
    page.evaluate("() => { globalThis.kept = null }")
    assert heap_bytes(page) < before + (kept - before) / 2


@pytest.mark.slow
def test_a_first_paint_comes_after_the_page_was_asked_for(open_page: OpenPage) -> None:
    page = open_page()
    painted = first_paint_ms(page, "/")
    answered = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
    assert 0 < answered <= painted
