"""Two hosts with separate data folders, one store and one PostgreSQL: a load killed on the first ends on the second."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from stepmill.client import Client
from tests.bars.conftest import RAGGED, ROWS, Figures
from tests.bars.moments import progressing
from tests.bars.platform import ENV, VIEWS
from tests.cli.processes import is_ready
from tests.support.checksums import checksum_of_files, checksum_of_table, columns_of
from tests.support.database import DatabaseServer
from tests.support.fleet import Fleet, client_of, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def fleet(database_server: DatabaseServer, database_url: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(database_server, str(conninfo_to_dict(database_url)["dbname"]), tmp_path, {}) as fleet:
        yield fleet


def test_a_load_killed_on_the_first_host_ends_on_the_second(
    fleet: Fleet, million: Path, million_ragged: Path, figures: Figures
) -> None:
    north, south = fleet.start_api("north"), fleet.start_api("south")
    first = fleet.start_worker("north", "first")
    with client_of(north) as client, client_of(south) as other:
        area_id = client.create_area(ENV, "orders")["areaId"]
        file_id = client.upload_file(ENV, area_id, million_ragged, name="orders.csv")["fileId"]
        params = {"areaId": area_id, "fileId": file_id}
        job_id = client.start_job("FILE_ETL", params, env_id=ENV)["jobId"]
        killed_at = _until_it_loads(client, job_id)
        kill(first)
        fleet.start_worker("south", "second")
        job = other.wait_for_job(job_id)  # the other host's api knows it as well
    assert job["status"] == "DONE", job["error"]
    assert job["result"]["rowsLoaded"] == ROWS  # type: ignore[index]
    assert job["result"]["rowsRejected"] == RAGGED  # type: ignore[index]

    attempts = fleet.rows("SELECT worker_id, outcome FROM job_attempts WHERE job_id = %s ORDER BY attempt", job_id)
    assert attempts == [("first", "crashed"), ("second", "done")]
    assert fleet.rows("SELECT name, status, attempt FROM job_steps WHERE job_id = %s ORDER BY idx", job_id) == [
        ("Extract", "DONE", 1),
        ("Transform", "DONE", 2),
        ("Load", "DONE", 2),
    ]
    assert fleet.rows("SELECT count(*) FROM load_ledger") == [(1,)]
    assert fleet.rows("SELECT count(*) FROM job_locks") == [(0,)]
    _assert_holds(fleet, str(job["result"]["physId"]), million)  # type: ignore[index]
    for host in ("north", "south"):
        assert not (fleet.data_dir(host) / "blobs").exists()
    ((took,),) = fleet.rows("SELECT finished_at - started_at FROM jobs WHERE job_id = %s", job_id)
    figures(f"Killed at {killed_at:,} of {ROWS:,} rows on the first host, done on the second: {took} in all.")


def test_the_store_has_to_be_shared(fleet: Fleet, tmp_path: Path) -> None:
    """A host that keeps files to itself takes no job that it could not do, and is not sent requests."""
    assert is_ready(fleet.start_api("north"))
    status, said = fleet.refused("south", "worker", STEPMILL_BLOB_URL=str(tmp_path / "its own"))
    assert (status, fleet.workers()) == (6, set())
    assert "Set STEPMILL_BLOB_URL to the same shared storage everywhere." in said
    assert not is_ready(fleet.start_api("south", STEPMILL_BLOB_URL=str(tmp_path / "its own")))


def _until_it_loads(client: Client, job_id: str) -> int:
    """Follow the job until its rows are on their way. Answers how many are."""
    moment = progressing("Transform", after=50_000)
    for event in client.stream_job(job_id):
        if moment(event):
            return int(event.data["done"])
    raise AssertionError("the job ended too early")


def _assert_holds(fleet: Fleet, phys_id: str, file: Path) -> None:
    """The table has exactly the file's rows, in every column."""
    ((name,),) = fleet.rows("SELECT logical_name FROM physical_tables WHERE phys_id = %s", phys_id)
    with fleet.connect() as conn:
        columns = columns_of(conn, VIEWS, name)
        assert checksum_of_table(conn, VIEWS, name, columns) == checksum_of_files(conn, [file], columns)
