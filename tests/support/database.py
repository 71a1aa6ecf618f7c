"""One PostgreSQL for a whole test run, and a database of its own for each test: a clone of a migrated template."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stepmill.engine.migrate import migrate
from stepmill.gateways.sql.embedded import LOGIN, EmbeddedPostgres

TEMPLATE = "stepmill_template"

#: Tests start anew after a crash of the machine, so nothing waits for the disk.
_FASTER = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 300")


class DatabaseServer:
    """The run's PostgreSQL, known by its superuser's address."""

    def __init__(self, superuser_url: str) -> None:
        self.superuser_url = superuser_url

    def make_template(self) -> None:
        """A migrated database that tests clone."""
        with self._admin() as conn:
            conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(TEMPLATE), sql.Identifier(LOGIN)))
        asyncio.run(migrate(self.url_of(TEMPLATE)))

    @contextmanager
    def clone(self) -> Iterator[str]:
        """The address of a fresh, migrated database, which is dropped afterwards."""
        with self.empty(template=TEMPLATE) as url, psycopg.connect(url, autocommit=True) as conn:
            name = sql.Identifier(conn.info.dbname)
            conn.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO stepmill_owner, stepmill_loader").format(name))
            conn.close()
            yield url

    @contextmanager
    def empty(self, template: str = "template1", owner: str = LOGIN) -> Iterator[str]:
        """The address of a fresh database without anything of Stepmill's."""
        name = f"test_{uuid4().hex[:12]}"
        names = {"name": sql.Identifier(name), "owner": sql.Identifier(owner), "template": sql.Identifier(template)}
        with self._admin() as conn:
            conn.execute(
                sql.SQL("CREATE DATABASE {name} OWNER {owner} TEMPLATE {template} STRATEGY FILE_COPY").format(**names)
            )
            try:
                yield self.url_of(name)
            finally:
                conn.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))

    def url_of(self, database: str, user: str = LOGIN) -> str:
        """The address of one of the server's databases."""
        return make_conninfo("", **{**conninfo_to_dict(self.superuser_url), "dbname": database, "user": user})

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.superuser_url, autocommit=True)


@contextmanager
def running_server() -> Iterator[DatabaseServer]:
    """A server with a template, in a folder of its own, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="stepmill-tests-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        try:
            postgres.start()
            with (Path(folder) / "postgres" / "data" / "postgresql.conf").open("a") as settings:
                settings.write("\n".join(_FASTER) + "\n")
            postgres.stop()
            postgres.start()
            server = DatabaseServer(postgres.superuser_url)
            server.make_template()
            yield server
        finally:
            postgres.stop()
