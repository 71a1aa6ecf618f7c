"""Stepmill: a job type with three steps, and its worker with the default settings."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.queues.steps import STEPS
from stepmill import logs
from stepmill.auth import Principal
from stepmill.cli.event_loop import run as work_loop
from stepmill.engine.compute import ComputePool
from stepmill.engine.context import StepContext
from stepmill.engine.engine import Engine
from stepmill.engine.job_type import EnvParams, JobType, Output, Step
from stepmill.engine.migrate import migrate
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

__all__ = ["prepare", "submitter", "work", "work_loop"]

_CALLER = Principal("local", "bench", frozenset({"administrator"}))


class _Params(EnvParams):
    number: int


def _step(name: str, reached: Callable[[int], Awaitable[None]]) -> Step:
    async def run(ctx: StepContext[_Params]) -> Output:
        await reached(ctx.params.number)
        return Output()

    return Step(name, run)


_TYPE = JobType(
    name="BENCH",
    description="Three steps that do nothing but are persisted.",
    params=_Params,
    steps=tuple(_step(name, reached) for name, reached in zip(("One", "Two", "Three"), STEPS, strict=True)),
)


async def prepare(url: str) -> None:
    """The migrations, and an environment to work in."""
    await migrate(url)
    async with Database(url, application_name="stepmill:bench") as database:
        await environments.ensure(database, _CALLER.tenant_id, "default")


async def work(url: str, concurrency: int, ready: Callable[[], None]) -> None:
    """One worker, without processes that compute: no step needs one."""
    logs.configure("info", "json")  # as `stepmill worker` does
    with tempfile.TemporaryDirectory(prefix="stepmill-bench-") as folder:
        async with _engine(url, concurrency) as engine:
            gateways = Gateways(engine.database, PostgresDocuments(engine.database), Blobs(Path(folder)))
            settings = engine.settings
            pool = ComputePool(keep=0, memory_bytes=settings.compute_memory_bytes, at_once=settings.compute_concurrency)
            worker = Worker(engine, gateways, pool, [Sweeper(engine).run], worker_id=f"bench-{uuid.uuid4()}")
            running = asyncio.create_task(worker.run())
            ready()
            await running


class _Submitter:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def one(self, number: int) -> None:
        await submit_job(self._engine, _CALLER, _request(number))

    async def many(self, numbers: Sequence[int]) -> None:
        await submit_batch(self._engine, _CALLER, [_request(number) for number in numbers])


@asynccontextmanager
async def submitter(url: str) -> AsyncIterator[_Submitter]:
    """By the functions that the api calls."""
    async with _engine(url, 1) as engine:
        yield _Submitter(engine)


def _request(number: int) -> JobRequest:
    return JobRequest.model_validate({"type": _TYPE.name, "envId": "default", "params": {"number": number}})


@asynccontextmanager
async def _engine(url: str, concurrency: int) -> AsyncIterator[Engine]:
    settings = Settings(worker_concurrency=concurrency)
    async with Database(url, application_name="stepmill:bench", max_size=concurrency + 4) as database:
        engine = Engine(database, Registry((_TYPE,)), Notifier(database), settings)
        engine.notifier.start()
        try:
            yield engine
        finally:
            await engine.notifier.stop()
