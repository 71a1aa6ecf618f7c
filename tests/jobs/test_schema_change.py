"""Files whose columns or values are not those that the plan knows: what an area says is done then."""

import asyncio
from typing import Any

import pytest
from psycopg import sql

from tests.jobs.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = "id,amount,shop\n1,5,Rome\n2,7,Oslo\n"


async def area_of(platform: Platform, content: str = ORDERS, **options: Any) -> str:
    """An area with one load in it."""
    area = await platform.create_area(**options)
    await platform.load(area, content, "first.csv")
    return area


async def warnings_of(platform: Platform, job: dict[str, Any]) -> list[tuple[str, str]]:
    """The codes and columns of the job's warnings."""
    answer = await platform.client.get(f"/api/jobs/{job['jobId']}/events", params={"limit": 500})
    logs = [event["data"] for event in answer.json()["items"] if event["event"] == "log"]
    return [(log["fields"]["code"], log["fields"].get("column")) for log in logs if log["level"] == "warning"]


async def test_a_new_column_is_added_and_told(platform: Platform) -> None:
    area = await area_of(platform)
    assert (await platform.get(f"/areas/{area}"))["schemaChange"] == "evolve"
    job = await platform.load(area, "id,amount,shop,Paid on,empty\n3,1,Bonn,2024-05-01,\n", "second.csv")
    assert job["result"]["planVersion"] == 2
    assert ("column_added", "paid_on") in await warnings_of(platform, job)
    rows = {row["id"]: row for row in await platform.rows(area)}
    assert rows[1] == {"id": 1, "amount": 5, "shop": "Rome", "Paid on": None}
    assert rows[3] == {"id": 3, "amount": 1, "shop": "Bonn", "Paid on": "2024-05-01"}
    plan = await platform.get(f"/areas/{area}/plan")
    assert (plan["author"], plan["version"]) == ("rules", 2)
    assert "column_added" in [note["code"] for note in plan["notes"]]
    again = await platform.load(area, "id,amount,shop,Paid on,empty\n4,1,Kiel,2024-05-02,\n", "third.csv")
    assert again["result"]["planVersion"] == 2


async def test_a_new_field_of_json_is_added(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, '{"id": 1}\n{"id": 2}\n', "first.jsonl")
    await platform.load(area, '{"id": 3}\n{"id": 4, "tags": ["a"], "ok": true}\n', "second.jsonl")
    rows = {row["id"]: row for row in await platform.rows(area)}
    assert rows[3] == {"id": 3, "tags": None, "ok": None}
    assert (rows[4]["tags"], rows[4]["ok"]) == (["a"], True)


async def test_a_column_that_is_gone_is_left_empty(platform: Platform) -> None:
    area = await area_of(platform)
    job = await platform.load(area, "id,shop\n3,Bonn\n", "second.csv")
    assert await warnings_of(platform, job) == [("column_missing", "amount")]
    assert {"id": 3, "amount": None, "shop": "Bonn"} in await platform.rows(area)
    assert job["result"]["planVersion"] == 1


async def test_a_file_with_other_columns_is_another_table(platform: Platform) -> None:
    area = await area_of(platform)
    error = await platform.failed(area, "id,name,city,country\n3,x,Bonn,DE\n", "second.csv")
    assert (error["code"], error["details"]) == ("missing_columns", {"columns": ["amount", "shop"]})
    area = await area_of(platform, name="Keyed", loadMode="upsert", keyColumns=["id"])
    error = await platform.failed(area, "amount,shop\n1,Bonn\n", "second.csv")
    assert error["code"] == "missing_columns"


async def test_an_upsert_takes_no_value_from_rows_that_are_there(platform: Platform) -> None:
    area = await area_of(platform, loadMode="upsert", keyColumns=["id"])
    assert (await platform.failed(area, "id,shop\n1,Rome\n", "second.csv"))["code"] == "missing_columns"


async def test_what_is_told_by_its_place_can_not_be_missing(platform: Platform) -> None:
    area = await area_of(platform, "7,9.5,x1,Bonn\n8,1.5,x2,Kiel\n9,2.5,x3,Rome\n")
    assert list(await platform.types(area)) == [f"column_{number}" for number in range(1, 5)]
    error = await platform.failed(area, "7,9.5,Bonn\n8,1.5,Kiel\n9,2.5,Rome\n", "second.csv")
    assert error["code"] == "missing_columns"


async def test_what_a_filter_needs_must_be_there(platform: Platform) -> None:
    area = await area_of(platform)
    plan = await platform.get(f"/areas/{area}/plan")
    plan["filters"] = [{"action": "keep", "where": {"test": "isNotNull", "column": "shop"}}]
    await platform.put_plan(area, plan)
    assert (await platform.failed(area, "id,amount\n1,2\n", "second.csv"))["code"] == "missing_columns"


