"""FILE_ETL as a user sees it: a file goes in over HTTP, rows, rejects and the ledger come out."""

import asyncio
import gzip
import io
from datetime import date
from typing import Any

import fastavro
import pytest
from psycopg import sql

from stepmill.warehouse.cleanup import drop_leftovers
from tests.jobs.platform import Platform
from tests.support.problems import assert_problem
from tests.support.workbooks import OLD_EXCEL, excel

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = "id,placed,amount\n1,2024-01-31,9.50\n2,2024-02-29,12.00\n"


async def test_a_file_becomes_a_typed_table(platform: Platform) -> None:
    area = await platform.create_area()
    job = await platform.load(area, ORDERS)

    assert [(step["name"], step["status"]) for step in job["steps"]] == [
        ("Extract", "DONE"),
        ("Transform", "DONE"),
        ("Load", "DONE"),
    ]
    assert job["steps"][0]["output"]["planMade"] is True
    result = job["result"]
    table = await platform.table(area)
    assert (result["physId"], result["logicalName"], result["planVersion"]) == (table["physId"], "Orders", 1)
    assert (result["rowsRead"], result["rowsLoaded"], result["bytesRead"]) == (2, 2, len(ORDERS))
    assert await platform.types(area) == {"id": "integer", "placed": "date", "amount": "numeric"}
    assert await platform.rows(area) == [
        {"id": 1, "placed": "2024-01-31", "amount": 9.5},
        {"id": 2, "placed": "2024-02-29", "amount": 12.0},
    ]
    (entry,) = await platform.loads(area)
    assert (entry["loadId"], entry["jobId"], entry["mode"]) == (result["loadId"], job["jobId"], "replaceFile")


ROWS = [(1, date(2024, 1, 31), 9.5), (2, date(2024, 2, 29), 12)]
FIRST = '{"id": 1, "placed": "2024-01-31", "amount": 9.50}'
SECOND = '{"id": 2, "placed": "2024-02-29", "amount": 12.00}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.csv.gz", gzip.compress(ORDERS.encode(), mtime=0)),
        ("orders.txt", ORDERS.replace(",", ";").encode("utf-16")),
        ("orders.jsonl", f"{FIRST}\n{SECOND}\n".encode()),
        ("orders.json", f"[{FIRST},\n {SECOND}]".encode()),
        ("orders.xlsx", excel({"orders": [("id", "placed", "amount"), *ROWS]})),
        ("orders.xls", OLD_EXCEL),
        ("api.json", f'{{"data": {{"items": [{FIRST}, {SECOND}]}}}}'.encode()),
    ],
)
async def test_the_same_rows_in_other_clothes(platform: Platform, name: str, content: bytes) -> None:
    area = await platform.create_area()
    await platform.load(area, content, name)
    assert await platform.rows(area) == [
        {"id": 1, "placed": "2024-01-31", "amount": 9.5},
        {"id": 2, "placed": "2024-02-29", "amount": 12.0},
    ]


async def test_a_second_file_is_read_by_the_plan_whatever_its_dress(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, ORDERS, "january.csv")
    job = await platform.load(area, "amount;placed;id\n7.25;2024-03-01;3\n".encode("utf-16"), "march.csv")
    assert job["steps"][0]["output"]["planMade"] is False
    assert job["result"]["planVersion"] == 1
    assert {"id": 3, "placed": "2024-03-01", "amount": 7.25} in await platform.rows(area)


