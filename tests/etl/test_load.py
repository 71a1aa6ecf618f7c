"""Chunks of a target: what a crash leaves, how the next attempt goes on, and who may commit."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from stepmill.engine.context import AttemptConnection
from stepmill.errors import AttemptLostError, DataError
from stepmill.etl.chunk_rows import Counts
from stepmill.etl.chunks import Batch, TargetTable
from stepmill.etl.load import fill_target
from stepmill.etl.plan.rejects import RejectLimit
from stepmill.etl.readers.block import Reject
from stepmill.gateways.sql.database import Database
from tests.support.database import DatabaseServer
from tests.support.jobs import begin_job

NO_LIMIT = RejectLimit(rows=10**9)


class CrashError(Exception):
    """The process is killed, as far as the database can tell."""


class Said:
    """Remembers what is reported."""

    def __init__(self) -> None:
        self.done: list[float] = []
        self.lines: list[str] = []

    def progress(self, done: float, total: float | None = None, unit: str = "rows", message: str | None = None) -> None:
        self.done.append(done)

    def log(self, level: str, message: str, **fields: Any) -> None:
        self.lines.append(message)


class Source:
    """Blocks of ten numbers; every number below ``rejected`` in a block is a reject."""

    def __init__(self, blocks: int, *, rejected: int = 0, crash_at: int | None = None) -> None:
        self.blocks, self.rejected, self.crash_at = blocks, rejected, crash_at
        self.began_at: list[int] = []

    def __call__(self, resume_at: dict[str, Any] | None) -> Iterator[Batch]:
        first = resume_at["block"] if resume_at else 0
        self.began_at.append(first)
        for block in range(first, self.blocks):
            if block == self.crash_at:
                raise CrashError
            numbers = range(block * 10 + self.rejected, block * 10 + 10)
            data = b"".join(struct.pack(">hiqiq", 2, 8, 7, 8, number) for number in numbers)
            rejects = [
                Reject(block * 10 + n, "n", "bad_integer", "It is no integer.", "x\x00\ud800", '{"n": "x"}')
                for n in range(self.rejected)
            ]
            counts = Counts(10, len(numbers), len(rejects), 0)
            yield Batch([data], counts, rejects, (block + 1) * 100, {"block": block + 1})


@pytest.fixture(scope="module")
def shared_url(database_server: DatabaseServer) -> Iterator[str]:
    with database_server.clone() as url:
        yield url


@pytest.fixture
async def database(shared_url: str) -> AsyncIterator[Database]:
    """One database for all of these tests, without what the test before left."""
    async with Database(shared_url, application_name="tests") as database:
        async with database.transaction("stepmill_engine") as conn:
            await conn.execute("SELECT cancel_v1(job_id) FROM jobs WHERE status IN ('PENDING', 'RUNNING')")
            await conn.execute("SELECT settle_cancel_v1(job_id, attempt, 0) FROM job_attempts WHERE ended_at IS NULL")
            await conn.execute("DELETE FROM jobs")
        async with database.transaction("stepmill_loader", tenant="acme") as conn:
            await conn.execute("DELETE FROM load_rejects")
            await conn.execute("DELETE FROM physical_tables")
            await conn.execute("DROP SCHEMA IF EXISTS d CASCADE")
        yield database


@pytest.fixture
async def own(database: Database) -> AttemptConnection:
    """A job with a current attempt, and a target to fill."""
    async with database.transaction("stepmill_engine") as conn:
        await begin_job(conn, "job", tenant="acme", env="default")
    async with database.transaction("stepmill_loader", tenant="acme") as conn:
        await conn.execute(
            "INSERT INTO physical_tables (phys_id, tenant_id, env_id, owner_kind, owner_id, view_schema, data_schema,"
            " logical_name) VALUES ('t', 'acme', 'default', 'area', 'a', 'v', 'd', 'T')"
        )
        await conn.execute(
            "INSERT INTO load_targets (load_id, load_number, job_id, tenant_id, env_id, phys_id, generation,"
            " schema_name, table_name, plan_version, columns, source)"
            " VALUES ('ld', 7, 'job', 'acme', 'default', 't', 1, 'd', 't_g1', 1, '[]', '{}')"
        )
        await conn.execute("CREATE SCHEMA d")
    return AttemptConnection(database.url, "stepmill:job:1", "job", 1, "acme")


def target(*, freeze: bool = False) -> TargetTable:
    create = "CREATE TABLE d.t_g1 (_load_id bigint, n bigint)"
    return TargetTable("ld", 7, 1, "d", "t_g1", create, freeze)


async def fill(
    own: AttemptConnection, source: Source, limit: RejectLimit = NO_LIMIT, *, freeze: bool = False, chunk_rows: int = 30
) -> tuple[Counts, Said]:
    said = Said()
    counts = await asyncio.to_thread(
        fill_target,
        said,
        own,
        target(freeze=freeze),
        ("_load_id", "n"),
        source,
        limit,
        expected_rows=100,
        chunk_rows=chunk_rows,
    )
    return counts, said


async def stored(database: Database) -> tuple[list[int], list[tuple[int, int, bool]]]:
    """The numbers in the target and (rows read, bytes read, more to come) of each chunk."""
    async with database.transaction("stepmill_loader", tenant="acme") as conn:
        try:
            async with conn.transaction():
                rows = await (await conn.execute("SELECT n FROM d.t_g1 WHERE _load_id = 7 ORDER BY n")).fetchall()
        except psycopg.errors.UndefinedTable:
            rows = []
        chunks = await (await conn.execute("SELECT * FROM load_chunks ORDER BY chunk")).fetchall()
    return [row["n"] for row in rows], [(c["rows_read"], c["bytes_read"], c["resume_at"] is not None) for c in chunks]


async def test_chunks(database: Database, own: AttemptConnection) -> None:
    counts, said = await fill(own, Source(10))
    assert counts == Counts(100, 100, 0, 0)
    assert await stored(database) == (
        list(range(100)),
        [(30, 300, True), (30, 600, True), (30, 900, True), (10, 1000, False)],
    )
    assert said.done == list(range(10, 101, 10))


@pytest.mark.parametrize("blocks", [0, 3, 6])
async def test_a_source_that_ends_with_a_chunk(database: Database, own: AttemptConnection, blocks: int) -> None:
    await fill(own, Source(blocks))
    numbers, chunks = await stored(database)
    assert numbers == list(range(blocks * 10))
    assert [more for *_, more in chunks] == [True] * (len(chunks) - 1) + [False]
    assert len(chunks) == max(1, blocks // 3)


async def test_the_next_attempt_goes_on_at_the_chunk(database: Database, own: AttemptConnection) -> None:
    with pytest.raises(CrashError):
        await fill(own, Source(10, rejected=1, crash_at=5))
    assert (await stored(database))[1] == [(30, 300, True)]
    again = Source(10, rejected=1)
    counts, said = await fill(own, again)
    assert again.began_at == [3]
    assert counts == Counts(100, 90, 10, 0)
    assert said.lines == ["Going on after the rows that are there already."]
    assert said.done[0] == 40
    numbers, chunks = await stored(database)
    assert numbers == [number for number in range(100) if number % 10]
    assert sum(rows for rows, *_ in chunks) == 100
    async with database.transaction("stepmill_loader", tenant="acme") as conn:
        rejects = await (await conn.execute("SELECT ordinal, raw FROM load_rejects ORDER BY ordinal")).fetchall()
    assert rejects == [{"ordinal": ordinal, "raw": "x\N{SYMBOL FOR NULL}?"} for ordinal in range(10)]


async def test_a_crash_in_the_first_chunk_leaves_nothing(database: Database, own: AttemptConnection) -> None:
    with pytest.raises(CrashError):
        await fill(own, Source(10, crash_at=2), freeze=True)
    assert await stored(database) == ([], [])
    await fill(own, Source(10), freeze=True, chunk_rows=1000)
    assert len((await stored(database))[0]) == 100


async def test_a_full_target_is_not_filled_again(own: AttemptConnection) -> None:
    await fill(own, Source(10))
    again = Source(10)
    counts, said = await fill(own, again)
    assert (counts.rows_read, again.began_at, said.done) == (100, [], [])


async def test_only_the_current_attempt_commits(database: Database, own: AttemptConnection) -> None:
    async with database.transaction("stepmill_engine") as conn:
        await conn.execute("UPDATE job_attempts SET revoked_at = now()")
    with pytest.raises(AttemptLostError):
        await fill(own, Source(10))
    assert await stored(database) == ([], [])


@pytest.mark.parametrize(
    ("limit", "seen"),
    [
        (RejectLimit(rows=4), 30),
        (RejectLimit(share=0.05), 30),
        (RejectLimit(rows=0), 10),
        (RejectLimit(share=0.0), 10),
        (RejectLimit(rows=1, share=0.05), 30),
    ],
)
async def test_too_many_rejects(database: Database, own: AttemptConnection, limit: RejectLimit, seen: int) -> None:
    with pytest.raises(DataError) as caught:
        await fill(own, Source(10, rejected=2), limit)
    assert caught.value.code == "too_many_rejects"
    details = caught.value.details
    assert details is not None
    assert details["rowsRead"] == seen
    assert details["examples"][0] | {"raw": ""} == {
        "line": 0,
        "column": "n",
        "code": "bad_integer",
        "reason": "It is no integer.",
        "raw": "",
    }
    assert (await stored(database))[1] == []


@pytest.mark.parametrize(
    "limit", [RejectLimit(rows=20), RejectLimit(share=0.2), RejectLimit(rows=2, share=0.2), NO_LIMIT]
)
async def test_just_enough_rejects(own: AttemptConnection, limit: RejectLimit) -> None:
    counts, _ = await fill(own, Source(10, rejected=2), limit)
    assert counts == Counts(100, 80, 20, 0)


async def test_a_chunk_with_more_rejects_than_are_held(database: Database, own: AttemptConnection) -> None:
    counts, _ = await fill(own, Source(1_200, rejected=9), freeze=True, chunk_rows=1_000_000)
    assert counts == Counts(12_000, 1_200, 10_800, 0)
    numbers, chunks = await stored(database)
    assert (len(numbers), len(chunks)) == (1_200, 1)
    async with database.transaction("stepmill_loader", tenant="acme") as conn:
        cursor = await conn.execute("SELECT count(*), min(ordinal), max(ordinal) FROM load_rejects")
        assert await cursor.fetchone() == {"count": 10_800, "min": 0, "max": 10_799}
