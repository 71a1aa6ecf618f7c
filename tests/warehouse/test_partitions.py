"""The load mode replacePartition: a load's rows take the place of those in the same parts of the table."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from stepmill.errors import ConflictError, DataError
from stepmill.warehouse import ledger
from stepmill.warehouse.columns import Column
from stepmill.warehouse.ledger import LoadEntry, Mode
from stepmill.warehouse.revert import revert_load
from stepmill.warehouse.tables import Key
from tests.warehouse.support import EITHER_WAY, ENV, ID, TENANT, Row, Warehouse

pytestmark = EITHER_WAY

AT = Column("at", "At", "timestamptz", "timestamp with time zone")
DAY = Column("day", "Day", "date", "date")
SHOP = Column("shop", "Shop", "text", "text")
V = Column("v", "V", "text", "text")
V_TYPED = Column("v", "V", "integer", "bigint")
BY_PART: Mode = "replacePartition"
BY_DAY = Key(("at",), unique=False, is_partition=True)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2024, 5, day, hour, minute, tzinfo=UTC)


async def revert(warehouse: Warehouse, load: LoadEntry) -> None:
    await revert_load(warehouse.database, TENANT, ENV, load.load_id)


async def ids(warehouse: Warehouse) -> list[int]:
    await warehouse.check_books()
    return sorted(row["Id"] for row in await warehouse.rows())


async def test_the_days_that_a_file_holds(warehouse: Warehouse) -> None:
    columns = (ID, AT)
    first = [(1, at(1)), (2, at(1, 23, 59)), (3, at(2)), (4, at(3, 12))]
    await warehouse.load(first, columns=columns, mode=BY_PART, key=BY_DAY)
    second = await warehouse.load([(5, at(1, 8)), (6, at(3))], columns=columns, mode=BY_PART, key=BY_DAY, file="b.csv")
    assert await ids(warehouse) == [3, 5, 6]
    await warehouse.load([], columns=columns, mode=BY_PART, key=BY_DAY, file="empty.csv")
    assert await ids(warehouse) == [3, 5, 6]
    await warehouse.load([(7, at(9))], columns=columns, mode=BY_PART, key=BY_DAY, file="c.csv")
    assert await ids(warehouse) == [3, 5, 6, 7]
    with pytest.raises(ConflictError) as caught:
        await revert(warehouse, second)
    assert caught.value.code == "not_revertible"
    assert await ids(warehouse) == [3, 5, 6, 7]


async def test_several_columns_name_a_partition(warehouse: Warehouse) -> None:
    key, columns = Key(("day", "shop"), unique=False, is_partition=True), (ID, DAY, SHOP)
    one, two = date(2024, 5, 1), date(2024, 5, 2)
    rows: list[Row] = [(1, one, "a"), (2, one, "b"), (3, two, "a"), (4, two, "b")]
    await warehouse.load(rows, columns=columns, mode=BY_PART, key=key)
    later = await warehouse.load([(5, one, "b"), (6, two, "a"), (7, two, "a")], columns=columns, mode=BY_PART, key=key)
    assert await ids(warehouse) == [1, 4, 5, 6, 7]
    await revert(warehouse, later)
    assert await ids(warehouse) == [1, 2, 3, 4]


async def test_a_replay_joins_what_was_loaded(warehouse: Warehouse) -> None:
    columns = (ID, AT)
    await warehouse.load([(1, at(1))], columns=columns, mode=BY_PART, key=BY_DAY)
    load = await warehouse.load([(2, at(1))], columns=columns, mode=BY_PART, key=BY_DAY, file="b.csv", rejects=2)
    replay = await warehouse.load(
        [(3, at(1)), (4, at(1))], columns=columns, mode=BY_PART, key=BY_DAY, file="b.csv", replay_of=load.load_id
    )
    assert await ids(warehouse) == [2, 3, 4]
    await revert(warehouse, replay)
    assert await ids(warehouse) == [2]
    await revert(warehouse, load)
    assert await ids(warehouse) == [1]


async def test_what_was_replaced_is_kept_for_a_while(warehouse: Warehouse) -> None:
    columns = (ID, AT)
    await warehouse.load([(1, at(1)), (2, at(2))], columns=columns, mode=BY_PART, key=BY_DAY)
    load = await warehouse.load([(3, at(1))], columns=columns, mode=BY_PART, key=BY_DAY)
    assert load.undo.kept_in is not None
    await warehouse.run(f"DELETE FROM retired_tables WHERE table_name = '{load.undo.kept_in}'")
    with pytest.raises(ConflictError) as caught:
        await revert(warehouse, load)
    assert "no longer kept" in str(caught.value)
    assert await ids(warehouse) == [2, 3]


async def test_the_plan_may_change_with_it(warehouse: Warehouse) -> None:
    await warehouse.load([(1, at(1), "1"), (2, at(2), "2")], columns=(ID, AT, V), mode=BY_PART, key=BY_DAY)
    load = await warehouse.load([(3, at(2), 3)], columns=(ID, AT, V_TYPED), mode=BY_PART, key=BY_DAY, plan=2)
    assert [(row["Id"], row["V"]) for row in await warehouse.rows()] == [(1, 1), (3, 3)]
    assert await ids(warehouse) == [1, 3]
    await revert(warehouse, load)
    assert [(row["Id"], row["V"]) for row in await warehouse.rows()] == [(1, "1"), (2, "2")]


@dataclass
class Model:
    """Loads in the order in which they were shown, and the days of their rows."""

    loads: list[tuple[LoadEntry, dict[int, int]]] = field(default_factory=list)

    def expected(self, in_force: Sequence[str]) -> list[int]:
        """The ids of the rows that the loads in force leave."""
        there: dict[int, int] = {}
        for load, rows in self.loads:
            if load.load_id not in in_force:
                continue
            if load.mode == "replacePartition":
                there = {each: day for each, day in there.items() if day not in rows.values()}
            there |= rows
        return sorted(there)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
async def test_any_loads_and_reverts(warehouse: Warehouse, seed: int) -> None:
    chance, model, started = random.Random(seed), Model(), 0
    for act in ("load", "load", *chance.choices(["load", "revert"], weights=[3, 2], k=30)):
        if act == "load":
            started += 1
            model.loads.append(await _load_any(warehouse, chance, started))
        else:
            await _revert_any(warehouse, model, chance.choice(model.loads)[0])
        assert await ids(warehouse) == model.expected(await _in_force(warehouse))


async def _load_any(warehouse: Warehouse, chance: random.Random, number: int) -> tuple[LoadEntry, dict[int, int]]:
    mode: Mode = chance.choice(["append", "replacePartition", "replacePartition"])
    value: Any = chance.choice([V, V_TYPED])
    rows = {10 * number + place: chance.randrange(1, 6) for place in range(chance.randrange(5))}
    made: list[Row] = [
        (each, at(day, chance.randrange(24)), 7 if value is V_TYPED else "7") for each, day in rows.items()
    ]
    key = Key(("at",), unique=False, is_partition=mode == BY_PART)
    entry = await warehouse.load(made, columns=(ID, AT, value), mode=mode, key=key, file=f"{number}.csv")
    return entry, rows


async def _revert_any(warehouse: Warehouse, model: Model, load: LoadEntry) -> None:
    before = await _in_force(warehouse)
    newer = [each for each, _ in model.loads if each.version > load.version and each.load_id in before]
    refused = None
    try:
        await revert(warehouse, load)
    except ConflictError as error:
        refused = error.message
    if load.load_id not in before or (load.mode == BY_PART and newer):
        assert refused
    elif refused:
        assert "columns have changed" in refused
        assert newer
    else:
        assert load.load_id not in await _in_force(warehouse)


async def _in_force(warehouse: Warehouse) -> list[str]:
    phys_id = (await warehouse.table()).phys_id
    async with warehouse.begin() as tx:
        return [load.load_id for load in await ledger.loads_in_force(tx.conn, phys_id)]


async def test_rejects_of_partitions_that_were_replaced_since_are_not_replayed(warehouse: Warehouse) -> None:
    columns = (ID, AT)
    await warehouse.load([(1, at(1))], columns=columns, mode=BY_PART, key=BY_DAY)
    load = await warehouse.load([(2, at(1))], columns=columns, mode=BY_PART, key=BY_DAY, file="b.csv", rejects=1)
    later = await warehouse.load([(3, at(1))], columns=columns, mode=BY_PART, key=BY_DAY, file="c.csv")
    with pytest.raises(ConflictError) as caught:
        await warehouse.load([(4, at(1))], columns=columns, mode=BY_PART, key=BY_DAY, replay_of=load.load_id)
    assert caught.value.code == "superseded"
    assert later.load_id in caught.value.message
    assert sorted(row["Id"] for row in await warehouse.rows()) == [3]


async def test_what_a_file_replaced_does_not_come_back_into_a_replaced_partition(warehouse: Warehouse) -> None:
    columns = (ID, AT)
    plain = Key(("at",), unique=False)
    await warehouse.load([(1, at(1)), (2, at(2))], columns=columns, key=plain)
    second = await warehouse.load([(3, at(1)), (4, at(2))], columns=columns, key=plain)
    later = await warehouse.load([(5, at(1))], columns=columns, mode=BY_PART, key=BY_DAY, file="b.csv")
    with pytest.raises(ConflictError) as caught:
        await revert(warehouse, second)
    assert (caught.value.code, later.load_id in caught.value.message) == ("not_revertible", True)
    await revert(warehouse, later)
    await revert(warehouse, second)
    assert await ids(warehouse) == [1, 2]


async def test_a_key_that_is_too_long_is_told(warehouse: Warehouse) -> None:
    key = Key(("name",), unique=False, is_partition=True)
    await warehouse.load([(1, "a")], mode=BY_PART, key=key)
    with pytest.raises(DataError) as caught:
        await warehouse.load([(2, "".join(uuid4().hex for _ in range(200)))], mode=BY_PART, key=key, file="b.csv")
    assert caught.value.code in ("key_too_long", "row_too_large")
    assert await warehouse.values() == [(1, "a")]
