"""Cancel in the middle of long work: nothing of it runs any more, nothing is changed, and a retry makes it good."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stepmill.client import Event
from tests.bars.conftest import ROWS, Figures
from tests.bars.moments import Moment, became, logged, progressing
from tests.bars.platform import ENV, VIEWS, Platform

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]

HANG_SECONDS = 5.0
"""Far more than it takes: under a second is asked for, and printed."""


def cancel_at(platform: Platform, job_id: str, moment: Moment) -> float:
    """Cancel at the moment. Answers the seconds from the call to the event that says CANCELLED."""
    asked: list[float] = []
    told: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        # From a thread of its own: the stream is read on meanwhile, so that the event is seen when it comes.
        threading.Thread(target=platform.client.cancel_job, args=(job_id,)).start()

    def look(event: Event) -> None:
        if became("CANCELLED")(event):
            told.append(time.monotonic())

    platform.follow(job_id, moment, ask, look)
    assert platform.statements_of(job_id) == []
    assert platform.client.get_job(job_id)["status"] == "CANCELLED"
    return told[0] - asked[0]


def test_in_the_middle_of_a_copy(platform: Platform, million: Path, figures: Figures) -> None:
    area_id = platform.make_area()
    job_id = platform.start(area_id, platform.upload(area_id, million))
    seconds = cancel_at(platform, job_id, progressing("Transform"))
    figures(f"Cancel in Transform's COPY: {seconds * 1000:.0f} ms")
    assert seconds < HANG_SECONDS
    steps = {step["name"]: step for step in platform.client.get_job(job_id)["steps"]}
    assert (steps["Extract"]["status"], steps["Load"]["status"]) == ("DONE", "PENDING")
    assert steps["Transform"]["error"]["code"] == "cancelled"  # type: ignore[index]
    assert_retry_is_good(platform, job_id, million)


def test_in_the_middle_of_an_upsert(platform: Platform, million: Path, figures: Figures) -> None:
    area_id = platform.make_area(load_mode="upsert", key_columns=["id"])
    phys_id = platform.load(area_id, million)["result"]["physId"]  # type: ignore[index]
    before = state_of(platform, phys_id)
    job_id = platform.start(area_id, platform.upload(area_id, million, "again.csv"))
    seconds = cancel_at(platform, job_id, logged("Load", "Showing the rows"))
    figures(f"Cancel in an upsert of {ROWS:,} rows into as many: {seconds * 1000:.0f} ms")
    assert seconds < HANG_SECONDS
    assert state_of(platform, phys_id) == before
    platform.assert_holds(phys_id, million)
    assert_retry_is_good(platform, job_id, million)


def test_while_a_reader_holds_the_table(platform: Platform, million: Path, figures: Figures) -> None:
    area_id = platform.make_area(load_mode="replace")
    phys_id = platform.load(area_id, million)["result"]["physId"]  # type: ignore[index]
    before = state_of(platform, phys_id)
    job_id = platform.start(area_id, platform.upload(area_id, million))
    with platform.connect() as reader, reader.transaction():
        reader.execute(f'SELECT count(*) FROM {VIEWS}."{platform.view_of(phys_id)}"')
        seconds = cancel_at(platform, job_id, logged("Load", "Waiting for readers"))
    figures(f"Cancel while a reader holds the view: {seconds * 1000:.0f} ms")
    assert seconds < HANG_SECONDS
    assert state_of(platform, phys_id) == before
    platform.assert_holds(phys_id, million)
    assert_retry_is_good(platform, job_id, million)


def state_of(platform: Platform, phys_id: str) -> tuple[Any, ...]:
    """What readers see of the table, and its loads."""
    with platform.connect() as conn:
        row = conn.execute(
            "SELECT generation, version, rows, (SELECT count(*) FROM load_ledger l WHERE l.phys_id = t.phys_id)"
            " FROM physical_tables t WHERE phys_id = %s",
            (phys_id,),
        ).fetchone()
    assert row is not None
    return row


def assert_retry_is_good(platform: Platform, job_id: str, file: Path) -> None:
    """Tried again, the job ends DONE and the table has the file's rows."""
    platform.client.retry_job(job_id)
    job = platform.client.wait_for_job(job_id)
    assert job["status"] == "DONE", job["error"]
    phys_id = job["result"]["physId"]  # type: ignore[index]
    platform.assert_holds(phys_id, file)
    assert platform.client.list_loads(ENV, phys_id)["items"][0]["jobId"] == job_id
