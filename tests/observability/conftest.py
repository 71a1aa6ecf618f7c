"""A deployment that is looked at from outside: an api and a worker as processes, and a collector of their traces."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from stepmill.client import Client
from stepmill.gateways.sql.database import Database
from tests.cli.processes import clean_environment, is_ready, wait_until
from tests.engine import job_types
from tests.observability.otlp import Collector, collecting
from tests.support.database import DatabaseServer
from tests.support.engine import Bench

TOKEN = "a-token-for-these-tests"
PLUGIN = Path(__file__).parents[1] / "cli" / "plugin"


@dataclass(frozen=True)
class Deployment:
    """What was started."""

    url: str
    database_url: str
    worker_metrics: str
    worker_log: Path
    traces: Collector

    def connect(self) -> Client:
        return Client(self.url, TOKEN)

    def scrape(self, who: str) -> dict[str, Metric]:
        """The metrics of the `api` or of the `worker`, by the names that the page has."""
        address = self.worker_metrics if who == "worker" else f"{self.url}/metrics"
        text = httpx.get(address, trust_env=False).raise_for_status().text
        families = text_string_to_metric_families(text)
        return {f"{each.name}_total" if each.type == "counter" else each.name: each for each in families}

    def logged(self) -> list[dict[str, Any]]:
        """The worker's log."""
        return [json.loads(line) for line in self.worker_log.read_text().splitlines() if line.startswith("{")]


def load(client: Client, area: str, *, rows: int) -> str:
    """Load a small file into a new area. Answers the job."""
    area_id = client.create_area("default", area)["areaId"]
    content = "id,name\n" + "".join(f"{number},secret-{number}\n" for number in range(rows))
    file_id = client.upload_file("default", area_id, content.encode(), name="things.csv")["fileId"]
    job = client.start_job("FILE_ETL", {"areaId": area_id, "fileId": file_id}, env_id="default")
    ended = client.wait_for_job(job["jobId"])
    assert ended["status"] == "DONE", ended
    return str(job["jobId"])


def value(metrics: dict[str, Metric], name: str, suffix: str = "", **labels: str) -> float:
    """One sample."""
    found = [
        sample.value
        for sample in metrics[name].samples
        if sample.name == name + suffix and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, f"{name}{suffix} {labels}: {metrics[name].samples}"
    return found[0]


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    """An engine with small job types, without a worker."""
    async with Bench(database, tmp_path, job_types.ALL).started() as bench:
        yield bench


@pytest.fixture(scope="session")
def deployment(database_server: DatabaseServer) -> Iterator[Deployment]:
    """One api and one worker, shared by the tests of a process."""
    with (
        collecting() as traces,
        tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as folder,
        database_server.clone() as url,
    ):
        port = _free_port()
        environment = clean_environment(
            PYTHONPATH=str(PLUGIN),
            STEPMILL_DATABASE_URL=url,
            STEPMILL_DATA_DIR=folder,
            STEPMILL_TOKEN=TOKEN,
            STEPMILL_LOG_FORMAT="json",
            STEPMILL_METRICS_PORT=str(port),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{traces.port}",
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        api_log, worker_log = Path(folder) / "api.log", Path(folder) / "worker.log"
        with _process(["api", "--json", "--port=0"], environment, api_log) as api:
            assert api.stdout is not None
            line = api.stdout.readline()
            assert line, api_log.read_text()
            ready = json.loads(line)
            wait_until(lambda: is_ready(ready["url"]))
            with _process(["worker", "--concurrency=2"], environment, worker_log):
                metrics = f"http://127.0.0.1:{port}/metrics"
                wait_until(lambda: _answers(metrics))
                yield Deployment(ready["url"], url, metrics, worker_log, traces)


@contextmanager
def _process(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[str]"]:
    errors: IO[str]
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "stepmill.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        ) as process,
    ):
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
