"""Loads taken back: what readers see, what the ledger says, and what can't be taken back and why."""

from datetime import timedelta

import pytest

from stepmill.errors import ConflictError, NotFoundError
from stepmill.warehouse.cleanup import drop_leftovers
from stepmill.warehouse.columns import Column
from stepmill.warehouse.ledger import Mode
from stepmill.warehouse.listing import table_loads
from stepmill.warehouse.revert import remove_file_rows, revert_load
from tests.warehouse.support import EITHER_WAY, ENV, ID, TENANT, Row, Warehouse

pytestmark = EITHER_WAY

A: list[Row] = [(1, "one"), (2, "two")]
B: list[Row] = [(3, "drei"), (4, "vier")]
C: list[Row] = [(5, "cinco"), (6, "seis")]


async def revert(warehouse: Warehouse, load_id: str) -> None:
    await revert_load(warehouse.database, TENANT, ENV, load_id)


async def refusal(warehouse: Warehouse, load_id: str) -> str:
    with pytest.raises(ConflictError) as caught:
        await revert(warehouse, load_id)
    assert caught.value.code == "not_revertible"
    assert caught.value.details is not None
    return str(caught.value.details["reason"])


@pytest.mark.parametrize("mode", ["replace", "replaceFile", "append"])
async def test_the_last_load_and_then_the_one_before(warehouse: Warehouse, mode: Mode) -> None:
    first = await warehouse.load(A, mode=mode)
    second = await warehouse.load(C, mode=mode)
    await revert(warehouse, second.load_id)
    assert await warehouse.values() == A
    await warehouse.check_books()
    assert "already" in await refusal(warehouse, second.load_id)
    await revert(warehouse, first.load_id)
    assert await warehouse.values() == []
    await warehouse.load(B, mode=mode)
    assert await warehouse.values() == B
    await warehouse.check_books()


async def test_a_replace_is_reverted_in_order(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="replace")
    second = await warehouse.load(B, mode="replace")
    third = await warehouse.load(C, mode="replace")
    assert third.load_id in await refusal(warehouse, second.load_id)
    await revert(warehouse, third.load_id)
    assert await warehouse.values() == B
    await revert(warehouse, second.load_id)
    assert await warehouse.values() == A


async def test_a_file_is_reverted_whatever_came_after_of_other_files(warehouse: Warehouse) -> None:
    await warehouse.load(A, file="a.csv")
    newer = await warehouse.load(C, file="a.csv")  # the only file: a new generation
    await warehouse.load(B, file="b.csv")
    await revert(warehouse, newer.load_id)
    assert await warehouse.values() == [*A, *B]
    newest = await warehouse.load(C, file="a.csv")  # moved, because b.csv is there
    await warehouse.load([(7, "x"), (8, "y")], file="b.csv")
    await revert(warehouse, newest.load_id)
    assert await warehouse.values() == [*A, (7, "x"), (8, "y")]
    await warehouse.check_books()


async def test_an_append_is_reverted_whatever_came_after(warehouse: Warehouse) -> None:
    first = await warehouse.load(A, mode="append", file="a.csv")
    await warehouse.load(B, mode="append", file="b.csv")
    await revert(warehouse, first.load_id)
    assert await warehouse.values() == B
    await warehouse.check_books()