async def test_a_workbook_is_read_once_and_its_rejects_have_the_rows_of_the_sheet(platform: Platform) -> None:
    area = await platform.create_area()
    rows = [("Orders of 2024",), (), ("id", "placed", "amount"), *ROWS]
    await platform.load(area, excel({"Cover": [("all orders",)], "2024": rows}), "orders.xlsx")
    plan = await platform.get(f"/areas/{area}/plan")
    assert (plan["source"]["format"], plan["source"]["sheet"]) == ("excel", "2024")
    assert await platform.types(area) == {"id": "integer", "placed": "date", "amount": "numeric"}

    job = await platform.load(area, excel({"2025": [*rows, (3, "not\nyet", 1)]}), "more.xlsx")
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"]) == (2, 1)
    (reject,) = await platform.rejects(job["result"]["loadId"])
    assert (reject["line"], reject["column"], reject["raw"]) == (6, "placed", "not\nyet")
    assert await platform.api.bench.gateways.blobs.find(f"artifacts/{job['jobId']}") == []

    file = await platform.upload(area, excel({"2024": rows}), "orders.xlsx")
    preview = await platform.get(f"/files/{file}/preview")
    assert (preview["format"], preview["sheet"], preview["preambleRows"]) == ("excel", "2024", 2)
    assert [tuple(row.values()) for row in preview["rows"]] == [("1", "2024-01-31", "9.5"), ("2", "2024-02-29", "12")]
    assert [line["text"] for line in preview["lines"]][2:4] == ["id,placed,amount", "1,2024-01-31,9.5"]


async def test_rejects_are_kept_with_their_place_and_can_be_replayed(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, ORDERS)
    bad = "id,placed,amount\n1,2024-01-31,1.00\nx2,2024-02-29,2.00\n3,not yet,3.00\n4,2024-04-01,4.00,extra\n"
    job = await platform.load(area, bad)

    result = job["result"]
    assert (result["rowsRead"], result["rowsLoaded"], result["rowsRejected"]) == (4, 1, 3)
    rejects = await platform.rejects(result["loadId"])
    assert [(reject["line"], reject["column"], reject["raw"]) for reject in rejects[:2]] == [
        (3, "id", "x2"),
        (4, "placed", "not yet"),
    ]
    assert rejects[2]["line"] == 5
    assert all(reject["code"] and reject["reason"] for reject in rejects)

    plan = await platform.get(f"/areas/{area}/plan")
    for column in plan["columns"]:
        if column["name"] == "placed":
            column["nullValues"] = ["not yet"]
    await platform.put_plan(area, plan)
    replay = await platform.client.post(f"{platform.env}/loads/{result['loadId']}/replay-rejects")
    assert replay.status_code == 201
    done = await platform.finished(replay.json()["jobId"])
    assert done["status"] == "DONE", done["error"]
    assert (done["result"]["rowsRead"], done["result"]["rowsLoaded"], done["result"]["rowsRejected"]) == (3, 1, 2)
    assert done["result"]["planVersion"] == 2
    assert sorted(row["id"] for row in await platform.rows(area)) == [1, 3]
    newest, first, _ = await platform.loads(area)
    assert newest["replayOf"] == first["loadId"]
    again = await platform.client.post(f"{platform.env}/loads/{result['loadId']}/replay-rejects")
    assert_problem(again, 409, "superseded")

    rejects_of_replay = f"{platform.env}/loads/{newest['loadId']}/rejects"
    for _ in range(2):
        assert (await platform.client.delete(rejects_of_replay)).status_code == 204
    assert_problem(await platform.client.get(rejects_of_replay), 404, "rejects_gone")
    assert_problem(await platform.client.get(f"{rejects_of_replay}?format=csv"), 404, "rejects_gone")
    again = await platform.client.post(f"{platform.env}/loads/{newest['loadId']}/replay-rejects")
    assert_problem(again, 409, "rejects_gone")
    assert (await platform.loads(area))[0]["rejectsGone"] == "dismissed"


async def test_too_many_rejects_end_the_load_and_leave_the_table(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, ORDERS)
    plan = await platform.get(f"/areas/{area}/plan")
    await platform.put_plan(area, {**plan, "maxRejects": 1})
    error = await platform.failed(area, "id,placed,amount\na,2024-01-31,1.00\nb,2024-01-31,1.00\n3,2024-01-31,1.00\n")

    assert error["code"] == "too_many_rejects"
    assert [(example["line"], example["raw"]) for example in error["details"]["examples"]] == [(2, "a"), (3, "b")]
    assert [row["id"] for row in await platform.rows(area)] == [1, 2]
    assert len(await platform.loads(area)) == 1


