"""What the list of jobs costs a browser while the jobs change and somebody scrolls through them without a pause."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from tests.cli.processes import Serve
from tests.console.browsing import ready
from tests.console.many_jobs import changing
from tests.console.traces import Work, heap_bytes, recorded

JOBS = 10_000
CHANGES_PER_SECOND = 200
FRAME_MS = 8.0
TASK_MS = 50.0
FIRST_PAINT_MS = 500.0
GROWTH = 1.1
"""How much more the page may hold at the end than when it had read everything and most had changed once."""

_WHEEL_PX = 120
_WHEEL_EVERY_MS = 50
_TURNS = 20
_READING_MS = 120_000
_TRACED_SECONDS = 5.0
_WARM_SECONDS = 20.0
"""Until most of the jobs that can change have done so, whose rows say more from then on, and scripts are compiled."""


@dataclass(frozen=True)
class Watched:
    """A page that was watched: each part's work, and the heap in bytes after each part."""

    seconds: float
    changes: int
    works: tuple[Work, ...]
    heaps: tuple[int, ...]

    @property
    def growth(self) -> float:
        """The heap at the end as a share of that at the beginning, each the least of some samples."""
        some = max(1, len(self.heaps) // 4)
        return min(self.heaps[-some:]) / min(self.heaps[:some])


def watch(server: Serve, browser: Browser, page: Page, env: str, jobs: Sequence[str], seconds: float) -> Watched:
    """Open the list, read all of it, and scroll for so long while some of the jobs change each second."""
    page.goto(f"/jobs?env={env}")
    ready(page).get_by_text(f"{len(jobs):,} jobs, newest first").wait_for()
    _read_all(page, len(jobs))
    works: list[Work] = []
    heaps: list[int] = []
    with changing(server, list(jobs), CHANGES_PER_SECOND) as changes:
        _scroll(page, _WARM_SECONDS)
        begun, before = time.monotonic(), changes.made
        while time.monotonic() < begun + seconds:
            with recorded(browser, page) as recording:
                _scroll(page, _TRACED_SECONDS)
            works.append(recording.work)
            heaps.append(heap_bytes(page))
        took, made = time.monotonic() - begun, changes.made - before
    return Watched(took, made, tuple(works), tuple(heaps))


def _read_all(page: Page, count: int) -> None:
    """Look at the oldest, so that all that come before it are read."""
    page.get_by_role("grid").focus()
    page.keyboard.press("End")
    oldest = page.locator(f'.grid-row.active[aria-rowindex="{count + 1}"]')
    oldest.get_by_role("link").wait_for(timeout=_READING_MS)
    page.keyboard.press("Home")


def _scroll(page: Page, seconds: float) -> None:
    """Down through the list and up again, as with a wheel that does not stop."""
    box = page.locator(".grid.jobs")
    box.hover()
    until = time.monotonic() + seconds
    pixels = _WHEEL_PX
    while time.monotonic() < until:
        for _ in range(_TURNS):
            page.mouse.wheel(0, pixels)
            page.wait_for_timeout(_WHEEL_EVERY_MS)
        top, left = box.evaluate("(box) => [box.scrollTop, box.scrollHeight - box.clientHeight - box.scrollTop]")
        pixels = _WHEEL_PX if top < 1 else -_WHEEL_PX if left < 1 else pixels
