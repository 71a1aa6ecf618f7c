"""The database refuses what the engine itself writes, for a moment or for good."""

import pytest

from stepmill.engine import step_end
from stepmill.engine.backends import SURVIVES, end_backends
from stepmill.errors import UnavailableError
from tests.engine.superuser import Superuser
from tests.support.engine import Bench

REFUSE = """
CREATE SEQUENCE public.refused;
GRANT USAGE ON SEQUENCE public.refused TO PUBLIC;
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.refused') <= {times} THEN
        RAISE EXCEPTION 'not now' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER a_refusal BEFORE UPDATE ON job_steps FOR EACH ROW
    WHEN (OLD.status = 'RUNNING' AND NEW.status <> 'DONE' AND NEW.status <> 'RUNNING') EXECUTE FUNCTION public.refuse();
"""


@pytest.fixture
def refused(superuser: Superuser) -> Superuser:
    superuser.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return superuser


def refuse(superuser: Superuser, times: int, state: str = "40P01") -> None:
    superuser.execute(REFUSE.format(times=times, state=state).encode())


async def test_a_failure_that_is_in_anothers_way_for_a_moment_is_that_failure(bench: Bench, refused: Superuser) -> None:
    refuse(refused, 2)
    job = await bench.submit("PLAIN", params={"fail": "always"})
    async with bench.worker():
        ended = await bench.follow(job["jobId"])
    assert (ended["status"], ended["error"]["code"]) == ("ERROR", "broken")
    assert await bench.rows("SELECT attempt FROM jobs") == [{"attempt": 1}]


async def test_always_steps_run_though_the_end_of_the_step_before_could_not_be_written(
    bench: Bench, refused: Superuser
) -> None:
    refuse(refused, 1, "XX000")
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