async def test_load_modes(platform: Platform) -> None:
    jan, jan_mended, feb = "k,v\n1,a\n2,b\n", "k,v\n1,A\n3,C\n", "k,v\n2,B\n4,D\n"
    expected: dict[str, list[tuple[int, str]]] = {
        "replaceFile": [(1, "A"), (2, "B"), (3, "C"), (4, "D")],
        "replace": [(1, "A"), (3, "C")],
        "append": [(1, "A"), (1, "a"), (2, "B"), (2, "b"), (3, "C"), (4, "D")],
        "upsert": [(1, "A"), (2, "B"), (3, "C"), (4, "D")],
    }
    for mode, rows in expected.items():
        options: dict[str, Any] = {"keyColumns": ["k"]} if mode == "upsert" else {}
        area = await platform.create_area(mode, loadMode=mode, **options)
        for name, content in (("jan.csv", jan), ("feb.csv", feb), ("jan.csv", jan_mended)):
            await platform.load(area, content, name)
        assert sorted((row["k"], row["v"]) for row in await platform.rows(area)) == rows, mode


async def test_a_file_replaces_the_days_that_it_holds(platform: Platform) -> None:
    area = await platform.create_area(loadMode="replacePartition")
    await platform.load(area, "id,timestamp\n1,2024-05-01 10:00\n2,2024-05-01 23:59\n3,2024-05-02 00:00\n", "may.csv")
    job = await platform.load(area, "id,timestamp\n4,2024-05-01 08:00\n5,\n6,2024-05-03 09:00\n", "late.csv")
    assert sorted(row["id"] for row in await platform.rows(area)) == [3, 4, 6]
    (reject,) = await platform.rejects(job["result"]["loadId"])
    assert (reject["column"], reject["code"]) == ("timestamp", "null_not_allowed")
    response = await platform.client.post(f"{platform.env}/loads/{job['result']['loadId']}/revert")
    assert response.status_code == 202, response.text
    assert sorted(row["id"] for row in await platform.rows(area)) == [1, 2, 3]


async def test_a_file_replaces_the_partitions_that_a_column_names(platform: Platform) -> None:
    area = await platform.create_area(loadMode="replacePartition", keyColumns=["Shop"])
    await platform.load(area, "id,Shop\n1,Rome\n2,Oslo\n3,Rome\n", "first.csv")
    await platform.load(area, "id,Shop\n4,Rome\n", "second.csv")
    assert sorted(row["id"] for row in await platform.rows(area)) == [2, 4]
    area = await platform.create_area("No time", loadMode="replacePartition")
    error = await platform.failed(area, "id,Shop\n1,Rome\n")
    assert error["code"] == "key_column_missing"


async def test_an_append_adds_a_file_once_however_often_its_job_runs(platform: Platform) -> None:
    area = await platform.create_area(loadMode="append")
    file = await platform.upload(area, ORDERS)
    first = await platform.run(area, file)
    jobs = await asyncio.gather(*(platform.run(area, file) for _ in range(3)))
    assert {job["result"]["loadId"] for job in jobs} == {first["result"]["loadId"]}
    assert len(await platform.rows(area)) == 2
    await platform.load(area, ORDERS)  # the same bytes, uploaded again
    assert len(await platform.rows(area)) == 4
    assert len(await platform.loads(area)) == 2


