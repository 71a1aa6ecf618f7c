"""Rejects are kept while they are of use, and within a size."""

import asyncio

import pytest

from stepmill.errors import ConflictError, NotFoundError, StepmillError
from stepmill.warehouse.listing import load_rejects, table_loads
from stepmill.warehouse.reject_upkeep import dismiss_rejects, remove_spent_rejects
from stepmill.warehouse.replay import replay_params
from stepmill.warehouse.revert import revert_load
from tests.warehouse.support import ENV, TENANT, Warehouse

BLOCKED = "SELECT FROM pg_stat_activity WHERE query LIKE '%FOR SHARE OF r%' AND wait_event_type = 'Lock'"


async def upkeep(warehouse: Warehouse, *, kept_days: float = 30, most_bytes: int = 0) -> None:
    await remove_spent_rejects(warehouse.database, kept_days=kept_days, most_bytes=most_bytes)


async def kept(warehouse: Warehouse, load_id: str) -> int:
    rows = await warehouse.read("SELECT count(*) AS n FROM load_rejects WHERE load_id = %s", load_id)
    return int(rows[0]["n"])


async def shown(warehouse: Warehouse, load_id: str) -> int | str:
    """How many a reader gets, or the error's code."""
    try:
        return len((await load_rejects(warehouse.database, TENANT, ENV, load_id)).page["items"])
    except StepmillError as error:
        return error.code


async def age(warehouse: Warehouse, days: int) -> None:
    async with warehouse.begin() as tx:
        await tx.conn.execute(
            "UPDATE load_ledger SET finished_at = finished_at - make_interval(days => %s) WHERE tenant_id = %s",
            (days, TENANT),
        )


async def test_open_rejects_stay(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "one")], mode="append", rejects=3)
    await age(warehouse, 400)
    await upkeep(warehouse)
    assert (await kept(warehouse, load.load_id), await shown(warehouse, load.load_id)) == (3, 3)


async def test_dismissed_rejects_are_gone_at_once_and_for_all(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "one")], mode="append", rejects=3)
    other = await warehouse.load([(2, "two")], mode="append", rejects=2)
    await dismiss_rejects(warehouse.database, TENANT, ENV, load.load_id)
    assert await shown(warehouse, load.load_id) == "rejects_gone", "before a row went"
    with pytest.raises(ConflictError, match="were dismissed") as refused:
        await replay_params(warehouse.database, TENANT, ENV, load.load_id)
    assert refused.value.code == "rejects_gone"

    await dismiss_rejects(warehouse.database, TENANT, ENV, load.load_id)
    await asyncio.gather(upkeep(warehouse), upkeep(warehouse))
    assert (await kept(warehouse, load.load_id), await kept(warehouse, other.load_id)) == (0, 2)
    loads = (await table_loads(warehouse.database, TENANT, ENV, load.phys_id))["items"]
    assert [(entry["rowsRejected"], entry.get("rejectsGone")) for entry in loads] == [(2, None), (3, "dismissed")]


async def test_another_tenants_rejects_and_unknown_ones_are_left_alone(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "one")], mode="append", rejects=3)
    for tenant, load_id in (("other", load.load_id), (TENANT, "load_nothing")):
        with pytest.raises(NotFoundError):
            await dismiss_rejects(warehouse.database, tenant, ENV, load_id)
    assert await shown(warehouse, load.load_id) == 3


async def test_rejects_go_some_time_after_their_replay(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "one")], mode="append", rejects=3)
    replay = await warehouse.load([(2, "two"), (3, "three")], mode="append", rejects=1, replay_of=load.load_id)
    await upkeep(warehouse)
    assert await shown(warehouse, load.load_id) == 3
    await age(warehouse, 31)
    await upkeep(warehouse, kept_days=0)
    assert await shown(warehouse, load.load_id) == 3, "0 days: for ever"
    await upkeep(warehouse)
    assert (await kept(warehouse, load.load_id), await shown(warehouse, load.load_id)) == (0, "rejects_gone")
    assert await shown(warehouse, replay.load_id) == 1, "what the replay rejected is open"
    with pytest.raises(ConflictError, match="are no longer kept") as refused:
        await revert_load(warehouse.database, TENANT, ENV, replay.load_id)
    assert refused.value.code == "not_revertible"


async def test_who_takes_a_replay_back_is_waited_for_before_its_rejects_go(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "one")], mode="append", rejects=3)
    replay = await warehouse.load([(2, "two")], mode="append", replay_of=load.load_id)
    await age(warehouse, 31)
    async with warehouse.begin() as tx:
        await tx.conn.execute("UPDATE load_ledger SET reverted_at = now() WHERE load_id = %s", (replay.load_id,))
        upkeep_runs = asyncio.create_task(upkeep(warehouse))
        await warehouse.until(BLOCKED)
    await upkeep_runs
    assert (await kept(warehouse, load.load_id), await shown(warehouse, load.load_id)) == (3, 3)


async def test_rejects_go_some_time_after_their_rows_were_replaced(warehouse: Warehouse) -> None:
    first = await warehouse.load([(1, "old")], mode="replace", rejects=2)
    second = await warehouse.load([(1, "new")], mode="replace", rejects=1)
    await upkeep(warehouse)
    assert await shown(warehouse, first.load_id) == 2
    await age(warehouse, 31)
    await upkeep(warehouse)
    assert (await shown(warehouse, first.load_id), await shown(warehouse, second.load_id)) == ("rejects_gone", 1)


async def test_past_the_size_those_of_older_loads_go_and_the_newest_stay(warehouse: Warehouse) -> None:
    loads = [await warehouse.load([(n, "row")], mode="append", rejects=50) for n in range(4)]
    sizes = [load.rejects_bytes or 0 for load in loads]
    assert min(sizes) > 0
    await upkeep(warehouse, most_bytes=sum(sizes[2:]))
    assert [await shown(warehouse, load.load_id) for load in loads] == ["rejects_gone", "rejects_gone", 50, 50]
    assert [await kept(warehouse, load.load_id) for load in loads] == [0, 0, 50, 50]
    await upkeep(warehouse, most_bytes=1)
    assert [await shown(warehouse, load.load_id) for load in loads[2:]] == ["rejects_gone", 50]
    with pytest.raises(ConflictError, match="STEPMILL_REJECT_BYTES"):
        await replay_params(warehouse.database, TENANT, ENV, loads[0].load_id)


async def test_past_the_size_those_that_cannot_be_replayed_go_first(warehouse: Warehouse) -> None:
    open_load = await warehouse.load([(1, "row")], mode="append", rejects=50)
    reverted = await warehouse.load([(2, "row")], mode="append", rejects=50)
    await revert_load(warehouse.database, TENANT, ENV, reverted.load_id)
    await upkeep(warehouse, most_bytes=(open_load.rejects_bytes or 0) + 1)
    assert [await shown(warehouse, load.load_id) for load in (open_load, reverted)] == [50, "rejects_gone"]
