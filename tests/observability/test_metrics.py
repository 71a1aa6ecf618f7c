"""What Prometheus reads of an api and of a worker, after jobs ran."""

import time

import httpx
import pytest
from prometheus_client.metrics_core import Metric

from stepmill.engine.queue_figures import QueueFigures
from tests.cli.processes import clean_environment, stepmill, wait_until
from tests.observability.conftest import TOKEN, Deployment, load, value
from tests.observability.exposed import exposed
from tests.support.engine import Bench

_ITS_TIME_HAS_COME = "UPDATE procrastinate_jobs SET scheduled_at = now() - interval '1 minute' WHERE NOT ready"


def by_type(figures: QueueFigures) -> dict[str, dict[str, float]]:
    """Each metric's figures by job type."""
    return {
        metric.name: {sample.labels["type"]: sample.value for sample in metric.samples if "type" in sample.labels}
        for metric in figures.collect()
    }


class Growth:
    """What was counted since it was made: the tests of a process share the deployment."""

    def __init__(self, deployment: Deployment, who: str) -> None:
        self._deployment = deployment
        self._who = who
        self._before = deployment.scrape(who)

    def of(self, name: str, suffix: str = "", **labels: str) -> float:
        now = self._deployment.scrape(self._who)
        return _sum(now[name], name + suffix, labels) - _sum(self._before[name], name + suffix, labels)


def _sum(metric: Metric, sample_name: str, labels: dict[str, str]) -> float:
    return sum(
        each.value for each in metric.samples if each.name == sample_name and labels.items() <= each.labels.items()
    )


def test_what_jobs_did_is_counted(deployment: Deployment) -> None:
    api, worker = Growth(deployment, "api"), Growth(deployment, "worker")
    of_type = {"type": "CLI_TEST"}
    with deployment.connect() as client:
        done = client.start_job("CLI_TEST", {}, env_id="default")
        failed = client.start_job("CLI_TEST", {"then": "fail"}, env_id="default")
        waits = client.start_job("CLI_TEST", {"then": "wait"}, env_id="default")
        assert client.wait_for_job(done["jobId"])["status"] == "DONE"
        assert client.wait_for_job(failed["jobId"])["status"] == "ERROR"
        wait_until(lambda: client.get_job(waits["jobId"])["steps"][1]["status"] == "RUNNING")
        client.cancel_job(waits["jobId"])
        client.wait_for_job(waits["jobId"])
        client.retry_job(failed["jobId"])
        client.wait_for_job(failed["jobId"])
        later = client.start_job("CLI_TEST", {}, env_id="default", run_at="2100-01-01T00:00:00Z")
        client.cancel_job(later["jobId"])
    finished = "stepmill_jobs_finished_total"
    wait_until(lambda: worker.of(finished, **of_type) >= 4)
    assert worker.of(finished, **of_type, status="DONE") == 1
    assert worker.of(finished, **of_type, status="ERROR") == 2
    assert worker.of(finished, **of_type, status="CANCELLED") == 1
    assert api.of(finished, **of_type, status="CANCELLED") == 1  # it had not begun
    assert api.of("stepmill_jobs_submitted_total", **of_type) == 4
    assert api.of("stepmill_cancel_requests_total", **of_type) == 2
    assert api.of("stepmill_retries_total", **of_type, reason="user") == 1
    assert worker.of("stepmill_run_seconds", "_count", **of_type, outcome="error") == 2
    assert worker.of("stepmill_step_seconds", "_count", **of_type, step="Second", outcome="stopped") == 1
    assert worker.of("stepmill_step_seconds", "_count", **of_type, step="Second", outcome="error") == 2
    assert 1 <= worker.of("stepmill_claim_seconds", "_count", **of_type) <= 4  # a job's end may take the next along
    assert worker.of("stepmill_begin_seconds", "_count", **of_type) == 4
    assert worker.of("stepmill_start_delay_seconds", "_count", **of_type) == 3
    assert worker.of("stepmill_start_delay_seconds", "_sum", **of_type) < 30
    assert worker.of("stepmill_pool_requests_total", pool="statements") > 4
    assert value(deployment.scrape("worker"), "process_resident_memory_bytes") > 10_000_000


def test_rows_of_a_load_are_counted(deployment: Deployment) -> None:
    worker = Growth(deployment, "worker")
    with deployment.connect() as client:
        load(client, "Counted", rows=7)
    wait_until(lambda: worker.of("stepmill_rows_loaded_total", type="FILE_ETL") == 7)