async def test_files_loaded_at_once_all_arrive(platform: Platform) -> None:
    area = await platform.create_area()
    files = [await platform.upload(area, f"n,t\n{number},x\n", f"{number}.csv") for number in range(4)]
    jobs = await asyncio.gather(*(platform.run(area, file) for file in files))
    assert [job["status"] for job in jobs] == ["DONE"] * 4, [job["error"] for job in jobs]
    assert sorted(row["n"] for row in await platform.rows(area)) == [0, 1, 2, 3]
    assert {version["version"] for version in (await platform.get(f"/areas/{area}/plans"))["items"]} == {1}


async def test_a_changed_plan_drops_retypes_and_renames(platform: Platform) -> None:
    area = await platform.create_area(loadMode="append")
    await platform.load(area, ORDERS, "a.csv")
    plan = await platform.get(f"/areas/{area}/plan")
    kept = [column for column in plan["columns"] if column["name"] != "placed"]
    kept[0] |= {"type": "text", "logicalName": "Number"}
    await platform.put_plan(area, {**plan, "columns": kept})
    job = await platform.load(area, ORDERS.replace("\n1,", "\nx1,"), "b.csv")
    assert job["result"]["planVersion"] == 2
    assert await platform.types(area) == {"Number": "text", "amount": "numeric"}
    assert sorted(row["Number"] for row in await platform.rows(area)) == ["1", "2", "2", "x1"]


async def test_somebody_elses_view_forbids_the_change_by_name(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, ORDERS)
    async with platform.api.bench.database.transaction("stepmill_loader", tenant="local") as conn:
        names = {"schema": sql.Identifier(platform.schema), "table": sql.Identifier("Orders")}
        view = "CREATE VIEW {schema}.late_orders AS SELECT placed FROM {schema}.{table}"
        await conn.execute(sql.SQL(view).format(**names))
    plan = await platform.get(f"/areas/{area}/plan")
    await platform.put_plan(
        area, {**plan, "columns": [column for column in plan["columns"] if column["name"] != "placed"]}
    )
    error = await platform.failed(area, ORDERS)
    assert error["code"] == "view_in_use"
    assert "late_orders" in error["message"]
    assert set((await platform.rows(area))[0]) == {"id", "placed", "amount"}


async def test_a_new_column_is_empty_in_rows_that_stay(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, "id,x\n1,a\n", "a.csv")
    plan = await platform.get(f"/areas/{area}/plan")
    added = {"name": "y", "type": "text", "source": "y", "nullable": False}
    source = {**plan["source"], "columns": [*plan["source"]["columns"], "y"]}
    await platform.put_plan(area, {**plan, "source": source, "columns": [*plan["columns"], added]})
    await platform.load(area, "id,x,y\n2,b,c\n", "b.csv")
    assert [(row["id"], row["y"]) for row in await platform.rows(area)] == [(1, None), (2, "c")]
    nullable = {column["name"]: column["nullable"] for column in (await platform.table(area))["columns"]}
    assert nullable["y"] is True
    await platform.load(area, "id,x,y\n1,a,d\n", "a.csv", allowSmall=True)
    assert sorted((row["id"], row["y"]) for row in await platform.rows(area)) == [(1, "d"), (2, "c")]


