"""PgQueuer: an entrypoint that commits as often as a job of Stepmill does.

It has asyncpg, which PgQueuer recommends, and the event loop of PgQueuer's own command line.
``max_concurrent_tasks`` can't be under twice the batch size, so the entrypoint itself holds jobs back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from uvloop import run as run_loop

from bench.queues import twin
from bench.queues.steps import QUEUE, STEPS

__all__ = ["prepare", "run_loop", "submitter", "work"]

_UPDATE = "UPDATE bench_plain_jobs SET step = $1, at = now() WHERE id = $2"
_INSERT = "INSERT INTO bench_plain_events VALUES ($1, $2, now()) ON CONFLICT DO NOTHING"


async def prepare(url: str) -> None:
    """Its own schema, all tables of it logged, and the tables of the work."""
    conn = await asyncpg.connect(url)
    await Queries(AsyncpgDriver(conn)).install()
    await conn.execute(twin.TABLES)
    await conn.execute(twin.JOBS)
    await conn.close()


async def work(url: str, concurrency: int, ready: Callable[[], None]) -> None:
    """One worker with its defaults; the work has a pool of its own, with a connection for each job."""
    conn = await asyncpg.connect(url)
    queuer = PgQueuer.from_asyncpg_connection(conn)
    places = asyncio.Semaphore(concurrency)
    async with asyncpg.create_pool(url, min_size=concurrency, max_size=concurrency) as pool:

        async def commit(number: int, step: int) -> None:
            async with pool.acquire() as conn, conn.transaction():
                await conn.execute(_UPDATE, step, number)
                await conn.execute(_INSERT, number, step)

        @queuer.entrypoint(QUEUE)
        async def run(job: Job) -> None:
            assert job.payload is not None
            number = int(job.payload)
            async with places:
                await commit(number, 0)
                for place, step in enumerate(STEPS, 1):
                    await step(number)
                    await commit(number, place)

        worker = asyncio.create_task(queuer.run())
        ready()
        await worker


class _Submitter:
    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def one(self, number: int) -> None:
        await self._queries.enqueue(QUEUE, str(number).encode())

    async def many(self, numbers: Sequence[int]) -> None:
        payloads: list[bytes | None] = [str(number).encode() for number in numbers]
        await self._queries.enqueue([QUEUE] * len(payloads), payloads, [0] * len(payloads))


@asynccontextmanager
async def submitter(url: str) -> AsyncIterator[_Submitter]:
    """By one connection; many are one statement."""
    conn = await asyncpg.connect(url)
    yield _Submitter(Queries(AsyncpgDriver(conn)))
    await conn.close()
