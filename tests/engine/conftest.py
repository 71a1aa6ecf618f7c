"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from stepmill.gateways.sql.database import Database
from tests.engine import job_types
from tests.engine.superuser import Superuser
from tests.support.database import DatabaseServer
from tests.support.engine import Bench


@pytest.fixture(autouse=True)
def fresh_gates() -> None:
    """Gates belong to one test's event loop."""
    job_types.GATES.clear()
    job_types.CALLS.clear()


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    """An engine with the job types of ``tests/engine/job_types.py``, without a worker."""
    async with Bench(database, tmp_path, job_types.ALL).started() as bench:
        yield bench


@pytest.fixture
def superuser(database_server: DatabaseServer, database_url: str) -> Iterator[Superuser]:
    """A connection that can put a row into any state, past the guards."""
    url = database_server.url_of(str(conninfo_to_dict(database_url)["dbname"]), user="postgres")
    with psycopg.connect(url, autocommit=True, options="-c search_path=stepmill") as conn:
        yield conn
