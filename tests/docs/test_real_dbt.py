"""The page's job type with dbt itself, where it is installed: `dbt build` on what a load has brought."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from stepmill.client import Client, Job
from stepmill.gateways.sql.embedded import running_url
from tests.cli.processes import Serve, serving
from tests.docs.test_adding_a_job_type import build, clone_into, follow_the_page, states

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dbt") is None, reason="dbt is not installed (pip install dbt-postgres)"),
]


@pytest.fixture
def server() -> Iterator[Serve]:
    """A server of a clone in which the page was followed, and a dbt project of its worker's."""
    with tempfile.TemporaryDirectory(prefix="stepmill-tests-", ignore_cleanup_errors=True) as path:
        home = Path(path)
        clone = clone_into(home / "clone")
        follow_the_page(clone)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(clone / "src"),
            "STEPMILL_DBT_PROJECTS": str(home / "projects"),
            "DBT_PROFILES_DIR": str(home),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        with serving(home / "data", **environment) as server:
            _write_project(home, _url(server))
            yield server


def _url(server: Serve) -> str:
    url = running_url(server.data_dir / "postgres")
    assert url is not None
    return url


def _write_project(home: Path, url: str) -> None:
    address = conninfo_to_dict(url)
    output = {"type": "postgres", "host": address["host"], "port": 5432, "user": address["user"], "password": ""}
    output |= {"dbname": address["dbname"], "schema": "marts", "threads": 1}
    # JSON is YAML, too.
    (home / "profiles.yml").write_text(json.dumps({"shop": {"target": "main", "outputs": {"main": output}}}))
    project = home / "projects" / "default" / "shop"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(json.dumps({"name": "shop", "version": "1.0", "profile": "shop"}))


def _load(client: Client, text: str) -> Job:
    area = client.create_area("default", "orders")
    file = client.upload_file("default", area["areaId"], text.encode(), name="orders.csv")
    params = {"areaId": area["areaId"], "fileId": file["fileId"]}
    return client.wait_for_job(client.start_job("FILE_ETL", params, env_id="default")["jobId"])


def test_it_builds_on_what_a_load_has_brought(server: Serve) -> None:
    model = server.data_dir.parent / "projects" / "default" / "shop" / "models" / "revenue.sql"
    with server.connect() as client:
        assert _load(client, "id,amount\n1,10.50\n2,20.25\n")["status"] == "DONE"
        model.write_text("select broken from env_default.orders")
        job = build(client)
        assert states(job) == {"Prepare": "DONE", "Build": "ERROR", "Report": "DONE"}
        assert job["error"] is not None
        assert 'column "broken" does not exist' in job["error"]["message"]
        model.write_text("select sum(amount)::text as total from env_default.orders")
        client.retry_job(job["jobId"])
        job = client.wait_for_job(job["jobId"])
        assert job["error"] is None
        assert job["result"] is not None
        assert job["result"]["statuses"] == {"success": 1}
    with psycopg.connect(_url(server)) as conn:
        assert conn.execute("SELECT total FROM marts.revenue").fetchall() == [("30.75",)]
