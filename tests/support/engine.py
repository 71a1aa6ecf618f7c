"""An engine with small job types, and a worker that runs them in the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from stepmill.auth import Principal
from stepmill.engine.compute import ComputePool
from stepmill.engine.engine import Engine
from stepmill.engine.hub import EventHub
from stepmill.engine.job_type import JobType
from stepmill.engine.notify import Notifier
from stepmill.engine.registry import Registry
from stepmill.engine.requests import JobRequest
from stepmill.engine.submit import submit_job
from stepmill.engine.sweep import Sweeper
from stepmill.engine.worker import Worker
from stepmill.gateways import Gateways
from stepmill.gateways.blobs import Blobs
from stepmill.gateways.documents.postgres import PostgresDocuments
from stepmill.gateways.sql.database import Database
from stepmill.settings import Settings

CALLER = Principal("local", "tester", frozenset({"administrator"}))
TERMINAL = ("DONE", "ERROR", "CANCELLED")


class Bench:
    """One engine on a database of the test's own."""

    def __init__(self, database: Database, folder: Path, job_types: tuple[JobType, ...], **settings: Any) -> None:
        chosen = {
            "heartbeat_seconds": 0.5,
            "dead_after_seconds": 2.5,
            "sweep_seconds": 0.5,
            "backoff_base_seconds": 0.05,
            "shutdown_grace_seconds": 0.2,
            **settings,
        }
        self.settings = Settings(**chosen)
        self.database = database
        self.gateways = Gateways(sql=database, documents=PostgresDocuments(database), blobs=Blobs(folder))
        self.engine = Engine(database, Registry(job_types), Notifier(database), self.settings)
        self.hub = EventHub(self.engine)

    @asynccontextmanager
    async def started(self) -> AsyncIterator["Bench"]:
        """With its notifier, its hub and an environment called ``default``."""
        async with self.database.transaction("stepmill_api", tenant="local") as conn:
            await conn.execute(
                "INSERT INTO environments (env_id, tenant_id, name, schema_name)"
                " VALUES ('default', 'local', 'default', 'default') ON CONFLICT DO NOTHING"
            )
        self.engine.notifier.start()
        await self.hub.start()
        try:
            yield self
        finally:
            await self.hub.stop()
            await self.engine.notifier.stop()

    @asynccontextmanager
    async def worker(
        self, worker_id: str = "worker-1", *, keep: int = 0, warm_modules: tuple[str, ...] = ()
    ) -> AsyncIterator[Worker]:
        """A worker in this process, with compute children of its own, ``keep`` of which stay ready."""
        pool = ComputePool(
            keep=keep,
            memory_bytes=self.settings.compute_memory_bytes,
            at_once=self.settings.compute_concurrency,
            warm_modules=warm_modules,
        )
        worker = Worker(self.engine, self.gateways, pool, [Sweeper(self.engine).run], worker_id=worker_id)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await running

    async def submit(self, job_type: str, **request: Any) -> dict[str, Any]:
        """Submit a job of ``job_type`` to the default environment."""
        body = {"type": job_type, "envId": "default", **request}
        job, _ = await submit_job(self.engine, CALLER, JobRequest.model_validate(body))
        return job

    async def follow(self, job_id: str, *, until: Any = None) -> dict[str, Any]:
        """Follow the job's stream to its end, or from its first event until one for which ``until`` is true.

        Returns that event's data.
        """
        found = await self.hub.subscribe(CALLER, job_id, after=0 if until else None)
        assert found is not None
        async with aclosing(found):
            async for events in found:
                for event in events:
                    if until(event) if until else event.kind == "end":
                        return event.data
        raise AssertionError("the stream ended too early")

    async def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """What one statement of the engine's role gives."""
        async with self.database.autocommit() as conn:
            cursor = await conn.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description is not None else []

    def past_the_guards(self, statement: str, *values: object) -> None:
        """Make true by hand what the database refuses: years that went by, or somebody's error."""
        url = make_conninfo(self.database.url, user="postgres", options="-c search_path=stepmill")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("SET session_replication_role = replica")
            conn.execute(statement.encode(), values)

    async def until(self, statement: str, *values: object) -> None:
        """Wait until a query of the login user, who sees other sessions, gives a row. Nobody tells of such things."""
        async with (
            asyncio.timeout(20),
            await self.database.connect(application_name="tests:until", role=None) as conn,
        ):
            while (await conn.execute(statement.encode(), values)).rowcount == 0:
                await asyncio.sleep(0.01)
