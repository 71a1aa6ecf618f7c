"""Loads taken back one after another, through changes of the plan: the table is each time as it was."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from stepmill.errors import ConflictError
from stepmill.warehouse import ledger
from stepmill.warehouse.columns import Column
from stepmill.warehouse.ledger import LoadEntry, Mode
from stepmill.warehouse.revert import remove_file_rows, revert_load
from stepmill.warehouse.tables import Key, PhysicalTable
from tests.warehouse.support import EITHER_WAY, ENV, ID, TENANT, Row, Warehouse

pytestmark = EITHER_WAY

V = Column("v", "V", "text", "text")
V_TYPED = Column("v", "V", "integer", "bigint")
W = Column("w", "W", "text", "text")
X = Column("x", "X", "text", "text", nullable=False)
PLANS: dict[str, tuple[Column, ...]] = {
    "plain": (ID, V, W),
    "typed": (ID, V_TYPED, W),
    "dropped": (ID, W),
    "added": (ID, V, W, X),
    "moved": (ID, X, W),
}
KEYS = {"plain": None, "typed": Key(("id",), unique=False), "dropped": None, "added": Key(("w",), unique=False)}
TIMES = {"added": "x"}


@dataclass(frozen=True)
class Seen:
    """What readers and the books see; the version and the time of the last change only grow."""

    table: PhysicalTable
    rows: list[dict[str, Any]]


@dataclass
class Story:
    """Loads into one table, each of two rows with ids of its own."""

    warehouse: Warehouse
    ids: dict[str, set[int]] = field(default_factory=dict)  # of each load
    started: int = 0

    async def load(self, plan: str, mode: Mode, file: str = "a.csv") -> LoadEntry:
        self.started += 1
        columns = PLANS[plan]
        ids = {10 * self.started, 10 * self.started + 1}
        rows: list[Row] = [(each, *(str(each) if c.type == "text" else each for c in columns[1:])) for each in ids]
        entry = await self.warehouse.load(
            rows,
            columns=columns,
            mode=mode,
            file=f"{self.started}.csv" if mode == "append" else file,
            plan=1 + list(PLANS).index(plan),
            key=KEYS.get(plan),
            time_column=TIMES.get(plan),
        )
        self.ids[entry.load_id] = ids
        return entry

    async def load_any(self, chance: random.Random) -> LoadEntry:
        mode: Mode = chance.choice(["replace", "replaceFile", "append"])
        return await self.load(chance.choice(list(PLANS)), mode, chance.choice(["a.csv", "b.csv"]))

    async def revert(self, load: LoadEntry) -> None:
        await revert_load(self.warehouse.database, TENANT, ENV, load.load_id)

    async def refusal(self, load: LoadEntry) -> str | None:
        try:
            await self.revert(load)
        except ConflictError as error:
            return error.message
        return None

    async def in_force(self) -> list[str]:
        phys_id = (await self.warehouse.table()).phys_id
        async with self.warehouse.begin() as tx:
            return [load.load_id for load in await ledger.loads_in_force(tx.conn, phys_id)]

    async def seen(self) -> Seen:
        table = await self.warehouse.table()
        if table.generation is None:
            return Seen(replace(table, version=0), [])
        await self.warehouse.check_books()
        return Seen(replace(table, version=0), await self.warehouse.rows())


REPLACES = [
    ("plain", "plain", "plain"),
    ("plain", "dropped", "dropped"),
    ("plain", "typed", "dropped"),
    ("plain", "added", "added"),
    ("plain", "added", "moved", "typed", "plain", "dropped"),
]


@pytest.mark.parametrize("plans", REPLACES, ids="-".join)
@pytest.mark.parametrize("mode", ["replace", "replaceFile"])
async def test_all_the_way_back_and_forth(warehouse: Warehouse, plans: Sequence[str], mode: Mode) -> None:
    story = Story(warehouse)
    first = await story.load(plans[0], mode)
    begun = await story.seen()
    for _ in range(2):  # what was reverted is loaded again, and reverted again
        before, loads = [], []
        for plan in plans[1:]:
            before.append(await story.seen())
            loads.append(await story.load(plan, mode))
        while loads:
            await story.revert(loads.pop())
            assert await story.seen() == before.pop()
    assert await story.seen() == begun
    await story.revert(first)
    assert (await story.seen()).rows == []


@pytest.mark.parametrize("plans", [("dropped", "typed", "moved"), ("typed", "plain", "typed")], ids="-".join)
@pytest.mark.parametrize("mode", ["append", "replaceFile"])
async def test_a_new_generation_of_other_loads_rows(warehouse: Warehouse, plans: Sequence[str], mode: Mode) -> None:
    story = Story(warehouse)
    await story.load("plain", mode, "a.csv")
    states, loads = [], []
    for plan in plans:
        for file in ("b.csv", "c.csv"):
            states.append(await story.seen())
            loads.append(await story.load(plan, mode, file))
    while loads:
        await story.revert(loads.pop())
        assert await story.seen() == states.pop()


async def test_a_replace_between_appends(warehouse: Warehouse) -> None:
    story = Story(warehouse)
    await story.load("plain", "append")
    widened = await story.load("added", "append")
    both = await story.seen()
    third = await story.load("dropped", "replace")
    alone = await story.seen()
    fourth = await story.load("typed", "append")
    await story.revert(fourth)
    assert await story.seen() == alone
    fifth = await story.load("dropped", "append")  # moved
    await story.revert(fifth)
    assert await story.seen() == alone
    await story.revert(third)
    assert await story.seen() == both
    await story.revert(widened)
    assert [row["Id"] for row in (await story.seen()).rows] == [10, 11]


async def test_rows_taken_out_since_stay_out(warehouse: Warehouse) -> None:
    story = Story(warehouse)
    first = await story.load("plain", "append")
    await story.load("plain", "append")
    before = await story.seen()
    carried = await story.load("dropped", "append")
    await story.revert(first)
    await story.revert(carried)
    after = await story.seen()
    assert after.table == replace(before.table, rows=2)
    assert after.rows == before.rows[2:]


async def test_rows_put_back_since_stay(warehouse: Warehouse) -> None:
    story = Story(warehouse)
    await story.load("plain", "replaceFile", "a.csv")
    await story.load("plain", "replaceFile", "b.csv")
    again = await story.load("plain", "replaceFile", "a.csv")
    carried = await story.load("added", "append")
    await story.revert(again)
    await story.revert(carried)  # the generation before has not the rows that came back
    assert [row["Id"] for row in (await story.seen()).rows] == [10, 11, 20, 21]


async def test_rows_that_would_share_a_key_dont_come_back(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "a"), (2, "b")])
    newer = await warehouse.load([(1, "c"), (2, "d")])
    await warehouse.load([(1, "e")], mode="upsert", file="b.csv")
    with pytest.raises(ConflictError) as caught:
        await revert_load(warehouse.database, TENANT, ENV, newer.load_id)
    assert caught.value.code == "not_revertible"
    assert "key" in str(caught.value)
    assert await warehouse.values() == [(1, "e"), (2, "d")]
    await warehouse.check_books()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_any_loads_newest_first(warehouse: Warehouse, seed: int) -> None:
    chance, story = random.Random(seed), Story(warehouse)
    stack: list[tuple[LoadEntry, Seen]] = []
    for loads in (*[True] * 5, *chance.choices([True, False], k=25), *[False] * 30):
        if loads:
            before = await story.seen()
            stack.append((await story.load_any(chance), before))
        elif stack:
            await _revert_newest(story, *stack.pop())
    assert stack == []
    assert (await story.seen()).rows == []


async def _revert_newest(story: Story, load: LoadEntry, before: Seen) -> None:
    await story.revert(load)
    after = await story.seen()
    if load.undo.generation is not None:
        assert after == before
    else:  # its rows were moved in; columns that came with it stay, empty
        empty = {column.logical_name: None for column in after.table.columns}
        assert after.rows == [empty | row for row in before.rows]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_any_loads_in_any_order(warehouse: Warehouse, seed: int) -> None:
    """Whatever is reverted or removed when, the table has the rows of just the loads in force."""
    chance, story = random.Random(seed), Story(warehouse)
    loads: list[LoadEntry] = []
    for act in ("load", "load", *chance.choices(["load", "revert", "remove"], weights=[10, 15, 1], k=40)):
        if act == "load":
            loads.append(await story.load_any(chance))
        elif act == "revert":
            await _revert_or_refuse(story, chance.choice(loads), loads)
        else:
            file_id = chance.choice(loads).file_id
            assert file_id is not None
            await remove_file_rows(warehouse.database, TENANT, ENV, file_id)
        await _check_rows(story)


async def _revert_or_refuse(story: Story, load: LoadEntry, loads: Sequence[LoadEntry]) -> None:
    now = await story.in_force()
    newer = [each for each in loads if each.version > load.version and each.load_id in now]
    refused = await story.refusal(load)
    if load.load_id not in now or (load.mode == "replace" and newer):
        assert refused
    elif refused:
        assert "columns have changed" in refused
        assert newer
    else:
        assert load.load_id not in await story.in_force()


async def _check_rows(story: Story) -> None:
    expected = [story.ids[load_id] for load_id in await story.in_force()]
    assert [row["Id"] for row in (await story.seen()).rows] == sorted(set().union(*expected))