PERCENT = ("p%", "p%s", "p%(x)s", "p%%", 'p%"\\x')


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["replaceFile", "replace", "append", "upsert"])
async def test_names_with_percent_signs(platform: Platform, mode: str) -> None:
    header = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in PERCENT)
    scratch = await platform.create_area("By rules, 100%")
    await platform.load(scratch, f"{header}\n1,2,3,4,5\n")
    assert await platform.rows(scratch) == [dict(zip(PERCENT, [1, 2, 3, 4, 5], strict=True))]
    plan = await platform.get(f"/areas/{scratch}/plan")
    keys = {"keyColumns": ["p%", "p%s"]} if mode == "upsert" else {}
    area = await platform.create_area("Share in % of %s", loadMode=mode, **keys)
    for column in plan["columns"]:
        column["name"] = column["logicalName"]
    assert [column["name"] for column in plan["columns"]] == list(PERCENT)
    await platform.put_plan(area, plan)
    await platform.load(area, f"{header}\n1,2,3,4,5\n", "a.csv")
    await platform.load(area, f"{header}\n1,2,3,4,6\n", "a.csv")
    expected = [dict(zip(PERCENT, values, strict=True)) for values in ([1, 2, 3, 4, 5], [1, 2, 3, 4, 6])]
    assert await platform.rows(area) == (expected if mode == "append" else expected[1:])
    for column in plan["columns"][2:]:  # a retype carries rows over, or makes the view anew
        column["type"] = "text"
    await platform.put_plan(area, plan)
    job = await platform.load(area, f"{header}\n7,8,9,10,11\n", "b.csv", allowSmall=True)
    assert {"p%": 7, "p%s": 8, "p%(x)s": "9", "p%%": "10", PERCENT[4]: "11"} in await platform.rows(area)
    table = f"/tables/{(await platform.get(f'/areas/{area}'))['physId']}"
    assert {column["logicalName"] for column in (await platform.get(f"{table}/profile"))["columns"]} == set(PERCENT)
    revert = await platform.client.post(f"{platform.env}/loads/{job['result']['loadId']}/revert")
    assert revert.status_code == (409 if mode == "upsert" else 202), revert.text


async def test_zeros_that_a_number_loses_are_told_of(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, "id,item,share\n1,98765,0.5\n", "a.csv")
    job = await platform.load(area, "id,item,share\n3,1234,0\n4,00712,0.1\n5,01,00.5\n6,,\n", "b.csv")
    events = (await platform.client.get(f"/api/jobs/{job['jobId']}/events")).json()["items"]
    told = [event["data"] for event in events if event["data"].get("level") == "warning"]
    assert [each["fields"]["column"] for each in told] == ["item", "share"]
    assert "2 values lost zeros in front, the first of them '00712' in line 3" in told[0]["message"]
    assert "'00.5' in line 4" in told[1]["message"]


async def test_a_load_cancelled_before_it_was_shown_is_made_good_after_the_clean_up(platform: Platform) -> None:
    area = await platform.create_area(loadMode="replace")
    await platform.load(area, "n\n1\n")
    database = platform.api.bench.database
    async with database.transaction("stepmill_loader") as reader:
        view = sql.Identifier(platform.schema, (await platform.table(area))["logicalName"])
        await reader.execute(sql.SQL("SELECT FROM {}").format(view))
        job = await platform.submit(area, await platform.upload(area, "n\n2\nx\n", "later.csv"))
        await platform.api.bench.follow(job["jobId"], until=lambda event: "Waiting for readers" in str(event))
        await platform.client.post(f"/api/jobs/{job['jobId']}/cancel")
        assert (await platform.finished(job["jobId"]))["status"] == "CANCELLED"
    await drop_leftovers(database)
    assert await platform.api.bench.rows("SELECT 1 FROM load_targets WHERE job_id = %s", job["jobId"]) == []
    assert (await platform.client.post(f"/api/jobs/{job['jobId']}/retry")).status_code == 202
    again = await platform.finished(job["jobId"])
    assert again["status"] == "DONE", again["error"]
    assert (again["result"]["rowsLoaded"], again["result"]["rowsRejected"]) == (1, 1)
    assert await platform.rows(area) == [{"n": 2}]
    assert len(await platform.rejects(again["result"]["loadId"])) == 1


async def test_a_file_is_not_removed_under_a_job(platform: Platform) -> None:
    area = await platform.create_area()
    file = await platform.upload(area, ORDERS)
    body = {"type": "FILE_ETL", "envId": platform.env_id, "params": {"areaId": area, "fileId": file}}
    later = await platform.client.post("/api/jobs", json={**body, "runAt": "2999-01-01T00:00:00Z"})
    path = f"{platform.env}/files/{file}"
    assert_problem(await platform.client.delete(path), 409, "file_in_use")
    await platform.client.post(f"/api/jobs/{later.json()['jobId']}/cancel")
    assert (await platform.client.delete(path)).status_code == 204


