"""Rows of a small load that are held in memory in place of an unseen table."""

from dataclasses import replace

import pytest

from stepmill.errors import StepmillError
from stepmill.warehouse.columns import Column
from tests.warehouse.support import ID, NAME, Row, Warehouse

A: list[Row] = [(1, "one"), (2, "two")]
B: list[Row] = [(3, "drei"), (4, "vier")]


@pytest.fixture
def holds() -> bool:
    return True


async def test_they_join_the_table_without_one_of_their_own(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="append")
    told: list[str] = []
    target = await warehouse.fill(B, mode="append", rejects=1)
    assert target.held is not None
    assert await warehouse.tables_on_disk() == ["1"]
    entry = await warehouse.show(target, "append", tell=told.append, key=None, file_name="b.csv")
    assert (entry.rows_loaded, entry.rows_rejected) == (2, 1)
    assert entry.generation == (await warehouse.table()).generation
    assert await warehouse.values() == [*A, *B]
    assert told == []
    await warehouse.check_books()


async def test_they_get_a_table_where_earlier_rows_take_other_types(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "10"), (2, "20")], mode="append")
    number = replace(NAME, type="integer", sql_type="bigint")
    await warehouse.load([(3, 30)], mode="append", file="b.csv", columns=(ID, number), plan=2)
    assert await warehouse.values() == [(1, 10), (2, 20), (3, 30)]
    await warehouse.check_books()


async def test_they_wait_for_columns_that_only_they_have(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="append")
    amount = Column("amount", "Amount", "integer", "bigint")
    await warehouse.load([(3, 7, "drei")], mode="append", file="b.csv", columns=(ID, amount, NAME), plan=2)
    assert await warehouse.values() == [(1, "one", None), (2, "two", None), (3, "drei", 7)]


async def test_rows_that_are_lost_are_missed(warehouse: Warehouse) -> None:
    await warehouse.load(A, mode="append")
    target = await warehouse.fill(B, mode="append")
    target = await warehouse.lose_rows(target)
    with pytest.raises(StepmillError) as caught:
        await warehouse.show(target, "append", key=None, file_name="b.csv")
    assert caught.value.code == "load_unbalanced"
    assert await warehouse.values() == A
