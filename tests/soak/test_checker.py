"""The soak's checker finds nothing wrong with what went well, and each thing that was made wrong by hand."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from soak.checker import check
from soak.plugin import stepmill_soak_jobs
from soak.run import EFFECTS

from stepmill.gateways.sql.database import Database
from tests.support.database import DatabaseServer
from tests.support.engine import Bench

TYPES = (stepmill_soak_jobs.STEPS, stepmill_soak_jobs.LOCK)
# Of this test's database: others of the server may belong to tests whose connections are just being ended.
_ALL_GONE = (
    "SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'stepmill:job_%%')"
)
LATE = (
    "INSERT INTO job_events (job_id, seq, kind, data, at, tenant_id, env_id)"
    " SELECT job_id, max(seq) + 1, 'log', '{}', now(), 'local', 'default' FROM job_events GROUP BY 1"
)


@pytest.fixture
async def bench(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    with psycopg.connect(database_url) as conn:
        conn.execute(EFFECTS)
    async with Bench(database, tmp_path, TYPES).started() as bench:
        yield bench


async def done(bench: Bench) -> dict[str, dict[str, Any]]:
    """Two jobs that are DONE, as the soak's record has them."""
    requests: list[dict[str, Any]] = [
        {"type": "SOAK_STEPS", "params": {"seed": 7}},
        {"type": "SOAK_LOCK", "params": {"seed": 8, "key": "lock"}},
    ]
    record = {}
    async with bench.worker():
        for request in requests:
            job = await bench.submit(request["type"], params=request["params"])
            await bench.follow(job["jobId"])
            record[job["jobId"]] = request
    await bench.until(_ALL_GONE)
    return record


async def test_what_went_well(bench: Bench, database_server: DatabaseServer, database_url: str) -> None:
    record = await done(bench)
    with superuser(database_server, database_url) as conn:
        assert list(check(conn, record)) == []
        assert "1 accepted jobs are lost" in "; ".join(check(conn, record | {"job_lost": {"type": "SOAK_STEPS"}}))


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ("DELETE FROM soak.effects WHERE step = 'Two'", "is DONE without effect"),
        ("INSERT INTO soak.effects SELECT * FROM soak.effects WHERE step = 'Two'", "has an effect and is not DONE"),
        ("UPDATE soak.effects SET value = '9' WHERE step = 'Three'", "1 effects with a wrong value"),
        ("DELETE FROM job_events WHERE seq = 3", "event 4 where 3 should be"),
        ("UPDATE job_events SET data = data || '{\"attempt\": 0}' WHERE seq = 4", "is DONE by attempt 0"),
        (LATE, "log after the end"),
        ("INSERT INTO job_locks (key, job_id, tenant_id) SELECT 'k', job_id, 'local' FROM jobs LIMIT 1", "1 locks"),
        ("UPDATE job_attempts SET ended_at = NULL", "2 attempts that did not end"),
        ("DELETE FROM jobs WHERE type = 'SOAK_LOCK'", "1 accepted jobs are lost"),
    ],
)
async def test_what_went_wrong(
    bench: Bench, database_server: DatabaseServer, database_url: str, wrong: str, found: str
) -> None:
    record = await done(bench)
    with superuser(database_server, database_url) as conn:
        conn.execute("SET session_replication_role = replica")  # without the guards that would refuse it
        conn.execute(wrong.encode())
        assert found in "; ".join(check(conn, record))


def superuser(server: DatabaseServer, url: str) -> psycopg.Connection[Any]:
    """A connection that sees all."""
    name = conninfo_to_dict(url)["dbname"]
    return psycopg.connect(server.superuser_url, dbname=str(name), autocommit=True, options="-c search_path=stepmill")
