"""How fast the engine is: jobs per second beside plain Procrastinate, and how soon an idle worker starts a job."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.plain_queue import own_schema, plain_jobs_per_second
from bench.report import Row, at_least, at_most
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

TITLE = "The engine beside plain Procrastinate, on one server in one run"
RATIO_BAR = 0.9
LATENCY_BAR_MS = 15.0

CALLER = Principal("local", "bench", frozenset({"administrator"}))
_BATCH = 1000


class _Countdown:
    """Says when the last step of the last job is reached, so that waiting for it costs the database nothing."""

    def __init__(self) -> None:
        self._left = 0
        self.over = asyncio.Event()

    def start(self, jobs: int) -> None:
        self._left = jobs
        self.over.clear()

    async def nothing(self, _ctx: StepContext[EnvParams]) -> Output:
        return Output()

    async def count(self, _ctx: StepContext[EnvParams]) -> Output:
        self._left -= 1
        if self._left == 0:
            self.over.set()
        return Output()


def _noop(countdown: _Countdown) -> JobType:
    return JobType(
        name="BENCH_NOOP",
        description="Three steps that do nothing but are persisted.",
        params=EnvParams,
        steps=(Step("One", countdown.nothing), Step("Two", countdown.nothing), Step("Three", countdown.count)),
    )


REQUEST = JobRequest.model_validate({"type": "BENCH_NOOP", "envId": "default", "params": {}})


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
        """The engine's rate to plain Procrastinate's: the median over the rounds, in each of which they took turns."""
        pairs = zip(self.engine_per_second, self.plain_per_second, strict=True)
        return statistics.median(engine / plain for engine, plain in pairs)


async def measure_rows() -> list[Row]:
    """The engine's figures as a table."""
    figures = await measure_engine()
    return [
        Row("jobs, with three persisted steps each", f"{figures.jobs} at concurrency {figures.concurrency}"),
        Row("Stepmill, jobs per second", _rounds(figures.engine_per_second)),
        Row("plain Procrastinate, jobs per second", _rounds(figures.plain_per_second)),
        at_least("median ratio of a round", figures.ratio, RATIO_BAR),
        Row("commits per job: Stepmill", f"{figures.engine_commits_per_job:.1f}"),
        Row("commits per job: plain Procrastinate", f"{figures.plain_commits_per_job:.1f}"),
        at_most("submit to RUNNING, median, since createdAt", figures.created_to_running_ms, LATENCY_BAR_MS, " ms"),
        at_most("submit to RUNNING, median, since the call", figures.call_to_running_ms, LATENCY_BAR_MS, " ms"),
    ]


def _rounds(rates: list[float]) -> str:
    return f"{statistics.median(rates):.0f}  (rounds: {', '.join(f'{rate:.0f}' for rate in rates)})"


async def measure_engine(*, jobs: int = 1500, concurrency: int = 8, rounds: int = 3) -> EngineFigures:
    """Alternate the two on one server."""
    engine_rates, plain_rates, engine_commits, plain_commits = [], [], [], []
    async with migrated_server() as (url, folder):
        plain_url = await own_schema(url)
        for _ in range(rounds):
            before, plain_before = await committed(url), await committed(plain_url)
            plain_rates.append(await plain_jobs_per_second(plain_url, jobs, concurrency))
            engine_rates.append(await _engine_jobs_per_second(url, folder, jobs, concurrency))
            plain_commits.append(await committed(plain_url) - plain_before)
            engine_commits.append(await committed(url) - before)
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


@asynccontextmanager
async def _engine(
    url: str, folder: Path, concurrency: int, countdown: _Countdown
) -> AsyncIterator[tuple[Engine, Gateways]]:
    settings = Settings(worker_concurrency=concurrency)
    async with Database(url, application_name="stepmill:bench", max_size=concurrency + 4) as database:
        engine = Engine(database, Registry((_noop(countdown),)), Notifier(database), settings)
        await environments.ensure(database, CALLER.tenant_id, "default")
        engine.notifier.start()
        try:
            yield engine, Gateways(database, PostgresDocuments(database), Blobs(folder))
        finally:
            await engine.notifier.stop()


@asynccontextmanager
async def _working(engine: Engine, gateways: Gateways) -> AsyncIterator[None]:
    settings = engine.settings
    pool = ComputePool(keep=0, memory_bytes=settings.compute_memory_bytes, at_once=settings.compute_concurrency)
    worker = Worker(engine, gateways, pool, [Sweeper(engine).run], worker_id="bench")
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def _engine_jobs_per_second(url: str, folder: Path, jobs: int, concurrency: int) -> float:
    countdown = _Countdown()
    countdown.start(jobs)
    async with _engine(url, folder, concurrency, countdown) as (engine, gateways):
        for first in range(0, jobs, _BATCH):
            await submit_batch(engine, CALLER, [REQUEST] * min(_BATCH, jobs - first))
        began = time.perf_counter()
        async with _working(engine, gateways):
            await _until_done(engine, countdown)
            return jobs / (time.perf_counter() - began)


async def _until_done(engine: Engine, countdown: _Countdown) -> None:
    """The last steps have been called; wait until their ends are written down."""
    await countdown.over.wait()
    async with engine.database.autocommit() as conn:
        while True:
            running = await conn.execute("SELECT FROM job_attempts WHERE outcome IS NULL LIMIT 1")
            if running.rowcount == 0:
                return
            await asyncio.sleep(0.002)


async def _latency(url: str, folder: Path, times: int = 60) -> tuple[float, float]:
    """Median milliseconds to RUNNING: since the job's own createdAt, and since the call that submitted it."""
    created, called = [], []
    countdown = _Countdown()
    async with _engine(url, folder, 2, countdown) as (engine, gateways), _working(engine, gateways):
        for number in range(times + 1):
            countdown.start(1)
            began = time.time()
            job, _ = await submit_job(engine, CALLER, REQUEST)
            await _until_done(engine, countdown)
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