async def test_a_file_whose_bytes_are_gone_says_so(platform: Platform) -> None:
    area = await platform.create_area()
    await platform.load(area, "n\n1\n", "first.csv")
    file = await platform.upload(area, "n\n2\n", "second.csv")
    await platform.api.bench.gateways.blobs.delete(f"files/{platform.env_id}/{file}")
    job = await platform.run(area, file)
    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("ERROR", "blob_not_found", False)
    assert "no longer there" in job["error"]["message"]
    assert [step["status"] for step in job["steps"]] == ["ERROR", "PENDING", "PENDING"]
    preview = await platform.client.get(f"{platform.env}/files/{file}/preview")
    assert_problem(preview, 404, "blob_not_found")
    assert [row["n"] for row in await platform.rows(area)] == [1]


async def test_a_replace_by_nothing_or_next_to_nothing_is_refused_unless_allowed(platform: Platform) -> None:
    area = await platform.create_area(loadMode="replace")
    await platform.load(area, "n\n" + "\n".join(map(str, range(100))))
    for content in ("n\n", "n\n1\n2\n"):
        error = await platform.failed(area, content)
        assert error["code"] == "suspiciously_small"
        assert (await platform.table(area))["rows"] == 100
    await platform.load(area, "n\n1\n2\n", allowSmall=True)
    assert (await platform.table(area))["rows"] == 2


_NOW = (
    "UPDATE jobs SET run_at = now() WHERE job_id = %s",
    "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE args ->> 'jobId' = %s",
)
"""A job that is for later is due."""


@pytest.mark.parametrize("mode", ["replace", "replaceFile", "append"])
async def test_of_jobs_that_overtake_one_another_the_last_submitted_wins(platform: Platform, mode: str) -> None:
    area = await platform.create_area(loadMode=mode)
    files = [await platform.upload(area, f"n\n{n}\n", "same.csv") for n in (1, 2)]
    older = await platform.submit(area, files[0], run_at="2100-01-01T00:00:00Z")
    newer = await platform.run(area, files[1])
    for statement in _NOW:
        await platform.api.bench.rows(statement, older["jobId"])
    done = await platform.finished(older["jobId"])
    assert (done["status"], newer["status"]) == ("DONE", "DONE")
    numbers = [row["n"] for row in await platform.rows(area)]
    if mode == "append":
        assert sorted(numbers) == [1, 2]
        assert done["result"]["supersededBy"] is None
        return
    assert numbers == [2]
    assert done["result"]["supersededBy"] == done["result"]["loadId"] == newer["result"]["loadId"]
    assert newer["result"]["supersededBy"] is None
    again = await platform.run(area, files[0])  # a new job is the last submitted
    assert again["result"]["supersededBy"] is None
    assert [row["n"] for row in await platform.rows(area)] == [1]


async def test_a_load_can_be_taken_back(platform: Platform) -> None:
    area = await platform.create_area(loadMode="replace")
    await platform.load(area, "n\n1\n2\n")
    job = await platform.load(area, "n\n3\n4\n")
    response = await platform.client.post(f"{platform.env}/loads/{job['result']['loadId']}/revert")
    assert response.status_code == 202
    assert [row["n"] for row in await platform.rows(area)] == [1, 2]


