"""How much a page works: Chromium's own trace of its main thread, its heap, and the moment of its first paint."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

from playwright.sync_api import Browser, Page

_CATEGORIES = [
    "blink.user_timing",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
]
_BEGIN, _END = "stepmill-trace-begin", "stepmill-trace-end"
_FIRST_PAINT = """
() => new Promise((painted) => new PerformanceObserver((list, observer) => {
  const entry = list.getEntriesByName('first-contentful-paint')[0];
  if (!entry) return;
  observer.disconnect();
  painted(entry.startTime);
}).observe({ type: 'paint', buffered: true }))
"""
_PER_MS = 1000.0
_MS_PER_SECOND = 1000.0

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """What a page's main thread did. The processor's time leaves out when another program had the processor."""

    seconds: float
    frames_ms: tuple[float, ...]
    """The work of each frame: all tasks from its begin to the next frame's begin."""
    frames_cpu_ms: tuple[float, ...]
    tasks_ms: tuple[float, ...]
    tasks_cpu_ms: tuple[float, ...]

    @property
    def frame_p95_ms(self) -> float:
        """The work that 95% of the frames do not exceed."""
        return percentile(self.frames_ms, 0.95)

    @property
    def frame_p95_cpu_ms(self) -> float:
        """The same in the processor's time."""
        return percentile(self.frames_cpu_ms, 0.95)

    @property
    def longest_task_ms(self) -> float:
        """The longest time in which the page could not answer its reader."""
        return max(self.tasks_ms, default=0.0)

    @property
    def longest_task_cpu_ms(self) -> float:
        """The same in the processor's time."""
        return max(self.tasks_cpu_ms, default=0.0)

    def __str__(self) -> str:
        return (
            f"{len(self.frames_ms)} frames in {self.seconds:.1f} s; p95 of a frame's work {self.frame_p95_ms:.1f} ms"
            f" ({self.frame_p95_cpu_ms:.1f} ms of processor); longest task {self.longest_task_ms:.1f} ms"
            f" ({self.longest_task_cpu_ms:.1f} ms)"
        )


class Recording:
    """A trace that is being made, and what it says once it is complete."""

    def __init__(self) -> None:
        self._work: Work | None = None

    @property
    def work(self) -> Work:
        """What the page did in the block."""
        assert self._work is not None, "the recording has not ended"
        return self._work

    def complete(self, trace: bytes) -> None:
        """Read the trace that Chromium has written."""
        self._work = work_of(json.loads(trace)["traceEvents"])


@contextmanager
def recorded(browser: Browser, page: Page) -> Iterator[Recording]:
    """Trace what a page does in the block: one page of a browser at a time, and seconds rather than minutes."""
    recording = Recording()
    browser.start_tracing(page=page, categories=_CATEGORIES)
    try:
        page.evaluate("(name) => performance.mark(name)", _BEGIN)
        yield recording
        page.evaluate("(name) => performance.mark(name)", _END)
    finally:
        trace = browser.stop_tracing()
    recording.complete(trace)


def work_of(events: Iterable[Event]) -> Work:
    """What the main thread of the page that set the marks did between them. Pure."""
    events = list(events)
    begin = next(event for event in events if event["name"] == _BEGIN)
    end = next(event for event in events if event["name"] == _END)
    thread = (begin["pid"], begin["tid"])
    mine = [
        event for event in events if (event["pid"], event["tid"]) == thread and begin["ts"] <= event["ts"] < end["ts"]
    ]
    tasks = [event for event in mine if event["name"] == "RunTask" and event["ph"] == "X"]
    frames = sorted(event["ts"] for event in mine if event["name"] == "BeginMainThreadFrame")
    return Work(
        seconds=(end["ts"] - begin["ts"]) / 1e6,
        frames_ms=_by_frame(frames, tasks, "dur"),
        frames_cpu_ms=_by_frame(frames, tasks, "tdur"),
        tasks_ms=tuple(task.get("dur", 0) / _PER_MS for task in tasks),
        tasks_cpu_ms=tuple(task.get("tdur", 0) / _PER_MS for task in tasks),
    )


def _by_frame(frames: list[float], tasks: list[Event], measure: str) -> tuple[float, ...]:
    """The sum of the tasks of each frame. A frame begins within a task, which is its own: so a task's end decides."""
    sums = [0.0] * len(frames)
    for task in tasks:
        frame = bisect_right(frames, task["ts"] + task.get("dur", 0)) - 1
        if frame >= 0:
            sums[frame] += task.get(measure, 0) / _PER_MS
    return tuple(sums)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that this share of them does not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[ceil(share * len(ordered)) - 1] if ordered else 0.0


def heap_bytes(page: Page) -> int:
    """What a page's scripts hold on to, after all that can go is gone."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("HeapProfiler.collectGarbage")
        return int(session.send("Runtime.getHeapUsage")["usedSize"])
    finally:
        session.detach()


def first_paint_ms(page: Page, path: str) -> float:
    """From asking for a screen to the first that is painted of it. Cold if nothing was opened in the context before."""
    page.goto(path, wait_until="commit")
    return float(page.evaluate(_FIRST_PAINT))


def first_paint_cpu_ms(page: Page, path: str) -> float:
    """The processor's time that the page's main thread has taken when the first of a screen is painted."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        first_paint_ms(page, path)
        metrics = session.send("Performance.getMetrics")["metrics"]
    finally:
        session.detach()
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration") * _MS_PER_SECOND)
