"""What is shown of the records that a load rejected."""

from typing import Any

import pytest

from tests.jobs.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="module")


def marked(reject: dict[str, Any]) -> list[tuple[str | None, str | None]] | None:
    """Names and values; a mark stands before the name of an offending cell."""
    if reject["cells"] is None:
        return None
    return [(f"!{cell['name']}" if cell["offending"] else cell["name"], cell["value"]) for cell in reject["cells"]]


async def test_rejects_are_shown_as_cells(platform: Platform) -> None:
    area = await platform.create_area()
    good = "".join(f"{number};2024-01-31;9,50\n" for number in range(1, 30))
    bad = 'x2;2024-02-29;2,00\n3;"not; yet";3,00\n4;2024-04-01;4,00;extra\n5\n6;2024-05-01;"7,0"0\n'
    await platform.load(area, f"Count Of;Placed On;Net\n{good}")
    job = await platform.load(area, f"Count Of;Placed On;Net\n{good}{bad}")
    rejects = await platform.rejects(job["result"]["loadId"])
    assert [(reject["column"], reject["code"]) for reject in rejects] == [
        ("count_of", "bad_integer"),
        ("placed_on", "bad_date"),
        (None, "too_many_fields"),
        ("Placed On", "too_few_fields"),
        ("net", "bad_number"),  # the quote stays in the value, which is no number then
    ]
    assert [marked(reject) for reject in rejects] == [
        [("!Count Of", "x2"), ("Placed On", "2024-02-29"), ("Net", "2,00")],
        [("Count Of", "3"), ("!Placed On", "not; yet"), ("Net", "3,00")],
        [("Count Of", "4"), ("Placed On", "2024-04-01"), ("Net", "4,00"), ("!None", "extra")],
        [("Count Of", "5"), ("!Placed On", None)],
        [("Count Of", "6"), ("Placed On", "2024-05-01"), ("!Net", '"7,0"0')],
    ]

    (_, file) = (await platform.get(f"/areas/{area}/files"))["items"]
    last = file["lastLoad"]
    assert (last["loadId"], last["jobId"]) == (job["result"]["loadId"], job["jobId"])
    assert [last[name] for name in ("rowsRead", "rowsLoaded", "rowsRejected")] == [34, 29, 5]
    assert [last[name] for name in ("rowsFiltered", "rowsDeduplicated")] == [0, 0]
    assert last["finishedAt"]

    # They are shown by the plan that they were rejected by, whatever came after it.
    plan = await platform.get(f"/areas/{area}/plan")
    plan["columns"][0]["name"], plan["source"]["delimiter"] = "another", "|"
    await platform.put_plan(area, plan)
    assert await platform.rejects(job["result"]["loadId"]) == rejects
    response = await platform.client.get(
        f"{platform.env}/loads/{job['result']['loadId']}/rejects", params={"format": "csv"}
    )
    assert response.text.startswith("line,column,reason,code,raw\r\n31,count_of,")
    assert "x-next-cursor" not in response.headers
    page = await platform.client.get(response.url, params={"format": "csv", "limit": 2})
    assert (page.text, len(page.headers["x-next-cursor"]) > 0) == ("".join(response.text.splitlines(True)[:3]), True)


async def test_all_rejects_come_as_one_csv(platform: Platform) -> None:
    area = await platform.create_area()
    good = "a,b\n" + "".join(f"{number},x\n" for number in range(12_000))
    await platform.load(area, good)
    job = await platform.load(area, good + "".join(f"bad{number},x\n" for number in range(1_200)))
    address = f"{platform.env}/loads/{job['result']['loadId']}/rejects"
    text = (await platform.client.get(address, params={"format": "csv"})).text
    assert [line.split(",")[0] for line in text.splitlines()] == [
        "line",
        *(str(line) for line in range(12_002, 13_202)),
    ]
    unknown = await platform.client.get(f"{platform.env}/loads/load_none/rejects", params={"format": "csv"})
    assert unknown.status_code == 404


async def test_rejects_of_json(platform: Platform) -> None:
    area = await platform.create_area()
    good = "".join(f'{{"id": {number}, "on": "2024-01-31"}}\n' for number in range(1, 30))
    await platform.load(area, good, "orders.jsonl")
    job = await platform.load(area, good + '{"id": 3, "on": "soon"}\n{"id": 4, "on"\n', "orders.jsonl")
    rejects = await platform.rejects(job["result"]["loadId"])
    assert [marked(reject) for reject in rejects] == [[("id", "3"), ("!on", "soon")], None]


async def test_a_row_without_its_key(platform: Platform) -> None:
    area = await platform.create_area(loadMode="upsert", keyColumns=["k"])
    job = await platform.load(area, "k,v\n1,a\n,b\n2,c\n")
    (reject,) = await platform.rejects(job["result"]["loadId"])
    assert marked(reject) == [("!k", ""), ("v", "b")]


async def test_a_plan_is_tried_on_what_a_load_rejected(platform: Platform) -> None:
    area = await platform.create_area()
    good = "".join(f"{number};9,50\n" for number in range(1, 30_000))
    job = await platform.load(area, f"id;net\n{good}x;1,00\n2;much;\n3;much\n")
    load = job["result"]["loadId"]
    assert job["result"]["rowsRejected"] == 3
    plan = await platform.get(f"/areas/{area}/plan")
    body = {"fileId": job["params"]["fileId"], "plan": plan, "loadId": load}
    codes = ["bad_integer", "too_many_fields", "bad_number"]
    before = (await platform.client.post(f"{platform.env}/plan-preview", json=body)).json()
    assert before["rowsRejected"] == 0, "the file's first rows are all right"
    assert [reject["code"] for reject in before["ofLoad"]["rejects"]] == codes

    plan["columns"][1].update(type="text", mapping={"kind": "DIRECT"}, precision=None, scale=None)
    after = (await platform.client.post(f"{platform.env}/plan-preview", json=body)).json()["ofLoad"]
    assert [after[name] for name in ("rowsRead", "rowsRejected", "rowsFiltered")] == [3, 2, 0]
    assert [reject["code"] for reject in after["rejects"]] == codes[:2]
