"""Statistics count what happened when."""

from datetime import UTC, datetime, timedelta

import pytest

from stepmill.engine.stats import stats
from stepmill.errors import InputError
from tests.support.engine import CALLER, Bench


async def test_series_count_jobs_and_the_queue(bench: Bench) -> None:
    async with bench.worker():
        done = await bench.submit("PLAIN")
        failed = await bench.submit("PLAIN", params={"fail": "always"})
        for job in (done, failed):
            await bench.follow(job["jobId"])
    await bench.submit("PLAIN")
    await bench.submit("COMPUTE")
    answer = await stats(bench.engine, CALLER, step_seconds=3600, job_type="PLAIN")
    (bucket,) = answer["series"]
    assert bucket["submitted"] == 3
    assert bucket["finished"] == {"DONE": 1, "ERROR": 1, "CANCELLED": 0}
    assert bucket["queueDepth"] == 1
    assert set(bucket["stepSeconds"]) == {"One", "Two"}


async def test_a_range_must_make_sense(bench: Bench) -> None:
    now = datetime.now(UTC)
    with pytest.raises(InputError, match="before"):
        await stats(bench.engine, CALLER, start=now, end=now)
    with pytest.raises(InputError, match="buckets"):
        await stats(bench.engine, CALLER, start=now - timedelta(days=1), end=now, step_seconds=1)
