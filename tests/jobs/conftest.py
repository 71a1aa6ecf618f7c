"""A platform with FILE_ETL and a worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepmill.app import WARM_MODULES
from stepmill.gateways.sql.database import Database
from stepmill.jobs import file_etl
from tests.jobs.platform import Platform
from tests.support.api import make_api
from tests.support.engine import Bench


@pytest.fixture
async def platform(database: Database, tmp_path: Path) -> AsyncIterator[Platform]:
    """With a worker that keeps a compute child ready, as the real one does."""
    async with Bench(database, tmp_path, (file_etl.JOB_TYPE,)).started() as bench:
        api = make_api(bench)
        async with api.client() as client, bench.worker(keep=1, warm_modules=WARM_MODULES):
            assert (await client.post("/api/envs", json={"envId": "shop"})).status_code == 201
            yield Platform(api, client)
        await api.parts.preview_pool.close()
