"""At the tightest setting a job runs again within four seconds after its worker was killed or frozen."""

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from stepmill.client import Client
from tests.bars.conftest import WITH_PLUGIN, Figures
from tests.bars.platform import ENV
from tests.cli.processes import wait_until
from tests.support.database import DatabaseServer
from tests.support.fleet import Fleet, client_of, kill

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]

ROUNDS = 5
BAR_SECONDS = 4.0

TALK = {"lines": 10_000, "pauseSeconds": 0.05}

_OWNER = "SELECT worker_id FROM job_attempts WHERE job_id = %s AND outcome IS NULL"
_STARTED = """
SELECT extract(epoch FROM started_at)::float8,
    (SELECT outcome FROM job_attempts f WHERE f.job_id = a.job_id AND attempt = 1)
FROM job_attempts a WHERE job_id = %s AND attempt = 2
"""
# Each attempt counts its lines from 0 on.
_LINES = (
    "SELECT (data -> 'fields' ->> 'number')::integer FROM job_events WHERE job_id = %s AND kind = 'log' ORDER BY seq"
)


@pytest.fixture
def fleet(database_server: DatabaseServer, database_url: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(database_server, str(conninfo_to_dict(database_url)["dbname"]), tmp_path, WITH_PLUGIN) as fleet:
        yield fleet


def test_after_a_kill(fleet: Fleet, figures: Figures) -> None:
    url = fleet.start_api("host")
    workers = {name: fleet.start_worker("host", name) for name in ("worker-0", "worker-1")}
    took = []
    with client_of(url) as client:
        for number in range(ROUNDS):
            wait_until(lambda: len(fleet.workers() & set(workers)) == 2, 30)
            job_id = client.start_job("BARS_TALK", TALK, env_id=ENV)["jobId"]
            owner = _owner(fleet, job_id)
            began = time.time()
            kill(workers.pop(owner))
            took.append(_started_again(fleet, job_id) - began)
            _cancel(client, job_id)
            name = f"worker-{number + 2}"
            workers[name] = fleet.start_worker("host", name)
    figures(f"Killed, and running again after {_seconds(took)}")
    assert max(took) < BAR_SECONDS


def test_after_a_freeze(fleet: Fleet, figures: Figures) -> None:
    """Those that wake write nothing, and go on with other jobs."""
    url = fleet.start_api("host")
    workers = {name: fleet.start_worker("host", name) for name in ("worker-0", "worker-1")}
    took = []
    with client_of(url) as client:
        for _ in range(ROUNDS):
            wait_until(lambda: fleet.workers() == set(workers), 30)
            job_id = client.start_job("BARS_TALK", TALK, env_id=ENV)["jobId"]
            owner = _owner(fleet, job_id)
            began = time.time()
            os.kill(workers[owner].pid, signal.SIGSTOP)
            took.append(_started_again(fleet, job_id) - began)
            os.kill(workers[owner].pid, signal.SIGCONT)
            beside = [client.start_job("BARS_TALK", {"lines": 1}, env_id=ENV)["jobId"] for _ in range(4)]
            assert {client.wait_for_job(each)["status"] for each in beside} == {"DONE"}
            _cancel(client, job_id)
            lines = [row[0] for row in fleet.rows(_LINES, job_id)]
            assert [this for last, this in pairwise(lines) if this not in (0, last + 1)] == []
            assert lines.count(0) <= 2
    assert all(process.poll() is None for process in workers.values())
    figures(f"Frozen, and running elsewhere after {_seconds(took)}")
    assert max(took) < BAR_SECONDS


def _owner(fleet: Fleet, job_id: str) -> str:
    wait_until(lambda: bool(fleet.rows(_OWNER, job_id)), 30)
    [(worker_id,)] = fleet.rows(_OWNER, job_id)
    return str(worker_id)


def _started_again(fleet: Fleet, job_id: str) -> float:
    """When the second attempt began, by the one machine's clock."""
    wait_until(lambda: bool(fleet.rows(_STARTED, job_id)), 30)
    [(at, first)] = fleet.rows(_STARTED, job_id)
    assert first == "crashed"
    return float(at)


def _cancel(client: Client, job_id: str) -> None:
    client.cancel_job(job_id)
    assert client.wait_for_job(job_id)["status"] == "CANCELLED"


def _seconds(took: list[float]) -> str:
    return f"{', '.join(f'{each:.2f}' for each in sorted(took))} s"