def test_an_autoscaler_sees_slots_and_what_runs(deployment: Deployment) -> None:
    with deployment.connect() as client:
        waits = client.start_job("CLI_TEST", {"then": "wait"}, env_id="default")
        try:
            wait_until(lambda: value(deployment.scrape("api"), "stepmill_running_jobs", type="CLI_TEST") == 1)
            wait_until(lambda: value(deployment.scrape("api"), "stepmill_worker_running_jobs") == 1)
            api, worker = deployment.scrape("api"), deployment.scrape("worker")
            assert value(worker, "stepmill_slots_busy") == 1
            assert value(worker, "stepmill_slots") == value(api, "stepmill_worker_slots") == 2
            assert value(api, "stepmill_type_slots", type="CLI_TEST") == 2
            assert value(api, "stepmill_queue_jobs", type="CLI_TEST") == 0
        finally:
            client.cancel_job(waits["jobId"])
            client.wait_for_job(waits["jobId"])


def test_open_streams_are_counted(deployment: Deployment) -> None:
    wait_until(lambda: value(deployment.scrape("api"), "stepmill_sse_readers") == 0)
    address, headers = f"{deployment.url}/api/stream", {"Authorization": f"Bearer {TOKEN}"}
    with httpx.stream("GET", address, headers=headers, trust_env=False) as events:
        assert events.status_code == 200
        wait_until(lambda: value(deployment.scrape("api"), "stepmill_sse_readers") == 1)
    wait_until(lambda: value(deployment.scrape("api"), "stepmill_sse_readers") == 0)


@pytest.mark.parametrize("who", ["api", "worker"])
def test_a_process_shows_the_metrics_that_the_code_has(who: str, deployment: Deployment) -> None:
    shown = {name for name in deployment.scrape(who) if name.startswith("stepmill_")}
    assert shown == {each.name for each in exposed() if each.where in (who, "both")}


def test_the_queue_is_counted_by_type_with_its_age(deployment: Deployment) -> None:
    with deployment.connect() as client:
        waiting = [client.start_job("CLI_TEST", {"then": "wait"}, env_id="default") for _ in range(4)]
        try:

            def depth() -> float:
                return value(deployment.scrape("api"), "stepmill_queue_jobs", type="CLI_TEST")

            wait_until(lambda: depth() == 2)  # the other two run
            before = time.monotonic()
            wait_until(lambda: value(deployment.scrape("api"), "stepmill_queue_age_seconds", type="CLI_TEST") > 1)
            assert time.monotonic() - before < 20
        finally:
            for job in waiting:
                client.cancel_job(job["jobId"])
            for job in waiting:
                client.wait_for_job(job["jobId"])


def test_a_port_that_is_taken_is_said_in_a_sentence(deployment: Deployment) -> None:
    port = httpx.URL(deployment.worker_metrics).port
    ended = stepmill(
        "worker",
        f"--database-url={deployment.database_url}",
        f"--data-dir={deployment.worker_log.parent}",
        **clean_environment(STEPMILL_METRICS_PORT=str(port)),
    )
    assert ended.returncode != 0
    assert "STEPMILL_METRICS_PORT" in ended.stderr


async def test_jobs_for_later_count_from_their_time_on(bench: Bench) -> None:
    figures = QueueFigures(bench.engine)
    await bench.submit("PLAIN", priority=3)
    await bench.submit("PLAIN")
    await bench.submit("PLAIN", runAt="2100-01-01T00:00:00Z")
    await bench.submit("LOCKED", runAt="2100-01-01T00:00:00Z")
    await figures.refresh()
    queued = by_type(figures)
    assert queued["stepmill_queue_jobs"]["PLAIN"] == 2
    assert queued["stepmill_queue_jobs"]["LOCKED"] == 0
    assert 0 < queued["stepmill_queue_age_seconds"]["PLAIN"] < 30
    await bench.rows(_ITS_TIME_HAS_COME)
    again = QueueFigures(bench.engine)
    await again.refresh()
    queued = by_type(again)
    assert queued["stepmill_queue_jobs"]["LOCKED"] == 1
    assert queued["stepmill_queue_age_seconds"]["LOCKED"] >= 60


async def test_a_database_that_does_not_answer_leaves_the_figures_out(bench: Bench) -> None:
    figures = QueueFigures(bench.engine)
    await bench.database.close()
    await figures.refresh()
    families = {metric.name: metric for metric in figures.collect()}
    assert families["stepmill_queue_read_success"].samples[0].value == 0
    assert families["stepmill_queue_jobs"].samples == []
