"""Procrastinate by itself: a task that commits as often as a job of Stepmill does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import procrastinate
import psycopg
from psycopg_pool import AsyncConnectionPool

from bench.queues import twin
from bench.queues.steps import QUEUE, STEPS

_UPDATE = "UPDATE bench_plain_jobs SET step = %s, at = now() WHERE id = %s"
_INSERT = "INSERT INTO bench_plain_events VALUES (%s, %s, now()) ON CONFLICT DO NOTHING"


async def prepare(url: str) -> None:
    """Its own schema, and the tables of the work."""
    app = _app(url)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(twin.TABLES.encode())
        await conn.execute(twin.JOBS)


async def work(url: str, concurrency: int, ready: Callable[[], None]) -> None:
    """One worker with LISTEN; the work has a pool of its own, with a connection for each job."""
    app = _app(url)
    async with (
        AsyncConnectionPool(
            url, min_size=concurrency, max_size=concurrency, kwargs={"autocommit": True}, open=False
        ) as pool,
        app.open_async(),
    ):
        _task(app, pool)
        worker = asyncio.create_task(app.run_worker_async(concurrency=concurrency, listen_notify=True))
        ready()
        await worker


class _Submitter:
    def __init__(self, task: Any) -> None:
        self._task = task

    async def one(self, number: int) -> None:
        await self._task.defer_async(number=number)

    async def many(self, numbers: Sequence[int]) -> None:
        await self._task.batch_defer_async(*({"number": number} for number in numbers))


@asynccontextmanager
async def submitter(url: str) -> AsyncIterator[_Submitter]:
    """By the task, one or a batch."""
    app = _app(url)
    async with app.open_async():
        yield _Submitter(_task(app, None))


def _app(url: str) -> procrastinate.App:
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))


def _task(app: procrastinate.App, pool: AsyncConnectionPool | None) -> Any:
    async def commit(number: int, step: int) -> None:
        assert pool is not None
        async with pool.connection() as conn, conn.transaction():
            await conn.execute(_UPDATE, (step, number))
            await conn.execute(_INSERT, (number, step))

    async def run(number: int) -> None:
        await commit(number, 0)
        for place, step in enumerate(STEPS, 1):
            await step(number)
            await commit(number, place)

    return app.task(name="bench.run", queue=QUEUE)(run)
