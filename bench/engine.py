"""How fast the engine is: jobs per second beside plain Procrastinate, and how soon an idle worker starts a job."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.plain_queue import plain_jobs_per_second
from bench.server import committed, migrated_server
from stepmill.auth import Principal
from stepmill.engine.compute import ComputePool
from stepmill.engine.context import StepContext
from stepmill.engine.engine import Engine
from stepmill.engine.job_type import EnvParams, JobType, Output, Step
from stepmill.engine.notify import Notifier
from stepmill.engine.registry import Registry
from stepmill.engine.requests import JobRequest
from stepmill.engine.submit import submit_batch, submit_job
from stepmill.engine.sweep import Sweeper
from stepmill.engine.worker import Worker
from stepmill.gateways import Gateways
from stepmill.gateways.blobs import Blobs
from stepmill.gateways.documents.postgres import PostgresDocuments
from stepmill.gateways.sql.database import Database
from stepmill.settings import Settings
from stepmill.store import environments

CALLER = Principal("local", "bench", frozenset({"administrator"}))
_BATCH = 1000


async def _nothing(_ctx: StepContext[EnvParams]) -> Output:
    return Output()


NOOP = JobType(
    name="BENCH_NOOP",
    description="Three steps that do nothing but are persisted.",
    params=EnvParams,
    steps=(Step("One", _nothing), Step("Two", _nothing), Step("Three", _nothing)),
)
REQUEST = JobRequest.model_validate({"type": NOOP.name, "envId": "default", "params": {}})


@dataclass(frozen=True)
class EngineFigures:
    """What was measured."""

    jobs: int
    concurrency: int
    engine_per_second: list[float]
    plain_per_second: list[float]
    engine_commits_per_job: float
    plain_commits_per_job: float
    created_to_running_ms: float
    call_to_running_ms: float

    @property
    def ratio(self) -> float:
        """The engine's median to plain Procrastinate's."""
        return statistics.median(self.engine_per_second) / statistics.median(self.plain_per_second)


async def measure_engine(*, jobs: int = 1500, concurrency: int = 8, rounds: int = 3) -> EngineFigures:
    """Alternate the two on one server."""
    engine_rates, plain_rates, engine_commits, plain_commits = [], [], [], []
    async with migrated_server() as (url, folder):
        for _ in range(rounds):
            before = await committed(url)
            plain_rates.append(await plain_jobs_per_second(_in_schema(url), jobs, concurrency))
            between = await committed(url)
            engine_rates.append(await _engine_jobs_per_second(url, folder, jobs, concurrency))
            plain_commits.append(between - before)
            engine_commits.append(await committed(url) - between)
        created, called = await _latency(url, folder)
    return EngineFigures(
        jobs,
        concurrency,
        engine_rates,
        plain_rates,
        statistics.median(engine_commits) / jobs,
        statistics.median(plain_commits) / jobs,
        created,
        called,
    )


def _in_schema(url: str) -> str:
    """Plain Procrastinate finds its tables by the search path."""
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dstepmill"


@asynccontextmanager
async def _engine(url: str, folder: Path, concurrency: int) -> AsyncIterator[tuple[Engine, Gateways]]:
    settings = Settings(worker_concurrency=concurrency)
    async with Database(url, application_name="stepmill:bench", max_size=concurrency + 4) as database:
        engine = Engine(database, Registry((NOOP,)), Notifier(database), settings)
        await environments.ensure(database, CALLER.tenant_id, "default")
        engine.notifier.start()
        try:
            yield engine, Gateways(database, PostgresDocuments(database), Blobs(folder))
        finally:
            await engine.notifier.stop()


@asynccontextmanager
async def _working(engine: Engine, gateways: Gateways) -> AsyncIterator[None]:
    pool = ComputePool(keep=0, memory_bytes=engine.settings.compute_memory_bytes)
    worker = Worker(engine, gateways, pool, Sweeper(engine), worker_id="bench")
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def _engine_jobs_per_second(url: str, folder: Path, jobs: int, concurrency: int) -> float:
    async with _engine(url, folder, concurrency) as (engine, gateways):
        for first in range(0, jobs, _BATCH):
            await submit_batch(engine, CALLER, [REQUEST] * min(_BATCH, jobs - first))
        began = time.perf_counter()
        async with _working(engine, gateways):
            await _until_done(engine)
            return jobs / (time.perf_counter() - began)


async def _until_done(engine: Engine) -> None:
    async with engine.database.autocommit() as conn:
        while True:
            open_jobs = await conn.execute("SELECT FROM jobs WHERE status IN ('PENDING', 'RUNNING') LIMIT 1")
            if open_jobs.rowcount == 0:
                return
            await asyncio.sleep(0.02)


async def _latency(url: str, folder: Path, times: int = 60) -> tuple[float, float]:
    """Median milliseconds to RUNNING: since the job's own createdAt, and since the call that submitted it."""
    created, called = [], []
    async with _engine(url, folder, 2) as (engine, gateways), _working(engine, gateways):
        for number in range(times + 1):
            began = time.time()
            job, _ = await submit_job(engine, CALLER, REQUEST)
            await _until_done(engine)
            async with engine.database.autocommit() as conn:
                row = await (
                    await conn.execute(
                        "SELECT extract(epoch FROM started_at - created_at)::float AS since_created,"
                        " extract(epoch FROM started_at)::float AS started FROM jobs WHERE job_id = %s",
                        (job["jobId"],),
                    )
                ).fetchone()
            assert row is not None
            if number:  # the first waits for the worker to come up
                created.append(row["since_created"] * 1000)
                called.append((row["started"] - began) * 1000)
    return statistics.median(created), statistics.median(called)
