"""Small files: their rows need no table of their own on the way to the area's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from tests.jobs.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LIVE = "SELECT data_schema, generation FROM physical_tables WHERE phys_id = %s"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, %s)"


@asynccontextmanager
async def _locked(platform: Platform, area: str) -> AsyncIterator[tuple[AsyncConnection[DictRow], str, str]]:
    """While nobody can write to the area's table: a connection, the table's id, and its generation's name."""
    phys_id = (await platform.table(area))["physId"]
    async with platform.api.bench.database.transaction("stepmill_loader", tenant="local") as conn:
        place = (await (await conn.execute(_LIVE, (phys_id,))).fetchall())[0]
        live = f"{phys_id}_g{place['generation']}"
        await conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(place["data_schema"], live)))
        yield conn, phys_id, live


async def _at_load(platform: Platform, area: str, content: str) -> str:
    """A job whose rows are ready to be shown."""
    job = await platform.submit(area, await platform.upload(area, content, "second.csv"))
    await platform.api.bench.follow(job["jobId"], until=lambda event: event.data.get("name") == "Load")
    return str(job["jobId"])


async def test_a_further_small_file_has_no_table_of_its_own(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, "n,amount\n1,1.5\n2,2.5\n", "first.csv")
    async with _locked(platform, area) as (conn, phys_id, live):
        job_id = await _at_load(platform, area, "n,amount\n3,3.5\nx,4.5\n")
        tables = await (await conn.execute(_TABLES, (phys_id,))).fetchall()
        assert [table["table_name"] for table in tables] == [live]
    done = await platform.finished(job_id)
    assert (done["status"], done["result"]["rowsLoaded"], done["result"]["rowsRejected"]) == ("DONE", 1, 1)
    assert [row["n"] for row in await platform.rows(area)] == [1, 2, 3]
    rejects = await platform.rejects(done["result"]["loadId"])
    assert [(reject["line"], reject["column"]) for reject in rejects] == [(3, "n")]


async def test_one_that_was_stopped_before_it_was_shown_is_shown_once(platform: Platform) -> None:
    area = await platform.create_area(loadMode="append")
    await platform.load(area, "n\n1\n2\n", "first.csv")
    async with _locked(platform, area):
        job_id = await _at_load(platform, area, "n\n3\nx\n")
        await platform.client.post(f"/api/jobs/{job_id}/cancel")
        assert (await platform.finished(job_id))["status"] == "CANCELLED"
    assert [row["n"] for row in await platform.rows(area)] == [1, 2]
    assert (await platform.client.post(f"/api/jobs/{job_id}/retry")).status_code == 202
    again = await platform.finished(job_id)
    assert (again["status"], again["result"]["rowsLoaded"], again["result"]["rowsRejected"]) == ("DONE", 1, 1)
    assert [row["n"] for row in await platform.rows(area)] == [1, 2, 3]
    assert len(await platform.rejects(again["result"]["loadId"])) == 1


@pytest.mark.slow
async def test_a_row_that_postgres_can_not_store_is_named_as_in_any_load(platform: Platform) -> None:
    area = await platform.create_area(loadMode="append")
    names = [f"c{number}" for number in range(900)]
    await platform.load(area, ",".join(names) + "\n" + ",".join(["x"] * 900) + "\n", "first.csv")
    long = ",".join(f"{number:020}x" for number in range(900))
    error = await platform.failed(area, ",".join(names) + "\n" + long + "\n", "second.csv")
    assert error["code"] == "row_too_large"
    assert len(await platform.rows(area)) == 1


@pytest.mark.slow
async def test_rejects_of_a_small_file_may_be_many(platform: Platform) -> None:
    area = await platform.create_area(loadMode="append")
    await platform.load(area, "n\n1\n2\n", "first.csv")
    plan = await platform.get(f"/areas/{area}/plan")
    await platform.put_plan(area, plan | {"maxRejects": {"share": 0.99}})
    job = await platform.load(area, "n\n3\n" + "x\n" * 12_000 + "4\n" * 200, "second.csv")
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"]) == (201, 12_000)