async def test_the_columns_come_back_too(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    second = await warehouse.load(
        [("x",)], columns=(Column("other", "Other", "text", "text"),), plan=2, allow_small=True
    )
    await revert(warehouse, second.load_id)
    assert await warehouse.rows() == [{"Id": 1, "Name": "one"}, {"Id": 2, "Name": "two"}]
    assert (await warehouse.table()).plan_version == 1


async def test_columns_changed_since(warehouse: Warehouse) -> None:
    await warehouse.load(A, file="a.csv")
    second = await warehouse.load(C, file="a.csv")
    await warehouse.load([(9,)], file="b.csv", columns=(ID,))
    assert "columns have changed" in await refusal(warehouse, second.load_id)


async def test_an_upsert_says_that_it_cant(warehouse: Warehouse) -> None:
    load = await warehouse.load(A, mode="upsert")
    assert "upsert" in await refusal(warehouse, load.load_id)


async def test_what_is_kept_no_longer(warehouse: Warehouse) -> None:
    await warehouse.load(A)
    second = await warehouse.load(C, keep_undo=timedelta(0))
    assert await warehouse.tables_on_disk() == ["1", str(second.load_number - warehouse.loads_before)]
    await drop_leftovers(warehouse.database)
    assert await warehouse.tables_on_disk() == [str(second.load_number - warehouse.loads_before)]
    assert "no longer kept" in await refusal(warehouse, second.load_id)
    assert await warehouse.values() == C


async def test_an_append_needs_nothing_kept(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="append", file="a.csv")
    narrower = await warehouse.load([(9,)], mode="append", file="b.csv", columns=(ID,), keep_undo=timedelta(0))
    await drop_leftovers(warehouse.database)
    await revert(warehouse, narrower.load_id)
    assert await warehouse.values() == [(1,), (2,)]
    await warehouse.check_books()


async def test_a_replace_of_nothing_is_not_reverted_to_other_columns(warehouse: Warehouse) -> None:
    first = await warehouse.load(A, mode="replace")
    await revert(warehouse, first.load_id)
    second = await warehouse.load([(9,)], mode="replace", columns=(ID,), keep_undo=timedelta(0))
    await drop_leftovers(warehouse.database)
    assert "no longer kept" in await refusal(warehouse, second.load_id)
    assert await warehouse.values() == [(9,)]


async def test_another_tenants_load_is_not_there(warehouse: Warehouse) -> None:
    load = await warehouse.load(A)
    for tenant, env in (("other", ENV), (TENANT, "other")):
        with pytest.raises(NotFoundError):
            await revert_load(warehouse.database, tenant, env, load.load_id)


async def test_rows_of_a_removed_file_go(warehouse: Warehouse) -> None:
    first = await warehouse.load(A, file="a.csv")
    await warehouse.load(B, file="b.csv")
    assert await remove_file_rows(warehouse.database, TENANT, ENV, warehouse.file_id("a.csv")) == 2
    assert await remove_file_rows(warehouse.database, TENANT, ENV, warehouse.file_id("a.csv")) == 0
    assert await warehouse.values() == B
    assert "removed" in await refusal(warehouse, first.load_id)
    await warehouse.check_books()


async def test_removed_rows_dont_come_back_with_a_generation(warehouse: Warehouse) -> None:
    await warehouse.load(A, file="a.csv")
    await warehouse.load(B, file="b.csv")
    carried = await warehouse.load([(9,)], file="c.csv", columns=(ID,))  # a new generation with all rows
    await remove_file_rows(warehouse.database, TENANT, ENV, warehouse.file_id("a.csv"))
    await revert(warehouse, carried.load_id)
    assert await warehouse.values() == B
    await warehouse.check_books()


async def test_replaced_rows_of_a_removed_file_dont_come_back(warehouse: Warehouse) -> None:
    await warehouse.load(B, file="b.csv", mode="append")
    removed = await warehouse.load(A, file="a.csv", mode="append")
    later = await warehouse.load(C, file="c.csv", mode="replace")
    assert await remove_file_rows(warehouse.database, TENANT, ENV, warehouse.file_id("a.csv")) == 0
    assert await warehouse.values() == C
    await revert(warehouse, later.load_id)
    assert await warehouse.values() == B
    assert "removed" in await refusal(warehouse, removed.load_id)
    await warehouse.check_books()


async def test_the_ledger_tells_it(warehouse: Warehouse) -> None:
    first = await warehouse.load(A)
    second = await warehouse.load(C)
    await revert(warehouse, second.load_id)
    loads = (await table_loads(warehouse.database, TENANT, ENV, second.phys_id))["items"]
    assert [load["loadId"] for load in loads] == [second.load_id, first.load_id]
    assert "revertedAt" in loads[0]
    assert "supersededBy" not in loads[1]
