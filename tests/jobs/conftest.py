"""A platform with FILE_ETL and a worker, shared by the tests of a module: each has an environment of its own in it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from stepmill.app import WARM_MODULES
from stepmill.gateways.sql.database import Database
from stepmill.jobs import file_etl
from tests.jobs.platform import Platform
from tests.support.api import Api, make_api
from tests.support.database import DatabaseServer
from tests.support.engine import Bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """With a worker that keeps a compute child ready, as the real one does."""
    folder = tmp_path_factory.mktemp("blobs")
    with database_server.clone() as url:
        async with (
            Database(url, application_name="tests") as database,
            Bench(database, folder, (file_etl.JOB_TYPE,)).started() as bench,
            bench.worker(keep=1, warm_modules=WARM_MODULES),
        ):
            made = make_api(bench)
            yield made
            await made.parts.preview_pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def platform(api: Api) -> AsyncIterator[Platform]:
    """A new environment."""
    async with api.client() as client:
        env_id = f"shop-{uuid4().hex[:8]}"
        assert (await client.post("/api/envs", json={"envId": env_id})).status_code == 201
        yield Platform(api, client, env_id)
