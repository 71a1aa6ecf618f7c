"""A fresh embedded server with the product's own settings, in a folder that goes away afterwards."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from stepmill.engine.migrate import migrate
from stepmill.gateways.sql.embedded import EmbeddedPostgres


@asynccontextmanager
async def migrated_server() -> AsyncIterator[tuple[str, Path]]:
    """The address of a migrated database and a folder for files."""
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            await migrate(postgres.url)
            yield postgres.url, Path(folder) / "blobs"
        finally:
            postgres.stop()


async def committed(url: str) -> int:
    """Commits in the database so far, of connections that are closed by now: open ones count theirs later."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        row = await (
            await conn.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        ).fetchone()
    assert row is not None
    return int(row[0])
