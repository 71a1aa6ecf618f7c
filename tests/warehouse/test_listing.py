"""Tables, rows, loads, rejects and profiles as the api shows them."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from stepmill.errors import ConflictError, InputError, NotFoundError
from stepmill.warehouse.columns import Column
from stepmill.warehouse.listing import describe_table, last_loads, list_tables, load_rejects, table_loads
from stepmill.warehouse.profile import profile_table
from stepmill.warehouse.replay import replay_params
from stepmill.warehouse.rows import table_rows
from tests.warehouse.support import COLUMNS, ENV, ID, TENANT, Warehouse

HERE = (TENANT, ENV)
EXACT = Column("amount", "Amount", "numeric", "numeric(38,10)")


async def test_a_table(warehouse: Warehouse) -> None:
    made = await warehouse.table()
    with pytest.raises(NotFoundError):
        await describe_table(warehouse.database, *HERE, made.phys_id)  # nothing to see before the first load
    load = await warehouse.load(
        [(1, 0.5)], columns=(ID, Column("w", "Weight", "double", "double precision", unit="kg"))
    )
    described = await describe_table(warehouse.database, *HERE, load.phys_id)
    assert described.pop("bytes") > 0
    assert described.pop("lastLoadAt") is not None
    assert described == {
        "physId": load.phys_id,
        "logicalName": warehouse.name,
        "owner": {"kind": "area", "id": warehouse.owner.id},
        "columns": [
            {"name": "id", "logicalName": "Id", "type": "integer", "unit": None, "nullable": True},
            {"name": "w", "logicalName": "Weight", "type": "double", "unit": "kg", "nullable": True},
        ],
        "rows": 1,
        "timeColumn": None,
        "timeSeries": {"kind": "none"},
        "planVersion": 1,
    }


async def test_tables_by_pages_and_by_tenant(warehouse: Warehouse) -> None:
    names = [warehouse.name + letter for letter in "abc"]
    for name in names:
        await Warehouse(warehouse.database, name=name).load([(1, "one")])
    seen, cursor = [], None
    while True:
        found = await list_tables(warehouse.database, *HERE, limit=2, cursor=cursor)
        seen += [table["logicalName"] for table in found["items"]]
        if (cursor := found.get("nextCursor")) is None:
            break
    assert [name for name in seen if name in names] == names
    for text, expected in ((warehouse.name.upper(), names), (f"{names[1][2:]}", names[1:2]), ("%", [])):
        found = await list_tables(warehouse.database, *HERE, name_contains=text)
        assert [table["logicalName"] for table in found["items"]] == expected
    assert (await list_tables(warehouse.database, "other", ENV))["items"] == []
    assert (await list_tables(warehouse.database, TENANT, "other"))["items"] == []


async def test_rows_by_pages_with_all_their_digits(warehouse: Warehouse) -> None:
    values = [(number, Decimal(f"{number}2345678901234567890.0123456789")) for number in range(1, 6)]
    load = await warehouse.load(values, columns=(ID, EXACT))
    items, cursor = [], None
    for expected in (2, 2, 1):
        found = await table_rows(warehouse.database, *HERE, load.phys_id, limit=2, cursor=cursor)
        assert len(found["items"]) == expected
        items += json.loads(orjson.dumps(found["items"]), parse_float=Decimal)
        cursor = found.get("nextCursor")
    assert cursor is None
    assert items == [{"Id": number, "Amount": value} for number, value in values]


async def test_rows_at_an_offset_are_those_that_cursors_come_to(warehouse: Warehouse) -> None:
    load = await warehouse.load([(number, "x") for number in range(1, 8)], mode="append")
    await warehouse.load([(number, "x") for number in range(8, 11)], mode="append")
    table = await warehouse.table()
    await warehouse.run(f"DELETE FROM {table.live.as_string()} WHERE id IN (2, 5)")

    async def ids(**place: Any) -> tuple[list[int], str | None]:
        found = await table_rows(warehouse.database, *HERE, load.phys_id, limit=3, **place)
        return [item["Id"] for item in json.loads(orjson.dumps(found["items"]))], found.get("nextCursor")

    first, cursor = await ids(offset=0)
    second, _ = await ids(cursor=cursor)
    assert (first, second) == ([1, 3, 4], [6, 7, 8])
    assert (await ids(offset=3))[0] == second
    assert await ids(offset=5) == ([8, 9, 10], None)
    assert await ids(offset=7) == ([10], None)
    assert await ids(offset=8) == ([], None)
    assert await ids(offset=2**53 - 1) == ([], None)


async def test_a_cursor_into_rows_that_were_replaced(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "a"), (2, "b")])
    cursor = (await table_rows(warehouse.database, *HERE, load.phys_id, limit=1))["nextCursor"]
    await warehouse.load([(1, "a"), (2, "b")])
    with pytest.raises(ConflictError) as caught:
        await table_rows(warehouse.database, *HERE, load.phys_id, limit=1, cursor=cursor)
    assert caught.value.code == "table_replaced"


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA", "W10", "WzEsMl0", "WyJhIiwiYiJd", "W251bGwsIlx1MDAwMCJd", "é"])
async def test_a_cursor_that_is_none(warehouse: Warehouse, cursor: str) -> None:
    load = await warehouse.load([(1, "a")])
    with pytest.raises(InputError) as caught:
        await table_rows(warehouse.database, *HERE, load.phys_id, cursor=cursor)
    assert caught.value.code == "invalid_cursor"


async def test_loads_and_rejects(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "a"), (2, "b")], rejects=3)
    entry = (await table_loads(warehouse.database, *HERE, load.phys_id))["items"][0]
    assert entry | {"jobId": "", "startedAt": "", "finishedAt": ""} == {
        "loadId": load.load_id,
        "jobId": "",
        "attempt": 1,
        "mode": "replaceFile",
        "planVersion": 1,
        "fileId": warehouse.file_id("a.csv"),
        "fileName": "a.csv",
        "rowsRead": 5,
        "rowsLoaded": 2,
        "rowsRejected": 3,
        "rowsFiltered": 0,
        "rowsDeduplicated": 0,
        "bytesRead": 100,
        "startedAt": "",
        "finishedAt": "",
    }
    found = await load_rejects(warehouse.database, *HERE, load.load_id, limit=2)
    assert (found.records, found.owner, found.plan_version) == (["{}", "{}"], warehouse.owner, 1)
    first = found.page
    rest = (await load_rejects(warehouse.database, *HERE, load.load_id, limit=2, cursor=first["nextCursor"])).page
    assert [reject["line"] for reject in first["items"] + rest["items"]] == [2, 3, 4]
    assert "nextCursor" not in rest
    expected = {"line": 2, "column": "id", "reason": "x is no integer", "code": "bad_integer", "raw": "x"}
    assert first["items"][0] == expected
    for tenant, env in (("other", ENV), (TENANT, "other")):
        with pytest.raises(NotFoundError):
            await load_rejects(warehouse.database, tenant, env, load.load_id)


async def test_the_newest_load_of_each_file(warehouse: Warehouse) -> None:
    await warehouse.load([(1, "a")], rejects=1)
    again = await warehouse.load([(1, "a"), (2, "b")], rejects=3)
    other = await warehouse.load([(3, "c")], file="b.csv")
    ids = [warehouse.file_id(file) for file in ("a.csv", "b.csv", "never.csv")]
    found = await last_loads(warehouse.database, *HERE, ids)
    assert {file: (load["loadId"], load["rowsLoaded"], load["rowsRejected"]) for file, load in found.items()} == {
        ids[0]: (again.load_id, 2, 3),
        ids[1]: (other.load_id, 1, 0),
    }
    assert await last_loads(warehouse.database, "other", ENV, ids) == {}
    assert await last_loads(warehouse.database, TENANT, "other", ids) == {}


async def test_what_can_be_replayed(warehouse: Warehouse) -> None:
    first = await warehouse.load([(1, "a")], rejects=1)
    assert await replay_params(warehouse.database, *HERE, first.load_id) == {
        "envId": ENV,
        "areaId": warehouse.owner.id,
        "fileId": warehouse.file_id("a.csv"),
        "replayOf": first.load_id,
    }
    replay = await warehouse.load([(2, "b")], replay_of=first.load_id)
    assert await warehouse.values() == [(1, "a"), (2, "b")]
    for load, code in ((first, "superseded"), (replay, "nothing_to_replay")):
        with pytest.raises(ConflictError) as caught:
            await replay_params(warehouse.database, *HERE, load.load_id)
        assert caught.value.code == code
    with pytest.raises(ConflictError):  # a second replay that was under way at the same time
        await warehouse.load([(2, "b")], replay_of=first.load_id)
    await warehouse.load([(1, "a")])
    assert await warehouse.values() == [(1, "a")]
    with pytest.raises(ConflictError) as caught:
        await replay_params(warehouse.database, *HERE, first.load_id)
    assert caught.value.code == "superseded"


async def test_a_profile(warehouse: Warehouse) -> None:
    columns = (*COLUMNS, Column("ok", "Ok", "boolean", "boolean"), Column("data", "Data", "json", "jsonb"))
    rows = [(number, "even" if number % 2 == 0 else None, number > 2, '{"a": 1}') for number in range(1, 11)]
    load = await warehouse.load(rows, columns=columns)
    profile = await profile_table(warehouse.database, *HERE, load.phys_id)
    assert (profile["rows"], profile["sampledRows"]) == (10, 10)
    number, name, ok, data = profile["columns"]
    assert (number["nulls"], number["distinct"], number["min"], number["max"]) == (0, 10, 1, 10)
    assert {"at": 0.5, "value": 5} in number["quantiles"]
    assert (name["nulls"], name["distinct"], name["min"], name["max"]) == (5, 1, "even", "even")
    assert name["commonest"] == [{"value": "even", "count": 5}]
    assert ok["commonest"] == [{"value": "true", "count": 8}, {"value": "false", "count": 2}]
    assert data["commonest"] == [{"value": '{"a": 1}', "count": 10}]


async def test_histograms(warehouse: Warehouse) -> None:
    columns = (
        ID,
        Column("n", "N", "numeric", "numeric(38,2)"),
        Column("d", "D", "double", "double precision"),
        Column("day", "Day", "date", "date"),
        Column("at", "At", "timestamptz", "timestamp with time zone"),
        Column("local", "Local", "timestamp", "timestamp without time zone"),
        Column("clock", "Clock", "time", "time without time zone"),
    )
    rows: list[tuple[object, ...]] = [
        (number, f"{number}.50", number / 4, f"2024-01-{number % 28 + 1}", f"2024-01-01 {number % 24}:00+00",
         f"2024-01-01 0:00:{number % 60}", f"{number % 24}:30")
        for number in range(100)
    ]  # fmt: skip
    rows += [(100, "NaN", value, None, None, None, None) for value in ("NaN", "Infinity", "-Infinity")]
    rows += [(None,) * 7]
    load = await warehouse.load(rows, columns=columns)
    profile = await profile_table(warehouse.database, *HERE, load.phys_id)
    found = {column["name"]: column.get("histogram") for column in profile["columns"]}
    assert found["id"][0] == {"from": 0, "to": 6, "count": 6}
    assert found["id"][-1] == {"from": 96, "to": 100, "count": 7}
    assert found["n"] == []  # not a number, which no file can bring in
    assert found["d"][0] == {"from": 0.0, "to": 1.2375, "count": 5}
    assert found["d"][-1]["to"] == 24.75
    assert found["day"][-1] == {"from": date(2024, 1, 27), "to": date(2024, 1, 28), "count": 6}
    assert found["at"][0]["from"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert [
        (name, sum(bucket["count"] for bucket in found[name])) for name in ("d", "day", "at", "local", "clock")
    ] == [(name, 100) for name in ("d", "day", "at", "local", "clock")]
    assert "low" not in profile["columns"][0]


@pytest.mark.parametrize("value", ["infinity", "12024-01-01", "0044-03-15 BC"])
async def test_days_that_python_does_not_know(warehouse: Warehouse, value: str) -> None:
    columns = (ID, Column("day", "Day", "date", "date"))
    load = await warehouse.load([(1, value), (2, "2024-01-01")], columns=columns)
    profile = await profile_table(warehouse.database, *HERE, load.phys_id)
    assert profile["columns"][1]["histogram"] == []


@pytest.mark.parametrize(
    ("type_", "sql_type", "values"),
    [
        ("integer", "bigint", [-(2**63), 2**63 - 1, 0]),
        ("double", "double precision", [-1.7e308, 1.7e308, 5e-324]),
        ("numeric", "numeric(38,0)", ["9" * 38, "-" + "9" * 38, "0"]),
        ("date", "date", ["0001-01-01", "9999-12-31", "2024-02-29"]),
        ("timestamp", "timestamp without time zone", ["0001-01-01", "9999-12-31 23:59:59.999999", "2024-02-29"]),
    ],
)
async def test_a_histogram_of_the_widest_range(
    warehouse: Warehouse, type_: str, sql_type: str, values: list[object]
) -> None:
    load = await warehouse.load([(value,) for value in values], columns=(Column("v", "V", type_, sql_type),))
    histogram = (await profile_table(warehouse.database, *HERE, load.phys_id))["columns"][0]["histogram"]
    assert sum(bucket["count"] for bucket in histogram) == 3
    assert (histogram[0]["count"], histogram[-1]["count"]) == (1, 1)


async def test_a_profile_of_a_large_table_is_of_a_sample(warehouse: Warehouse) -> None:
    load = await warehouse.load([(1, "x")])
    table = await warehouse.table()
    insert = f"INSERT INTO {table.live.as_string()} SELECT 1, number, 'x' FROM generate_series(1, 200000) number"
    await warehouse.run(insert)
    await warehouse.run(f"UPDATE physical_tables SET rows = 200001 WHERE phys_id = '{table.phys_id}'")
    profile = await profile_table(warehouse.database, *HERE, load.phys_id)
    assert 50_000 < profile["sampledRows"] < 150_000
    assert profile["columns"][0]["max"] > 150_000
