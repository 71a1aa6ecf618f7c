"""A database for each queue and each measurement, all on one embedded server: a copy of one that the queue prepared."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from bench.peer_process import Peer, started
from stepmill.gateways.sql.embedded import LOGIN, EmbeddedPostgres

#: What a commit has to survive, and what there is to work with.
_SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


class Databases:
    """Makes databases on one server and drops them."""

    def __init__(self, server: EmbeddedPostgres, conn: psycopg.AsyncConnection[tuple[str, str]]) -> None:
        self._server = server
        self._conn = conn
        self._numbers = itertools.count(1)

    async def prepared(self, peer: Peer) -> str:
        """The name of a database with the queue's schema and nothing in it."""
        name = f"bench_{peer.module}"
        await self._make(name, "template1")
        async with started(peer.command("prepare", self.url(name)), peer.environment) as preparing:
            if await preparing.wait():
                await preparing.next()  # raises with what it said
        return name

    @asynccontextmanager
    async def copy(self, template: str) -> AsyncIterator[str]:
        """The name of a copy, for as long as it is needed. Whoever is still connected to the template is thrown out."""
        name = f"bench_copy_{next(self._numbers)}"
        await self._make(name, template)
        try:
            yield name
        finally:
            await self._conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    async def analyze(self, name: str) -> None:
        """Bring the planner's statistics up to date, as the server does by itself within a minute."""
        async with await psycopg.AsyncConnection.connect(
            self._server.superuser_url, dbname=name, autocommit=True
        ) as conn:
            await conn.execute("ANALYZE")

    def url(self, name: str) -> str:
        """The address of a database."""
        return self._server.url.replace("@/stepmill?", f"@/{name}?", 1)

    async def settings(self) -> dict[str, str]:
        """The server's version and the settings that matter here."""
        rows = await self._conn.execute(
            "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", (list(_SHOWN),)
        )
        return {"version": self._conn.info.parameter_status("server_version") or "", **dict(await rows.fetchall())}

    async def _make(self, name: str, template: str) -> None:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        await self._conn.execute(ended, (template,))
        await self._conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*map(sql.Identifier, (name, template, LOGIN)))
        )
        await self._conn.execute("CHECKPOINT")


@asynccontextmanager
async def databases() -> AsyncIterator[Databases]:
    """A fresh server, which goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        await asyncio.to_thread(server.start)
        try:
            async with await psycopg.AsyncConnection.connect(server.superuser_url, autocommit=True) as conn:
                yield Databases(server, conn)
        finally:
            await asyncio.to_thread(server.stop)
