"""A warehouse with one environment, shared by the tests of a module: each has a table of its own in it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from stepmill.gateways.sql.database import Database
from tests.support.database import DatabaseServer
from tests.warehouse.support import Warehouse


@pytest.fixture(scope="module")
def warehouse_url(database_server: DatabaseServer) -> Iterator[str]:
    with database_server.clone() as url:
        yield url


@pytest.fixture
def holds() -> bool:
    """Whether small loads have no table of their own. Modules in whose tests that must make no difference ask twice."""
    return False


@pytest.fixture
async def warehouse(warehouse_url: str, holds: bool) -> AsyncIterator[Warehouse]:
    async with Database(warehouse_url, application_name="tests") as database:
        made = Warehouse(database, holds=holds)
        await made.make_environment()
        yield made
