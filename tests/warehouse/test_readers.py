"""What readers see while loads come in: whole loads only, without waiting long."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stepmill.engine.context import Transaction
from stepmill.warehouse.columns import Column
from stepmill.warehouse.ledger import LoadEntry, Mode
from stepmill.warehouse.listing import table_loads
from stepmill.warehouse.revert import revert_load
from stepmill.warehouse.targets import Target
from tests.warehouse.support import ENV, ID, TENANT, Row, Warehouse


@pytest.mark.parametrize("mode", ["replace", "replaceFile", "upsert", "replacePartition"])
async def test_a_poll_sees_one_load_or_the_next(warehouse: Warehouse, mode: Mode) -> None:
    def rows(load: int) -> list[Row]:
        return [(number, f"load {load}") for number in range(200)]

    await warehouse.load(rows(0), mode=mode)
    seen: list[set[str]] = []
    longest = 0.0
    done = asyncio.Event()

    async def poll() -> None:
        nonlocal longest
        async with warehouse.database.autocommit() as conn:
            await conn.execute("SET ROLE stepmill_loader")
            try:
                while not done.is_set():
                    begun = time.monotonic()
                    found = await (await conn.execute(f'SELECT "Name", "Id" FROM {warehouse.view}')).fetchall()
                    longest = max(longest, time.monotonic() - begun)
                    assert len(found) == 200
                    seen.append({row["Name"] for row in found})
            finally:
                await conn.execute("SET ROLE stepmill_engine")

    poller = asyncio.create_task(poll())
    for load in range(1, 6):
        await warehouse.load(rows(load), mode=mode)
    await asyncio.sleep(0)
    done.set()
    await poller
    assert all(len(names) == 1 for names in seen)
    order = [names.pop() for names in seen]
    assert order == sorted(order)
    assert longest < 2


async def test_a_reader_that_holds_the_view_is_waited_for_and_others_are_not_held_up(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "old")])
    told: list[str] = []
    target = await warehouse.fill([(1, "new")], mode="replaceFile")
    async with warehouse.begin() as reader:
        await reader.conn.execute(f"SELECT FROM {warehouse.view}")
        showing = asyncio.create_task(
            warehouse.show(target, "replaceFile", key=None, file_name="a.csv", tell=told.append)
        )
        while not any("Waiting for readers" in sentence for sentence in told):
            begun = time.monotonic()
            assert await warehouse.values() == [(1, "old")]
            assert time.monotonic() - begun < 1
            await asyncio.sleep(0.01)
    await showing
    assert await warehouse.values() == [(1, "new")]


async def test_two_loads_of_one_file_that_were_filled_at_once(warehouse: Warehouse) -> None:
    """Each thought that the table was empty; the second finds what the first did."""
    first = await warehouse.fill([(1, "first")], mode="replaceFile")
    second = await warehouse.fill([(1, "second")], mode="replaceFile")
    other = await warehouse.fill([(2, "other")], mode="replaceFile")
    for target, file in ((first, "a.csv"), (other, "b.csv"), (second, "a.csv")):
        await warehouse.show(target, "replaceFile", key=None, file_name=file)
    assert await warehouse.values() == [(1, "second"), (2, "other")]
    await warehouse.check_books()
    table = await warehouse.table()
    loads = (await table_loads(warehouse.database, TENANT, ENV, table.phys_id))["items"]
    assert [load.get("supersededBy") for load in loads] == [None, None, loads[0]["loadId"]]


async def test_a_table_changed_between_preparing_and_showing_is_prepared_again(warehouse: Warehouse) -> None:
    """An append is reverted after its rows were carried over to another load's columns."""
    await warehouse.load([(1, "1")], mode="append", file="a.csv")
    reverted = await warehouse.load([(2, "2")], mode="append", file="b.csv")
    number = Column("name", "Name", "integer", "bigint")
    target = await warehouse.fill([(3, 3)], mode="append", columns=(ID, number))
    await _show_over_a_revert(warehouse, target, reverted, after="Building")
    assert await warehouse.values() == [(1, 1), (3, 3)]
    await warehouse.check_books()


async def test_a_generation_switched_between_preparing_and_showing_is_prepared_for(warehouse: Warehouse) -> None:
    """A replace is reverted after an append was made ready to join the columns that it brought."""
    await warehouse.load([(1,)], mode="replace", columns=(ID,))
    reverted = await warehouse.load([(2, "two")], mode="replace")
    target = await warehouse.fill([(3, "three")], mode="append")
    await _show_over_a_revert(warehouse, target, reverted, after="Showing")
    assert await warehouse.values() == [(1, None), (3, "three")]
    await warehouse.check_books()


async def _show_over_a_revert(warehouse: Warehouse, target: Target, reverted: LoadEntry, *, after: str) -> None:
    begun: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def begin() -> AsyncIterator[Transaction]:
        if begun and not begun[0].done():
            await begun[0]
        async with warehouse.begin() as tx:
            yield tx

    def tell(sentence: str) -> None:
        if sentence.startswith(after) and not begun:
            begun.append(asyncio.create_task(revert_load(warehouse.database, TENANT, ENV, reverted.load_id)))

    await warehouse.show(target, "append", key=None, file_name="c.csv", tell=tell, begin=begin)
    assert begun