async def test_a_key_is_needed_in_every_row(platform: Platform) -> None:
    area = await platform.create_area(loadMode="upsert", keyColumns=["k"])
    job = await platform.load(area, "k,v\n1,a\n,b\n2,c\n1,d\n")
    assert (job["result"]["rowsLoaded"], job["result"]["rowsRejected"], job["result"]["rowsDeduplicated"]) == (2, 1, 1)
    (reject,) = await platform.rejects(job["result"]["loadId"])
    assert (reject["line"], reject["column"], reject["code"]) == (3, "k", "null_not_allowed")
    area = await platform.create_area("Other", loadMode="upsert", keyColumns=["nowhere"])
    error = await platform.failed(area, "k,v\n1,a\n")
    assert error["code"] == "key_column_missing"
    assert "nowhere" in error["message"]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty_file", ""),
        (b"   \n\n", "empty_file", ""),
        (b"id,name\n", "no_rows", "'id', 'name'"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "not_a_table", "PDF"),
        (b"\x1f\x8b\x08\x00broken", "", ""),
        (b"a," * 20_000 + b"b\n" + b"1," * 20_000 + b"1\n", "too_many_columns", "20,001"),
    ],
)  # fmt: skip
async def test_what_is_no_table_is_said_in_plain_words(
    platform: Platform, content: bytes, code: str, words: str
) -> None:
    area = await platform.create_area()
    error = await platform.failed(area, content)
    assert error["code"] == code or (not code and error["code"])
    assert words in error["message"]
    assert (await platform.client.get(f"{platform.env}/tables")).json()["items"] == []


async def test_xml_and_avro_become_tables(platform: Platform) -> None:
    xml = "<log><entry id='1'><at>2024-05-01</at></entry><entry id='2'><at>2024-05-02</at><n>7</n></entry></log>"
    area = await platform.create_area()
    job = await platform.load(area, xml, "log.xml")
    assert await platform.rows(area) == [
        {"id": 1, "at": "2024-05-01", "n": None},
        {"id": 2, "at": "2024-05-02", "n": 7},
    ]
    late = await platform.load(area, xml.replace("<n>7", "<n>many"), "late.xml")
    (reject,) = await platform.rejects(late["result"]["loadId"])
    assert (reject["line"], reject["column"], reject["cells"][0]["value"]) == (2, "n", "2")
    schema = {"type": "record", "name": "r", "fields": [{"name": "at", "type": {"type": "int", "logicalType": "date"}}]}
    file = io.BytesIO()
    fastavro.writer(file, schema, [{"at": date(2024, 5, 1)}], codec="snappy")
    area = await platform.create_area("Avro")
    await platform.load(area, file.getvalue(), "log.avro")
    assert await platform.rows(area) == [{"at": "2024-05-01"}]
    assert job["result"]["rowsLoaded"] == 2


async def test_files_and_areas_that_are_not_there(platform: Platform) -> None:
    area = await platform.create_area()
    other = await platform.create_area("Other")
    file = await platform.upload(other, ORDERS)
    for params, code in [((area, "file_unknown"), "file_not_found"), (("area_x", file), "area_not_found")]:
        job = await platform.run(*params)
        assert (job["status"], job["error"]["code"]) == ("ERROR", code)
    job = await platform.run(area, file)
    assert (job["status"], job["error"]["code"]) == ("ERROR", "file_not_found")


async def test_odd_headers_are_only_names(platform: Platform) -> None:
    area = await platform.create_area()
    injection = 'Robert"); DROP TABLE students;--'
    quoted = '"' + injection.replace('"', '""') + '"'
    job = await platform.load(area, f"{quoted},a,a,,_load_id,select\n1,2,3,4,5,6\n7,8,9,10,11,12\n")
    assert job["result"]["rowsLoaded"] == 2
    first = (await platform.rows(area))[0]
    assert list(first.values()) == [1, 2, 3, 4, 5, 6]
    assert injection in first


async def test_every_row_of_a_messy_file_is_accounted_for(platform: Platform) -> None:
    area = await platform.create_area()
    messy = b'# exported by a machine\nid,name\n1,ok\n\n2,"two\nlines"\n3,too,many\n4\n'
    messy += b'5,nul\x00here\n6,bad \xff byte\n7,"never closed\n'
    job = await platform.run(area, await platform.upload(area, messy))
    assert job["status"] == "DONE", job["error"]
    result = job["result"]
    assert result["rowsRead"] == result["rowsLoaded"] + result["rowsRejected"]
    assert result["rowsRead"] == 7
    names = {row["name"] for row in await platform.rows(area)}
    assert {"ok", "two\nlines"} <= names
    assert {reject["line"] for reject in await platform.rejects(result["loadId"])} >= {7, 8}


