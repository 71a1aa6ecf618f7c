"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepmill.gateways.sql.database import Database
from tests.engine import job_types
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
