"""Leftovers are dropped, tables renamed and removed, and two who ask for a table at once get the same."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from stepmill.errors import ConflictError
from stepmill.gateways.sql.database import Database
from stepmill.warehouse.cleanup import drop_leftovers
from stepmill.warehouse.listing import list_tables
from stepmill.warehouse.removal import drop_table, rename_table
from stepmill.warehouse.tables import Owner, ensure_table, find_table
from stepmill.warehouse.targets import open_target
from tests.warehouse.support import COLUMNS, ENV, SCHEMA, TENANT, Warehouse

_FAIL = """SELECT fail_step_v1(%s, 1, 0::smallint, '{"code": "x", "message": "x", "retryable": false}', 1, 1)"""
_WAITS = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
    " AND query LIKE 'INSERT INTO physical_tables%' AND wait_event_type = 'Lock'"
)
_MOVES = {
    "PENDING": ["SELECT rescue_v1(%s, 1, 'crashed', 5)"],
    "RUNNING": [],
    "ERROR": [_FAIL],
    "CANCELLED": ["SELECT cancel_v1(%s)", "SELECT settle_cancel_v1(%s, 1, 0)"],
    "gone": [_FAIL, "DELETE FROM jobs WHERE job_id = %s"],
}


async def move_job(database: Database, job_id: str, status: str) -> None:
    """From RUNNING to another state."""
    async with database.transaction("stepmill_engine") as conn:
        for statement in _MOVES[status]:
            await conn.execute(statement.encode(), (job_id,))


@pytest.mark.parametrize(
    ("status", "kept"), [("PENDING", True), ("RUNNING", True), ("ERROR", False), ("CANCELLED", False), ("gone", False)]
)
async def test_targets_of_jobs_that_ended(warehouse: Warehouse, status: str, kept: bool) -> None:
    target = await warehouse.fill([(1, "one")], mode="append", rejects=2)
    await move_job(warehouse.database, target.job_id, status)
    await asyncio.gather(drop_leftovers(warehouse.database), drop_leftovers(warehouse.database))
    assert await warehouse.tables_on_disk() == (["1"] if kept else [])
    rejects = await warehouse.read("SELECT count(*) AS n FROM load_rejects WHERE load_id = %s", target.load_id)
    assert rejects == [{"n": 2 if kept else 0}]


async def test_a_generation_that_is_still_read_is_dropped_later(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "old")])
    async with warehouse.begin() as reader:
        await reader.conn.execute(f"SELECT FROM {(await warehouse.table()).live.as_string()}")
        await warehouse.load([(1, "new")], keep_undo=timedelta(0))
        await drop_leftovers(warehouse.database)
        assert await warehouse.tables_on_disk() == ["1", "2"]
    await drop_leftovers(warehouse.database)
    assert await warehouse.tables_on_disk() == ["2"]


async def test_a_target_is_taken_up_again_for_the_same_and_made_anew_for_another(warehouse: Warehouse) -> None:
    target = await warehouse.fill([(1, "one")], mode="append")
    table = await warehouse.table()
    what: dict[str, Any] = {"job_id": target.job_id, "columns": COLUMNS, "source": {"fileId": target.job_id}}
    async with warehouse.begin() as tx:
        same, filled = await open_target(tx.conn, table, plan_version=1, **what)
    assert same == target
    assert (filled.complete, filled.rows_loaded) == (True, 1)
    async with warehouse.begin() as tx:
        other, filled = await open_target(tx.conn, table, plan_version=2, **what)
    assert other.load_id != target.load_id
    assert (filled.complete, filled.chunks, filled.rows_loaded) == (False, 0, 0)
    assert await warehouse.tables_on_disk() == []


async def test_two_who_need_the_table_at_once(warehouse: Warehouse) -> None:
    tables = await asyncio.gather(*(warehouse.table() for _ in range(4)))
    assert len({table.phys_id for table in tables}) == 1


async def test_the_other_s_name_is_met_before_its_owner(warehouse: Warehouse) -> None:
    """Of two at once it is by chance which unique index the later is stopped at: here it is the name's."""
    owner = warehouse.owner
    async with warehouse.begin() as first:
        await first.conn.execute(
            "INSERT INTO physical_tables (phys_id, tenant_id, env_id, owner_kind, owner_id, view_schema, data_schema,"
            " logical_name) VALUES (%s, %s, %s, %s, 'not yet', %s, %s, %s)",
            (f"t_{warehouse.name}", TENANT, ENV, owner.kind, SCHEMA, SCHEMA, warehouse.name),
        )
        second = asyncio.create_task(warehouse.table())
        await warehouse.until(_WAITS)
        await first.conn.execute("UPDATE physical_tables SET owner_id = %s WHERE owner_id = 'not yet'", (owner.id,))
    assert (await second).phys_id == f"t_{warehouse.name}"


async def test_another_owner_of_the_name(warehouse: Warehouse) -> None:
    await warehouse.table()
    async with warehouse.begin() as tx:
        with pytest.raises(ConflictError) as caught:
            await ensure_table(
                tx.conn,
                tenant_id=TENANT,
                env_id=ENV,
                owner=Owner("stream", "s"),
                schema_name=SCHEMA,
                logical_name=warehouse.name,
            )
    assert caught.value.code == "name_taken"


async def test_renamed(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "one")])
    other = Warehouse(warehouse.database)
    await other.load([(2, "two")])
    with pytest.raises(ConflictError) as caught:
        await rename_table(warehouse.database, TENANT, ENV, load.phys_id, other.name)
    assert caught.value.code == "name_taken"
    owner = warehouse.owner
    new = warehouse.name + " new"
    await rename_table(warehouse.database, TENANT, ENV, load.phys_id, new)
    await rename_table(warehouse.database, TENANT, ENV, "tbl_unknown", new)
    async with warehouse.begin() as tx:
        table = await find_table(tx.conn, ENV, owner)
    assert table is not None
    assert table.logical_name == new
    assert await warehouse.read(f"SELECT * FROM {table.view.as_string()}") == [{"Id": 1, "Name": "one"}]


async def test_removed(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "one")], rejects=1)
    load = await warehouse.load([(1, "one")], rejects=1)
    await warehouse.fill([(1, "one")], mode="append", rejects=1)
    await warehouse.run(f"CREATE VIEW env_default.on_top AS SELECT * FROM {warehouse.view}")
    with pytest.raises(ConflictError) as caught:
        await drop_table(warehouse.database, TENANT, ENV, load.phys_id)
    assert caught.value.code == "view_in_use"
    await warehouse.run("DROP VIEW env_default.on_top")
    await drop_table(warehouse.database, TENANT, ENV, load.phys_id)
    await drop_table(warehouse.database, TENANT, ENV, load.phys_id)
    await drop_leftovers(warehouse.database)
    tables = (await list_tables(warehouse.database, TENANT, ENV, limit=500))["items"]
    assert load.phys_id not in [table["physId"] for table in tables]
    query = "SELECT tablename FROM pg_tables WHERE starts_with(tablename, %s)"
    assert await warehouse.read(query, load.phys_id) == []
    assert await warehouse.read("SELECT FROM load_rejects WHERE load_id = %s", load.load_id) == []