async def test_plans_are_versions(platform: Platform) -> None:
    area = await platform.create_area()
    path = f"{platform.env}/areas/{area}"
    assert_problem(await platform.client.get(f"{path}/plan"), 404, "plan_not_found")
    await platform.load(area, ORDERS)
    plan = await platform.get(f"/areas/{area}/plan")
    assert (plan["version"], plan["author"], plan["status"]) == (1, "rules", "approved")
    second = await platform.put_plan(area, plan)
    assert (second["version"], second["author"]) == (2, "user")
    listed = (await platform.get(f"/areas/{area}/plans"))["items"]
    assert [(each["version"], each["status"]) for each in listed] == [(2, "approved"), (1, "superseded")]
    assert (await platform.get(f"/areas/{area}/plan", version=1))["columns"] == plan["columns"]
    assert_problem(await platform.client.post(f"{path}/plans/1/approve"), 409, "plan_superseded")
    assert (await platform.client.post(f"{path}/plans/2/approve")).status_code == 200

    stale = await platform.client.put(f"{path}/plan", params={"baseVersion": 1}, json=plan)
    assert assert_problem(stale, 409, "plan_changed")["details"] == {"version": 2}
    third = await platform.client.put(f"{path}/plan", params={"baseVersion": 2}, json=plan)
    assert (third.status_code, third.json()["version"]) == (201, 3)
    ahead = await platform.client.put(f"{path}/plan", params={"baseVersion": 4}, json=plan)
    assert_problem(ahead, 404, "plan_not_found")

    broken = {**plan, "columns": [{**plan["columns"][0], "type": "number"}]}
    problem = assert_problem(await platform.client.put(f"{path}/plan", json=broken), 422, "invalid_plan")
    assert [error["pointer"] for error in problem["errors"]] == ["/columns/0/type"]
    assert len((await platform.get(f"/areas/{area}/plans"))["items"]) == 3


async def test_previews_load_nothing(platform: Platform) -> None:
    area = await platform.create_area()
    file = await platform.upload(area, "Order No;Net\n001;1,50\n002;x\n")
    shown = await platform.get(f"/files/{file}/preview", limit=1)
    assert (shown["format"], shown["delimiter"], shown["headerRows"]) == ("csv", ";", 1)
    assert shown["rows"] == [{"Order No": "001", "Net": "1,50"}]
    assert [column["logicalName"] for column in shown["columns"]] == ["Order No", "Net"]

    plan = {
        "source": {"format": "csv", "delimiter": ";", "headerRows": 1, "columns": ["Order No", "Net"]},
        "columns": [
            {"name": "order_no", "logicalName": "Order No", "type": "text", "source": "Order No"},
            {
                "name": "net",
                "type": "numeric",
                "precision": 10,
                "scale": 2,
                "source": "Net",
                "mapping": {"kind": "NUMBER_FORMAT", "decimal": ","},
            },
        ],
    }
    tried = await platform.client.post(f"{platform.env}/plan-preview", json={"fileId": file, "plan": plan})
    assert tried.status_code == 200, tried.text
    assert tried.json()["rows"] == [{"Order No": "001", "net": 1.5}]
    assert [(reject["line"], reject["column"]) for reject in tried.json()["rejects"]] == [(3, "net")]
    plan["columns"][1]["type"] = "money"  # type: ignore[index]
    refused = await platform.client.post(f"{platform.env}/plan-preview", json={"fileId": file, "plan": plan})
    problem = assert_problem(refused, 422, "invalid_plan")
    assert problem["errors"][0]["pointer"] == "/plan/columns/1/type"
    assert (await platform.get("/tables"))["items"] == []
