"""Plain Procrastinate doing the same amount of persistent work: what the engine is compared with.

Each job is a fetch, a finish and four commits, of which each updates one row and inserts one. There are no steps to
look up, no fence, no events to number, no cancel and no rescue.
"""

import asyncio
import time

import procrastinate
import procrastinate.types
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

COMMITS = 4

_TABLES = """
CREATE TABLE IF NOT EXISTS bench_plain_jobs (id bigint PRIMARY KEY, step integer NOT NULL, at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS bench_plain_events (
    id bigint NOT NULL, step integer NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (id, step)
);
TRUNCATE bench_plain_jobs, bench_plain_events, procrastinate_jobs CASCADE;
"""
_JOBS = "INSERT INTO bench_plain_jobs SELECT n, 0, now() FROM generate_series(0, %s) AS n"
_UPDATE = "UPDATE bench_plain_jobs SET step = %s, at = now() WHERE id = %s"
_INSERT = "INSERT INTO bench_plain_events VALUES (%s, %s, now())"


async def own_schema(url: str) -> str:
    """The address of a database beside the one at ``url``, with Procrastinate's own tables and functions."""
    owner, plain_url = conninfo_to_dict(url)["user"], make_conninfo(url, dbname="plain")
    async with await AsyncConnection.connect(make_conninfo(url, user="postgres"), autocommit=True) as conn:
        await conn.execute(sql.SQL("CREATE DATABASE plain OWNER {}").format(sql.Identifier(str(owner))))
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=plain_url))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    return plain_url


async def plain_jobs_per_second(url: str, jobs: int, concurrency: int) -> float:
    """Run ``jobs`` jobs that were submitted before the clock starts."""
    async with AsyncConnectionPool(
        url, min_size=concurrency, max_size=concurrency, kwargs={"autocommit": True}, open=False
    ) as pool:
        finished = asyncio.Event()
        left = jobs

        async def run(n: int) -> None:
            nonlocal left
            for step in range(COMMITS):
                async with pool.connection() as conn, conn.transaction():
                    await conn.execute(_UPDATE, (step, n))
                    await conn.execute(_INSERT, (n, step))
            left -= 1
            if left == 0:
                finished.set()

        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
        task = app.task(name="bench.run")(run)
        async with app.open_async():
            async with pool.connection() as conn:
                await _prepare(conn, jobs)
            batch: list[procrastinate.types.JSONDict] = [{"n": n} for n in range(jobs)]
            await task.batch_defer_async(*batch)
            began = time.perf_counter()
            worker = asyncio.create_task(
                app.run_worker_async(concurrency=concurrency, install_signal_handlers=False, listen_notify=True)
            )
            await finished.wait()
            await _until_finished(pool)
            seconds = time.perf_counter() - began
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
    return jobs / seconds


async def _prepare(conn: AsyncConnection[tuple[object, ...]], jobs: int) -> None:
    await conn.execute(_TABLES.encode())
    await conn.execute(_JOBS, (jobs - 1,))


async def _until_finished(pool: AsyncConnectionPool) -> None:
    """The last functions have returned; wait until the queue has written that down."""
    async with pool.connection() as conn:
        while True:
            cursor = await conn.execute("SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1")
            if cursor.rowcount == 0:
                return
            await asyncio.sleep(0.002)