async def test_a_column_that_is_only_spelt_otherwise(platform: Platform) -> None:
    area = await area_of(platform)
    error = await platform.failed(area, "id,Amount,shop\n3,1,Bonn\n", "second.csv")
    assert (error["code"], error["details"]) == ("missing_columns", {"columns": ["amount"]})


async def test_a_replay_undoes_no_new_column(platform: Platform) -> None:
    area = await area_of(platform, loadMode="append")
    job = await platform.load(area, "id,amount,shop\n3,many,Bonn\n4,1,Kiel\n", "second.csv")
    await platform.load(area, "id,amount,shop,note\n5,1,Ulm,x\n", "third.csv")
    plan = await platform.get(f"/areas/{area}/plan")
    plan["columns"][1]["nullValues"] = ["many"]
    await platform.put_plan(area, plan)
    replay = await platform.client.post(f"{platform.env}/loads/{job['result']['loadId']}/replay-rejects")
    done = await platform.finished(replay.json()["jobId"])
    assert done["status"] == "DONE", done["error"]
    rows = {row["id"]: row for row in await platform.rows(area)}
    assert (rows[3], rows[5]["note"]) == ({"id": 3, "amount": None, "shop": "Bonn", "note": None}, "x")


async def test_a_single_slip_makes_no_text_of_its_column(platform: Platform) -> None:
    rows = "".join(f"{number},{number},{number}\n" for number in range(60))
    area = await area_of(platform, f"id,amount,qty\n{rows}")
    rows = "".join(f"{number},{number}.5,{number if number else 'x'}\n" for number in range(60))
    job = await platform.load(area, f"id,amount,qty\n{rows}", "second.csv")
    assert await platform.types(area) == {"id": "integer", "amount": "numeric", "qty": "integer"}
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"]) == (59, 1)


async def test_words_in_many_columns(platform: Platform) -> None:
    names = [f"c{number}" for number in range(8)]
    area = await area_of(platform, ",".join(names) + "\n" + ("1," * 7 + "1\n") * 30)
    job = await platform.load(area, ",".join(names) + "\n" + ("x," * 7 + "x\n") * 30, "second.csv")
    assert (job["result"]["rowsLoaded"], job["result"]["planVersion"]) == (30, 2)
    assert set((await platform.types(area)).values()) == {"text"}


async def test_what_others_stand_on_is_not_widened(platform: Platform) -> None:
    area = await area_of(platform)
    async with platform.api.bench.database.transaction("stepmill_loader", tenant="local") as conn:
        names = {"schema": sql.Identifier(platform.schema), "table": sql.Identifier("Orders")}
        await conn.execute(sql.SQL("CREATE VIEW {schema}.sums AS SELECT amount FROM {schema}.{table}").format(**names))
    job = await platform.load(area, "id,amount,shop\n3,1.5,Bonn\n4,1,Kiel\n", "second.csv")
    assert (job["result"]["rowsRejected"], job["result"]["planVersion"]) == (1, 1)
    assert "not_widened" in [code for code, _ in await warnings_of(platform, job)]


async def test_a_column_that_came_after_a_file_was_looked_at_may_be_missing_in_it(platform: Platform) -> None:
    area = await area_of(platform, loadMode="append")
    narrow = sql.Identifier(platform.schema, "sums")
    async with platform.api.bench.database.transaction("stepmill_loader", tenant="local") as conn:
        orders = sql.Identifier(platform.schema, "Orders")
        await conn.execute(sql.SQL("CREATE VIEW {} AS SELECT amount FROM {}").format(narrow, orders))
    plan = await platform.get(f"/areas/{area}/plan")
    await platform.put_plan(area, plan | {"maxRejects": {"share": 0}})
    job = await platform.run(area, await platform.upload(area, "id,amount,shop\n3,1.5,Bonn\n4,1,Kiel\n", "second.csv"))
    assert job["error"]["code"] == "too_many_rejects"
    async with platform.api.bench.database.transaction("stepmill_loader", tenant="local") as conn:
        await conn.execute(sql.SQL("DROP VIEW {}").format(narrow))
    await platform.load(area, "id,amount,shop,note\n5,1,Bonn,x\n", "third.csv")
    assert (await platform.client.post(f"/api/jobs/{job['jobId']}/retry")).status_code == 202
    again = await platform.finished(job["jobId"])
    assert (again["status"], again["result"] and again["result"]["rowsLoaded"]) == ("DONE", 2), again["error"]
    assert {"id": 3, "amount": 1.5, "shop": "Bonn", "note": None} in await platform.rows(area)


