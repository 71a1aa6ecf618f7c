"""The database refuses what the engine itself writes, for a moment or for good."""

import pytest

from stepmill.engine import step_end
from stepmill.engine.backends import SURVIVES, end_backends
from stepmill.errors import UnavailableError
from tests.engine.superuser import Superuser, refuse
from tests.support.engine import Bench

ENDS = "OLD.status = 'RUNNING' AND NEW.status <> 'DONE' AND NEW.status <> 'RUNNING'"


async def test_a_failure_that_is_in_anothers_way_for_a_moment_is_that_failure(
    bench: Bench, superuser: Superuser
) -> None:
    refuse(superuser, "UPDATE ON job_steps", ENDS, times=2)
    job = await bench.submit("PLAIN", params={"fail": "always"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert (ended["status"], ended["error"]["code"]) == ("ERROR", "broken")
    assert await bench.rows("SELECT attempt FROM jobs") == [{"attempt": 1}]


async def test_always_steps_run_though_the_end_of_the_step_before_could_not_be_written(
    bench: Bench, superuser: Superuser
) -> None:
    refuse(superuser, "UPDATE ON job_steps", ENDS, state="XX000")
    job = await bench.submit("FAILS_THEN_RELEASES", params={"fail": "broken"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert (ended["status"], ended["error"]["code"]) == ("ERROR", "database_error")
    steps = await bench.rows("SELECT status FROM job_steps ORDER BY idx")
    assert steps[-1]["status"] == "DONE"


async def test_a_job_is_cancelled_when_its_statements_are_gone_and_not_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def stubborn(database: object, name: str) -> None:
        tried.append(name)
        if len(tried) < 3:
            raise UnavailableError(SURVIVES, "It can't be ended.")
        await end_backends(bench.database, name)

    monkeypatch.setattr(step_end, "end_backends", stubborn)
    job = await bench.submit("SLOW_SQL")
    async with bench.worker():
        await bench.follow(job["jobId"], until=lambda event: event.kind == "step" and event.data["status"] == "RUNNING")
        await bench.rows("SELECT cancel_v1(%s)", job["jobId"])
        ended = await bench.follow(job["jobId"])
    assert ended["status"] == "CANCELLED"
    assert len(tried) >= 3
