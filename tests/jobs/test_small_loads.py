"""Small files: their rows need no table of their own on the way to the area's."""

import pytest
from psycopg import sql

from tests.jobs.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LIVE = "SELECT data_schema, generation FROM physical_tables WHERE phys_id = %s"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE starts_with(table_name, %s)"


async def test_a_further_small_file_has_no_table_of_its_own(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, "n,amount\n1,1.5\n2,2.5\n", "first.csv")
    phys_id = (await platform.table(area))["physId"]
    async with platform.api.bench.database.transaction("stepmill_loader", tenant="local") as other:
        place = (await (await other.execute(_LIVE, (phys_id,))).fetchall())[0]
        live = f"{phys_id}_g{place['generation']}"
        await other.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(place["data_schema"], live)))
        job = await platform.submit(area, await platform.upload(area, "n,amount\n3,3.5\nx,4.5\n", "second.csv"))
        await platform.api.bench.follow(job["jobId"], until=lambda event: event.data.get("name") == "Load")
        tables = await (await other.execute(_TABLES, (phys_id,))).fetchall()
        assert [table["table_name"] for table in tables] == [live]
    done = await platform.finished(job["jobId"])
    assert (done["status"], done["result"]["rowsLoaded"], done["result"]["rowsRejected"]) == ("DONE", 1, 1)
    assert [row["n"] for row in await platform.rows(area)] == [1, 2, 3]
    rejects = await platform.rejects(done["result"]["loadId"])
    assert [(reject["line"], reject["column"]) for reject in rejects] == [(3, "n")]