async def test_two_files_at_once_bring_a_column_each(platform: Platform) -> None:
    area = await area_of(platform)
    files = [
        await platform.upload(area, f"id,amount,shop,c{number}\n{number},1,x,{number}\n", f"{number}.csv")
        for number in range(3, 7)
    ]
    jobs = await asyncio.gather(*(platform.submit(area, file) for file in files))
    for job in jobs:
        ended = await platform.finished(job["jobId"])
        assert ended["status"] == "DONE", ended["error"]
    rows = {row["id"]: row for row in await platform.rows(area)}
    assert all(rows[number][f"c{number}"] == number for number in range(3, 7))


async def test_numbers_become_wide_enough(platform: Platform) -> None:
    area = await area_of(platform)
    assert (await platform.types(area))["amount"] == "integer"
    job = await platform.load(area, "id,amount,shop\n3,2.125,Bonn\n4,8,Kiel\n", "second.csv")
    assert (job["result"]["rowsRejected"], job["result"]["planVersion"]) == (0, 2)
    assert await warnings_of(platform, job) == [("column_widened", "amount")]
    assert [row["amount"] for row in sorted(await platform.rows(area), key=lambda row: row["id"])] == [5, 7, 2.125, 8]
    assert (await platform.types(area))["amount"] == "numeric"
    job = await platform.load(area, "id,amount,shop\n5,0.00001,Bonn\n", "third.csv")
    assert (job["result"]["rowsRejected"], job["result"]["planVersion"]) == (0, 3)


@pytest.mark.parametrize(
    ("first", "then", "value", "sql"),
    [
        pytest.param(("1.200,50 €", "7,25 €"), "3.400,125 €", 3400.125, "numeric(19,3)", id="decimals"),
        pytest.param(("1.200", "3.000.000"), "2,5", 2.5, "numeric(20,1)", id="whole so far"),
        pytest.param(("1'200.50", "7.25"), "10'000'000'000'000'000.5", 1e16 + 0.5, "numeric(19,2)", id="large"),
    ],
)
async def test_so_do_those_in_a_local_spelling(
    platform: Platform, first: tuple[str, str], then: str, value: float, sql: str
) -> None:
    area = await platform.create_area()
    await platform.load(area, f"id;price\n1;{first[0]}\n2;{first[1]}\n", "first.csv")
    job = await platform.load(area, f"id;price\n3;{then}\n4;1\n", "second.csv")
    assert await warnings_of(platform, job) == [("column_widened", "price")]
    assert job["result"]["rowsRejected"] == 0
    rows = {row["id"]: row["price"] for row in await platform.rows(area)}
    assert (float(rows[3]), float(rows[4])) == (value, 1)
    columns = {column["name"]: column for column in (await platform.get(f"/areas/{area}/plan"))["columns"]}
    price = columns["price"]
    assert f"numeric({price['precision']},{price['scale']})" == sql


async def test_a_column_becomes_text_only_where_the_load_would_fail(platform: Platform) -> None:
    area = await area_of(platform)
    job = await platform.load(area, "id,amount,shop\n3,many,Bonn\n4,8,Kiel\n", "second.csv")
    assert (job["result"]["rowsRejected"], job["result"]["planVersion"]) == (1, 1)
    rows = "".join(f"{number},n{number},x\n" for number in range(10, 40))
    job = await platform.load(area, f"id,amount,shop\n{rows}", "third.csv")
    assert (job["result"]["rowsRejected"], job["result"]["planVersion"]) == (0, 2)
    assert (await platform.types(area))["amount"] == "text"
    assert {"id": 1, "amount": "5", "shop": "Rome"} in await platform.rows(area)


async def test_a_key_does_not_become_text(platform: Platform) -> None:
    area = await area_of(platform, loadMode="upsert", keyColumns=["id"])
    rows = "".join(f"n{number},1,x\n" for number in range(10, 40))
    assert (await platform.failed(area, f"id,amount,shop\n{rows}", "second.csv"))["code"] == "too_many_rejects"
    assert (await platform.types(area))["id"] == "integer"


async def test_what_a_plan_leaves_out_stays_out(platform: Platform) -> None:
    area = await area_of(platform)
    plan = await platform.get(f"/areas/{area}/plan")
    plan["columns"] = [column for column in plan["columns"] if column["name"] != "shop"]
    await platform.put_plan(area, plan)
    job = await platform.load(area, ORDERS.replace("1,5", "3,5"), "second.csv")
    assert job["result"]["planVersion"] == 2
    assert "shop" not in await platform.types(area)


