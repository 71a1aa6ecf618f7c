"""Migrations and roles on the PostgreSQL servers that are installed here besides the embedded one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepmill.engine.migrate import known_migrations, migrate
from stepmill.gateways.documents import Collection
from stepmill.gateways.documents.postgres import PostgresDocuments
from stepmill.gateways.sql.database import Database
from stepmill.gateways.sql.roles import ROLES, Role
from tests.support.database import DatabaseServer
from tests.support.installed_servers import INSTALLED, installed_server

pytestmark = pytest.mark.skipif(not INSTALLED, reason="no other PostgreSQL is installed here")


@pytest.fixture(params=INSTALLED, ids=lambda programs: programs.parent.name)
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    programs: Path = request.param
    with installed_server(programs) as server:
        yield server


async def test_roles_and_tables_are_made_and_used(server: DatabaseServer) -> None:
    for _ in range(2):  # the roles belong to the server and serve each of its databases
        with server.empty() as url:
            assert await migrate(url) == [migration.full_name for migration in known_migrations()]
            assert await migrate(url) == []
            async with Database(url, application_name="tests") as database:
                for role in ROLES:
                    await check_role(database, role)
                documents = PostgresDocuments(database)
                await documents.create("t1", "e1", Collection("things"), "a", {"n": 1})
                assert await documents.query("t2", "e1", Collection("things")) == []
                async with database.autocommit() as conn:
                    await conn.execute("SELECT * FROM jobs")
                async with database.transaction("stepmill_loader") as conn:
                    await conn.execute("CREATE SCHEMA env_default")


async def check_role(database: Database, role: Role) -> None:
    async with database.transaction(role) as conn:
        assert await (await conn.execute("SELECT current_user AS role")).fetchone() == {"role": role}
