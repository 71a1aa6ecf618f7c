"""Why is it waiting? One true sentence for each cause, over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stepmill import samples
from stepmill.client import Waiting
from stepmill.settings import Settings
from tests.bars.conftest import WITH_PLUGIN
from tests.bars.platform import ENV, VIEWS, Platform
from tests.cli.processes import serving, wait_until

SLOTS = Settings.model_fields["worker_concurrency"].default

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(200)]


def why(platform: Platform, job_id: str) -> Waiting:
    """Why it waits, which it must."""
    waiting = platform.client.get_job(job_id)["waiting"]
    assert waiting is not None
    return waiting


def is_code(platform: Platform, job_id: str, code: str) -> bool:
    """Whether it waits for this cause now."""
    waiting = platform.client.get_job(job_id)["waiting"]
    return waiting is not None and waiting["code"] == code


def test_for_a_time(platform: Platform) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    params = {"lines": 1}
    job_id = platform.client.start_job("BARS_TALK", params, env_id=ENV, run_at=at)["jobId"]
    waiting = why(platform, job_id)
    assert waiting["code"] == "run_at"
    assert waiting["message"] == f"It is set to run at {at.isoformat().replace('+00:00', 'Z')}."
    platform.client.cancel_job(job_id)


def test_for_a_back_off(platform: Platform) -> None:
    job_id = platform.client.start_job("BARS_FAIL", {}, env_id=ENV)["jobId"]
    wait_until(lambda: is_code(platform, job_id, "backoff"))
    message = why(platform, job_id)["message"]
    assert message.startswith("Attempt ")
    assert " of 5 failed (The other side is out to lunch.); it is tried again at 20" in message
    platform.client.cancel_job(job_id)


def test_for_a_load_of_the_same_table(platform: Platform) -> None:
    area_id = platform.make_area(load_mode="replace")
    first = platform.load(area_id, samples.airports(), "airports.csv.gz")
    assert first["status"] == "DONE", first["error"]
    view = platform.view_of(first["result"]["physId"])  # type: ignore[index]
    file_id = platform.upload(area_id, samples.airports(), "airports.csv.gz")
    with platform.connect() as reader, reader.transaction():
        reader.execute(f'SELECT count(*) FROM {VIEWS}."{view}"')  # holds the view: no load can be shown
        holder = platform.start(area_id, file_id)
        wait_until(lambda: step_of(platform, holder, "Load") == "RUNNING")
        waiter = platform.start(area_id, file_id)
        wait_until(lambda: is_code(platform, waiter, "lock"))
        waiting = why(platform, waiter)
        assert platform.client.get_job(waiter)["status"] == "RUNNING"  # it has begun, and gave its worker slot up
    assert waiting["message"].startswith(f"Job {holder} holds the lock load:{ENV}:{area_id} since 20")
    held_by = waiting["heldBy"]
    assert held_by is not None
    assert held_by["jobId"] == holder
    for job_id in (holder, waiter):
        job = platform.client.wait_for_job(job_id)
        assert job["status"] == "DONE"
        assert job["waiting"] is None


def test_for_a_worker_of_its_type(big_files: Path) -> None:
    environment = {**WITH_PLUGIN, "STEPMILL_WORKER_TYPES": "BARS_FAIL"}
    with serving(big_files / "other-types", **environment) as running, running.connect() as client:
        wait_until(client.workers)
        job_id = client.start_job("BARS_TALK", {"lines": 1}, env_id=ENV)["jobId"]
        waiting = why(Platform(running, client), job_id)
    assert waiting["code"] == "no_worker"
    assert waiting["message"] == "No worker that runs BARS_TALK is alive. Start one with `stepmill worker`."


def test_for_a_free_place(platform: Platform) -> None:
    talk = {"lines": 100_000, "pauseSeconds": 0.1}
    busy = [platform.client.start_job("BARS_TALK", talk, env_id=ENV)["jobId"] for _ in range(SLOTS)]
    wait_until(lambda: all(platform.client.get_job(job_id)["status"] == "RUNNING" for job_id in busy))
    job_id = platform.client.start_job("BARS_TALK", {"lines": 1}, env_id=ENV)["jobId"]
    wait_until(lambda: is_code(platform, job_id, "workers_busy"))  # workers tell how busy they are with each beat
    assert why(platform, job_id)["message"] == (
        f"All {SLOTS} worker slots for BARS_TALK are taken; it starts when one is free."
    )
    for each in busy:
        platform.client.cancel_job(each)
    assert platform.client.wait_for_job(job_id)["status"] == "DONE"


def step_of(platform: Platform, job_id: str, name: str) -> str:
    """A step's state."""
    return next(step["status"] for step in platform.client.get_job(job_id)["steps"] if step["name"] == name)