async def test_frozen(platform: Platform) -> None:
    area = await area_of(platform, schemaChange="freeze")
    error = await platform.failed(area, "id,amount,shop,note\n3,1,Bonn,x\n", "second.csv")
    assert (error["code"], error["details"]) == ("columns_frozen", {"columns": ["note"]})
    assert (await platform.failed(area, "id,shop\n3,Bonn\n", "third.csv"))["code"] == "missing_columns"
    error = await platform.failed(area, "id,amount,shop\n3,1.5,Bonn\n", "fourth.csv")
    assert (error["code"], error["details"]["column"]) == ("bad_value", "amount")
    assert len(await platform.rows(area)) == 2


async def test_rows_that_do_not_fit_are_rejected(platform: Platform) -> None:
    area = await area_of(platform, schemaChange="discardRow")
    job = await platform.load(area, "id,amount,shop,note\n3,1,Bonn,x\n4,1.5,Kiel,\n5,2,Ulm,\n", "second.csv")
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"]) == (1, 2)
    rejects = await platform.rejects(job["result"]["loadId"])
    assert [(each["line"], each["code"], each["column"], each["raw"]) for each in rejects] == [
        (2, "unknown_column", "note", "x"),
        (3, "bad_integer", "amount", "1.5"),
    ]
    answer = await platform.client.patch(f"{platform.env}/areas/{area}", json={"schemaChange": "evolve"})
    assert answer.json()["schemaChange"] == "evolve"
    job = await platform.load(area, "id,amount,shop,note\n3,1,Bonn,x\n4,1.5,Kiel,\n5,2,Ulm,\n", "second.csv")
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"]) == (3, 0)


async def test_values_that_do_not_fit_are_left_out(platform: Platform) -> None:
    area = await area_of(platform, schemaChange="discardValue")
    job = await platform.load(area, "id,amount,note\n3,1.5,x\n4,9,\n", "second.csv")
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"]) == (2, 0)
    rows = {row["id"]: row for row in await platform.rows(area)}
    assert rows[3] == {"id": 3, "amount": None, "shop": None}
    assert rows[4] == {"id": 4, "amount": 9, "shop": None}


async def test_a_plan_is_tried_on_a_file_that_lacks_a_column(platform: Platform) -> None:
    area = await area_of(platform)
    file = await platform.upload(area, "id,shop\n3,Bonn\n", "second.csv")
    body = {"fileId": file, "plan": await platform.get(f"/areas/{area}/plan")}
    tried = await platform.client.post(f"{platform.env}/plan-preview", json=body)
    assert tried.json()["rows"] == [{"id": 3, "amount": None, "shop": "Bonn"}]


async def test_text_of_fixed_width_may_get_wider_and_have_more_columns(platform: Platform) -> None:
    def lines(*rows: tuple[str, ...]) -> str:
        widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
        return "".join("".join(map(str.ljust, row, widths)) + "\n" for row in rows)

    first = lines(("id", "shop", "amount"), ("1", "Rome", "5"), ("2", "Oslo", "7"), ("3", "Bonn", "8"))
    area = await area_of(platform, first)
    wider = lines(("id", "shop", "amount"), ("4", "Freiburg im Breisgau", "5"), ("5", "Kiel", "7"), ("6", "Oslo", "9"))
    assert (await platform.load(area, wider, "second.csv"))["result"]["rowsLoaded"] == 3
    for name, ids in (("third.csv", "789"), ("fourth.csv", "123")):
        more = lines(("id", "shop", "paid on", "amount"), *((each, "Wien", "2024-05-01", "1") for each in ids))
        job = await platform.load(area, more, name)
        assert (job["result"]["rowsLoaded"], job["result"]["planVersion"]) == (3, 2)
    rows = [(row["id"], row["shop"], row["amount"], row["paid on"]) for row in await platform.rows(area)]
    assert (4, "Freiburg im Breisgau", 5, None) in rows
    assert (9, "Wien", 1, "2024-05-01") in rows


async def test_new_columns_of_a_full_table_go_where_the_others_are(platform: Platform) -> None:
    names = [f"c{number}" for number in range(1_700)]

    def content(names: list[str], value: int) -> str:
        return f"{','.join(names)}\n{','.join([str(value)] * len(names))}\n"

    area = await area_of(platform, content(names, 1))
    before = await platform.types(area)
    job = await platform.load(area, content([*names, "late"], 2), "second.csv")
    assert ("column_added", "more_columns") in await warnings_of(platform, job)
    assert await platform.types(area) == before
    first, second = sorted((row["more_columns"] for row in await platform.rows(area)), key=len)
    assert second == dict.fromkeys(first, "2") | {"late": "2"}
