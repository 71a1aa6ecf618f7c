"""Api and worker alone, on hosts of their own: what they share, what they refuse, how they say that they are well."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cli.processes import is_ready, wait_until
from tests.support.database import DatabaseServer
from tests.support.fleet import Fleet, client_of

SENTENCE = "The blob storage of this process is not the one that the other processes of this installation use."


@pytest.fixture
def fleet(database_server: DatabaseServer, database_url: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(database_server, str(conninfo_to_dict(database_url)["dbname"]), tmp_path, {}) as fleet:
        yield fleet


def test_a_host_that_cannot_read_the_store_refuses_with_a_sentence(fleet: Fleet, tmp_path: Path) -> None:
    assert is_ready(fleet.start_api("north"))
    own = str(tmp_path / "not shared")

    status, said = fleet.refused("south", "worker", STEPMILL_BLOB_URL=own)
    assert status == 6
    assert SENTENCE in said
    assert "STEPMILL_BLOB_URL" in said
    assert "Traceback" not in said
    assert fleet.workers() == set()

    url = fleet.start_api("south", STEPMILL_BLOB_URL=own)
    answer = httpx.get(f"{url}/readyz", trust_env=False)
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith(SENTENCE)
    assert answer.headers["Retry-After"] == "1"
    assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200


def test_an_api_is_ready_once_the_store_is_mounted(fleet: Fleet, tmp_path: Path) -> None:
    fleet.start_api("north")
    mount = tmp_path / "mount"
    url = fleet.start_api("south", STEPMILL_BLOB_URL=str(mount))
    assert not is_ready(url)
    mount.rename(tmp_path / "empty")
    mount.symlink_to(fleet.store)
    assert is_ready(url)


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_store_that_is_no_folder_is_refused_in_plain_words(fleet: Fleet, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    status, said = fleet.refused("north", command, STEPMILL_BLOB_URL=str(tmp_path / "file"))
    assert status == 6
    assert "STEPMILL_BLOB_URL can't be used" in said
    assert "Traceback" not in said


def test_a_worker_runs_the_types_that_it_is_given(fleet: Fleet) -> None:
    with client_of(fleet.start_api("north")) as client:
        fleet.start_worker("south", "chosen", "--types=FILE_ETL", "--concurrency=3")
        wait_until(client.workers)
        worker = client.workers()[0]
    assert (worker["types"], worker["concurrency"]) == (["FILE_ETL"], 3)

    status, said = fleet.refused("south", "worker", "--types=FILE_ETL,NO_SUCH_TYPE")
    assert status == 6
    assert "STEPMILL_WORKER_TYPES names NO_SUCH_TYPE; there are: " in said


def test_a_worker_keeps_the_files_of_its_probes_fresh(fleet: Fleet, tmp_path: Path) -> None:
    """Without the database `beat` grows old and `alive` does not, so that nobody starts a worker anew that is well."""
    probes = tmp_path / "probes"
    alive, beat = probes / "alive", probes / "beat"
    process = fleet.start_worker("south", "probed", STEPMILL_WORKER_PROBE_DIR=str(probes))
    wait_until(beat.exists)
    assert fleet.workers() == {"probed"}
    first = beat.stat().st_mtime
    wait_until(lambda: beat.stat().st_mtime > first)

    with fleet.connect() as conn:
        conn.execute("BEGIN; LOCK TABLE workers IN ACCESS EXCLUSIVE MODE")
        time.sleep(2)  # four heartbeats
        age = {path.name: time.time() - path.stat().st_mtime for path in (alive, beat)}
    assert age["alive"] < 1.5 < age["beat"]
    process.terminate()
    assert process.wait(30) == 0


def test_a_probe_folder_that_cannot_be_made_is_said(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, said = fleet.refused("south", "worker", STEPMILL_WORKER_PROBE_DIR=str(tmp_path / "file" / "probes"))
    assert status == 6
    assert "STEPMILL_WORKER_PROBE_DIR" in said
    assert "Traceback" not in said
