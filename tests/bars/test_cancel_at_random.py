"""50 cancels at random moments of statements, requests and computing: each stops it, for sure and at once."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from stepmill.client import Event
from tests.bars.conftest import Figures
from tests.bars.moments import became
from tests.bars.platform import ENV, Platform

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]

CANCELS = 50
LATEST_SECONDS = 1.5
"""The cancel comes so long at most after the job began: also before its step has done anything."""
HANG_SECONDS = 5.0
"""Far more than it takes: under a second is asked for, and printed."""
GONE_SECONDS = 1.0


class EndlessServer(ThreadingHTTPServer):
    """Its answers never end; it knows which are still being read."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Drip)
        self.reading: set[str] = set()

    @property
    def url(self) -> str:
        """Where it is; what follows names the reader."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Drip(BaseHTTPRequestHandler):
    server: EndlessServer

    def do_GET(self) -> None:
        self.server.reading.add(self.path)
        try:
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b".")
                time.sleep(0.02)
        except OSError:  # the reader is gone
            self.server.reading.discard(self.path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
        pass


@contextmanager
def endless_server() -> Iterator[EndlessServer]:
    """A server on a free port."""
    with EndlessServer() as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def cancelled_after(platform: Platform, job_id: str, seconds: float) -> float:
    """Cancel a job so long after it began. Answers the seconds from the call to the event that says CANCELLED."""
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        platform.client.cancel_job(job_id)

    timer = threading.Timer(seconds, ask)

    def look(event: Event) -> None:
        if became("CANCELLED")(event):
            told.append(time.monotonic())

    told: list[float] = []

    def began(event: Event) -> bool:
        return event.data.get("status") == "RUNNING"

    platform.follow(job_id, began, timer.start, look)
    timer.join()
    return told[0] - asked[0]


def seconds_until(true: Callable[[], bool]) -> float:
    """How long it takes, in steps of a few milliseconds; after five seconds it is given up."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + HANG_SECONDS, "something of the job still runs"
        time.sleep(0.005)
    return time.monotonic() - began


def computes(pid_file: Path) -> bool:
    """Whether the process that wrote its id there still runs."""
    if not pid_file.exists():
        return False
    try:
        return psutil.Process(int(pid_file.read_text())).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_each_is_cancelled_and_nothing_of_it_goes_on(platform: Platform, tmp_path: Path, figures: Figures) -> None:
    chance = random.Random(8)
    took: dict[str, list[float]] = {"BARS_ASK": [], "BARS_FETCH": [], "BARS_COMPUTE": []}
    gone: list[float] = []
    with endless_server() as server:
        for number in range(CANCELS):
            kind = list(took)[number % len(took)]
            pid_file, path = tmp_path / str(number), f"/{number}"
            params = {"url": f"{server.url}{number}", "pidFile": str(pid_file)}
            job_id = platform.client.start_job(kind, params, env_id=ENV)["jobId"]
            took[kind].append(cancelled_after(platform, job_id, chance.uniform(0, LATEST_SECONDS)))

            def is_over(job_id: str = job_id, pid_file: Path = pid_file, path: str = path) -> bool:
                return not (platform.statements_of(job_id) or computes(pid_file) or path in server.reading)

            gone.append(seconds_until(is_over))
            assert platform.client.get_job(job_id)["status"] == "CANCELLED"
    worst = max(map(max, took.values()))
    medians = ", ".join(f"{kind[5:].lower()} {statistics.median(each) * 1000:.0f} ms" for kind, each in took.items())
    figures(
        f"{CANCELS} cancels at random moments: CANCELLED after {medians} (medians), {worst * 1000:.0f} ms at most; "
        f"nothing of them ran {max(gone) * 1000:.0f} ms later."
    )
    assert worst < HANG_SECONDS
