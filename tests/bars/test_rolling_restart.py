"""A rolling restart of three workers under load: nothing is lost or done twice, as plain SQL has it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from bench.make_csv import write_csv
from psycopg.conninfo import conninfo_to_dict

from stepmill.client import Client
from tests.bars.conftest import WITH_PLUGIN, Figures
from tests.bars.platform import ENV
from tests.cli.processes import wait_until
from tests.support.database import DatabaseServer
from tests.support.fleet import Fleet, client_of, ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROUNDS = 3
SLOTS = 4
GRACE_SECONDS = 1.0
STOP_SECONDS = GRACE_SECONDS + 20.0
PATIENCE_SECONDS = 90.0  # a worker starts in two; the machine may have other things to do
SETTINGS = {
    **WITH_PLUGIN,
    "STEPMILL_SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS),
    "STEPMILL_WORKER_CONCURRENCY": str(SLOTS),
}
FILE_ROWS = 60_000

EFFECTS = """
CREATE TABLE bars_effects (job_id text NOT NULL, step text NOT NULL, attempt integer NOT NULL);
GRANT SELECT, INSERT ON bars_effects TO stepmill_loader
"""
NOT_DONE_ONCE = """
SELECT job_id, data ->> 'name', array_agg(data ->> 'status' ORDER BY seq) FROM job_events WHERE kind = 'step'
GROUP BY job_id, data ->> 'name'
HAVING count(*) FILTER (WHERE data ->> 'status' = 'DONE') <> 1
    OR (array_agg(data ->> 'status' ORDER BY seq DESC))[1] <> 'DONE'
"""
"""Steps without exactly one DONE, which is the last that is said of them: one that ran after it was DONE, say."""
UNFINISHED = "SELECT count(*) FROM jobs WHERE status IN ('PENDING', 'RUNNING')"
WITH_GAPS = "SELECT job_id FROM job_events GROUP BY job_id HAVING (min(seq), max(seq)) <> (1, count(*))"
LEFT_BEHIND = """
SELECT (SELECT count(*) FROM job_locks), (SELECT count(*) FROM job_attempts WHERE ended_at IS NULL),
    (SELECT count(*) FROM load_targets), (SELECT count(*) FROM procrastinate_jobs)
"""


class Load:
    """Jobs, submitted in a thread of its own until told to stop: always more than the workers have slots."""

    def __init__(self, fleet: Fleet, url: str, file: Path) -> None:
        self.jobs: list[str] = []
        self._fleet = fleet
        self._url = url
        self._file = file
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._submit, name="load")

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _submit(self) -> None:
        random = Random(9)
        with client_of(self._url) as client:
            areas = [client.create_area(ENV, f"area {n}", load_mode="append")["areaId"] for n in range(2)]
            while not self._ending.wait(0.1):
                if self._fleet.rows(UNFINISHED)[0][0] > 2 * 3 * SLOTS:
                    continue
                if len(self.jobs) % 20 == 5:
                    self.jobs.append(self._load(client, areas[len(self.jobs) // 20 % 2]))
                seconds = random.choice([0.01, 0.05, 0.2, 0.5, 3.0])  # the last is longer than the grace
                self.jobs.append(client.start_job("BARS_WORK", {"seconds": seconds}, env_id=ENV)["jobId"])

    def _load(self, client: Client, area_id: str) -> str:
        file_id = client.upload_file(ENV, area_id, self._file, name=f"rows {len(self.jobs)}.csv")["fileId"]
        return client.start_job("FILE_ETL", {"areaId": area_id, "fileId": file_id}, env_id=ENV)["jobId"]


@pytest.fixture
def fleet(database_server: DatabaseServer, database_url: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(database_server, str(conninfo_to_dict(database_url)["dbname"]), tmp_path, SETTINGS) as fleet:
        with fleet.connect() as conn:
            conn.execute(EFFECTS)
        yield fleet


def test_a_rolling_restart_loses_and_repeats_nothing(fleet: Fleet, tmp_path: Path, figures: Figures) -> None:
    file = tmp_path / "rows.csv"
    write_csv(file, FILE_ROWS)
    url = fleet.start_api("api")
    names = [f"worker-{number}-0" for number in range(3)]
    workers = [fleet.start_worker(f"host-{number}", name) for number, name in enumerate(names)]
    wait_until(lambda: fleet.workers() == set(names), PATIENCE_SECONDS)
    stops = []
    with Load(fleet, url, file) as load:
        for round_number in range(1, ROUNDS + 1):
            for number in range(3):
                wait_until(lambda name=names[number]: _is_busy(fleet, name), PATIENCE_SECONDS)  # type: ignore[misc]
                began = time.monotonic()
                workers[number].terminate()
                assert ended(workers[number], STOP_SECONDS) == 0, fleet.log_of(f"host-{number}")
                stops.append(time.monotonic() - began)
                assert names[number] not in fleet.workers()
                names[number] = f"worker-{number}-{round_number}"
                workers[number] = fleet.start_worker(f"host-{number}", names[number])
                wait_until(lambda: fleet.workers() == set(names), PATIENCE_SECONDS)
    wait_until(lambda: _at_rest(fleet), 2 * PATIENCE_SECONDS)
    _assert_nothing_is_lost(fleet, load.jobs)
    handed_back = fleet.rows("SELECT count(*) FROM job_attempts WHERE outcome = 'shutdown'")[0][0]
    assert handed_back > 0
    figures(
        f"{len(stops)} restarts, {len(load.jobs)} jobs: {handed_back} handed back, none lost; "
        f"a worker stopped in {sorted(stops)[len(stops) // 2]:.1f} s (median), {max(stops):.1f} s at most."
    )


def _assert_nothing_is_lost(fleet: Fleet, jobs: list[str]) -> None:
    assert sorted(row[0] for row in fleet.rows("SELECT job_id FROM jobs")) == sorted(jobs)
    ended = fleet.rows("SELECT job_id, status, error, failures, crashes FROM jobs")
    assert [row for row in ended if row[1:] != ("DONE", None, 0, 0)] == []
    outcomes = {row[0] for row in fleet.rows("SELECT DISTINCT outcome FROM job_attempts")}
    assert outcomes <= {"done", "shutdown", "waiting"}
    assert fleet.rows(NOT_DONE_ONCE) == []
    assert fleet.rows(WITH_GAPS) == []
    assert fleet.rows("SELECT job_id, step FROM bars_effects GROUP BY 1, 2 HAVING count(*) <> 1") == []
    assert fleet.rows("SELECT count(*) FROM bars_effects") == fleet.rows(
        "SELECT 4 * count(*) FROM jobs WHERE type = 'BARS_WORK'"
    )
    loads = fleet.rows("SELECT count(*), count(DISTINCT job_id), min(rows_loaded), max(rows_loaded) FROM load_ledger")
    assert loads == fleet.rows(
        "SELECT count(*), count(*), %s, %s FROM jobs WHERE type = 'FILE_ETL'", FILE_ROWS, FILE_ROWS
    )
    assert fleet.rows(LEFT_BEHIND) == [(0, 0, 0, 0)]


def _is_busy(fleet: Fleet, worker_id: str) -> bool:
    """Whether it has something to lose."""
    return bool(fleet.rows("SELECT FROM job_attempts WHERE worker_id = %s AND ended_at IS NULL", worker_id))


def _at_rest(fleet: Fleet) -> bool:
    return fleet.rows(UNFINISHED) == [(0,)]
