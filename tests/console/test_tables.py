"""Tables in the console: found, scrolled, looked into; what was rejected, loaded again, taken back."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.browsing import ready
from tests.console.faults import Faults

pytestmark = pytest.mark.slow

ENV = "default"
ROWS = 30_000
WRONG = '<img src=x onerror="document.title=1">'


def _load(client: Client, area_id: str, lines: list[str], name: str = "measurements.csv") -> dict[str, Any]:
    file = client.upload_file(ENV, area_id, ("\n".join(lines) + "\n").encode(), name=name)
    job = client.start_job("FILE_ETL", {"areaId": area_id, "fileId": file["fileId"]}, env_id=ENV)
    done = client.wait_for_job(job["jobId"])
    assert done["status"] == "DONE", done["error"]
    assert done["result"] is not None
    return {**done["result"], "fileId": file["fileId"]}


def _area(client: Client, **options: Any) -> str:
    return str(client.create_area(ENV, f"measured {uuid4().hex[:8]}", **options)["areaId"])


def _lines(rows: int, *, wrong: tuple[int, ...] = (), columns: int = 3) -> list[str]:
    """Records of a number, a flag, a remark that every tenth has not, and as many readings as wanted."""
    names = ["number", "ok", "remark", *(f"reading_{index}" for index in range(columns))]
    records = [
        [row, row % 2 == 0, "" if row % 10 == 0 else f"remark {row}", *range(columns)] for row in range(1, rows + 1)
    ]
    for row in wrong:
        records[row - 1][-2] = WRONG.replace('"', '""').join('""')
    return [",".join(str(cell) for cell in record) for record in [names, *records]]


def _grid(page: Page) -> Locator:
    return page.get_by_role("grid")


def test_what_was_rejected_counts_until_it_is_loaded_again(page: Page, client: Client) -> None:
    area = _area(client)
    _load(client, area, _lines(900))
    first = _load(client, area, _lines(900, wrong=(7, 8)))
    page.goto(f"/tables/{first['physId']}?tab=rejects")
    tab = page.get_by_role("navigation", name="Parts of it").get_by_role("link", name="Rejects")
    expect(tab).to_have_text("Rejects 2")
    expect(page.get_by_role("button", name="Load the rejects again")).to_be_visible()
    _load(client, area, _lines(900))
    expect(tab).to_have_text("Rejects 0")
    expect(page.get_by_role("heading", name="Nothing was rejected")).to_be_visible()
    page.goto(f"/tables/{first['physId']}?tab=rejects&load={first['loadId']}")
    expect(page.get_by_text("no longer in force")).to_be_visible()
    expect(page.get_by_role("button", name="Load the rejects again")).to_have_count(0)


def test_tables_are_found_and_sorted_and_the_address_says_how(page: Page, client: Client) -> None:
    few, many = (_load(client, _area(client), _lines(rows)) for rows in (3, 30))
    page.goto("/tables?q=measured")
    both = re.compile("|".join(each["logicalName"] for each in (few, many)))
    names = page.get_by_role("rowheader").filter(has_text=both)
    by_name = sorted([few["logicalName"], many["logicalName"]])
    expect(names).to_have_text(by_name)
    for order, expected in (("Rows", [many, few]), ("Last load", [many, few]), ("Name", None), ("Rows", [many, few])):
        page.get_by_role("combobox", name="Sort by").select_option(order)
        expect(page).to_have_url(re.compile("sort=" + order.replace(" ", r"(\+|%20)")))
        expect(names).to_have_text([each["logicalName"] for each in expected] if expected else by_name)
    page.get_by_role("searchbox", name="Search tables").fill(many["logicalName"])
    expect(page.get_by_role("status").filter(has_text="1 of ")).to_be_visible()
    page.reload()
    expect(page.get_by_role("combobox", name="Sort by")).to_have_value("Rows")
    page.get_by_role("link", name=many["logicalName"], exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(many["logicalName"])
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_where_there_is_no_table_one_learns_how_to_get_one(page: Page, server: Serve) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    env_id = f"empty{uuid4().hex[:6]}"
    httpx.post(f"{server.url}/api/envs", json={"envId": env_id, "name": env_id}, headers=headers).raise_for_status()
    page.goto(f"/tables?env={env_id}")
    expect(page.get_by_role("heading", name="No tables yet")).to_be_visible()
    expect(page.get_by_text("stepmill load FILE.csv")).to_be_visible()


def test_every_row_can_be_scrolled_to_and_looked_into_with_the_keyboard(page: Page, client: Client) -> None:
    table = _load(client, _area(client), _lines(ROWS))
    page.goto(f"/tables/{table['physId']}")
    ready(page)
    grid = _grid(page)
    expect(grid.get_by_role("gridcell", name="remark 1", exact=True)).to_be_visible()
    expect(grid.get_by_role("row").nth(10).get_by_role("gridcell")).to_have_text(
        ["10", "10", "true", "null", "0", "1", "2"]
    )
    grid.focus()
    expect(grid).to_have_attribute("aria-rowcount", str(ROWS + 1))
    page.keyboard.press("End")
    expect(grid.get_by_role("gridcell", name=f"remark {ROWS - 1}", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Row 30,000")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    record = page.get_by_role("dialog", name="Row 29,999")
    expect(record.get_by_role("status")).to_have_text("29,999 of 30,000")
    expect(record.get_by_role("definition")).to_have_text(["29999", "false", "remark 29999", "0", "1", "2"])
    expect(page).to_have_url(re.compile("row=29999"))
    page.keyboard.press("Escape")
    expect(record).not_to_be_attached()
    expect(grid).to_be_focused()
    page.keyboard.press("Home")
    expect(grid.get_by_role("gridcell", name="remark 1", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Row 1")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).not_to_be_attached()
    expect(grid.get_by_role("gridcell", name="remark 1", exact=True)).to_be_visible()


def test_a_key_may_come_before_the_grid_was_measured(page: Page, client: Client) -> None:
    page.add_init_script("globalThis.ResizeObserver = class { observe() {} disconnect() {} }")
    table = _load(client, _area(client), _lines(900))
    page.goto(f"/tables/{table['physId']}")
    grid = _grid(page)
    expect(grid).to_have_attribute("aria-rowcount", "901")
    grid.focus()
    page.keyboard.press("End")
    expect(grid.get_by_role("gridcell", name="remark 899", exact=True)).to_be_in_viewport()


def test_an_address_leads_to_any_row_and_says_if_there_is_none(page: Page, client: Client) -> None:
    table = _load(client, _area(client), _lines(ROWS))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/rows?" in request.url else None)
    page.goto(f"/tables/{table['physId']}?row=29001")
    expect(page.get_by_role("dialog").get_by_text("remark 29001", exact=True)).to_be_visible()
    assert len(asked) <= 3, asked
    page.goto(f"/tables/{table['physId']}?row={ROWS + 1}")
    expect(page.get_by_text("There is no row 30,001.")).to_be_visible()
    expect(page.get_by_role("dialog")).not_to_be_attached()


def test_columns_past_the_hundredth_are_reached(page: Page, client: Client) -> None:
    table = _load(client, _area(client), _lines(12, columns=997))
    page.goto(f"/tables/{table['physId']}")
    heads = _grid(page).get_by_role("columnheader")
    expect(page.get_by_text("Columns 1 to 100 of 1,000.")).to_be_visible()
    expect(page.get_by_role("button", name="Earlier")).to_be_disabled()
    page.get_by_role("button", name="Later").click()
    expect(page).to_have_url(re.compile("column=101"))
    expect(heads.nth(1)).to_contain_text("reading_97")
    expect(_grid(page).get_by_role("row").nth(1).get_by_role("gridcell").nth(1)).to_have_text("97")
    page.goto(f"/tables/{table['physId']}?column=1000")
    expect(page.get_by_text("Columns 901 to 1,000 of 1,000.")).to_be_visible()
    expect(heads.last).to_contain_text("reading_996")
    expect(page.get_by_role("button", name="Later")).to_be_disabled()


def test_numbers_keep_all_their_digits(page: Page, client: Client) -> None:
    table = _load(client, _area(client), ["large,share", "9007199254740993,0.12345678901234567891", "1,0.5"])
    page.goto(f"/tables/{table['physId']}")
    for written in ("9007199254740993", "0.12345678901234567891", "0.5"):
        expect(_grid(page).get_by_role("gridcell", name=written, exact=True)).to_be_visible()


def test_a_load_that_ends_is_seen_at_once_and_the_place_is_kept(page: Page, client: Client) -> None:
    area = _area(client, load_mode="append")
    table = _load(client, area, _lines(500), name="first.csv")
    page.goto(f"/tables/{table['physId']}")
    grid = _grid(page)
    expect(grid.get_by_role("gridcell", name="remark 1", exact=True)).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    grid.focus()
    for _ in range(5):
        page.keyboard.press("PageDown")
    place = grid.evaluate("grid => grid.scrollTop")
    assert place > 0
    _load(client, area, _lines(250), name="second.csv")
    expect(page.get_by_role("link", name="Rows 750")).to_be_visible()
    expect(grid).to_have_attribute("aria-rowcount", "751")
    expect(grid).to_be_focused()
    assert grid.evaluate("grid => grid.scrollTop") == place


def test_a_replaced_table_is_read_from_its_first_row(page: Page, client: Client) -> None:
    area = _area(client)
    table = _load(client, area, _lines(900))
    page.goto(f"/tables/{table['physId']}")
    grid = _grid(page)
    grid.focus()
    page.keyboard.press("End")
    expect(grid.get_by_role("gridcell", name="remark 899", exact=True)).to_be_visible()
    _load(client, area, [line.replace("remark ", "other ") for line in _lines(890)])
    expect(grid.get_by_role("gridcell", name="other 889", exact=True)).to_be_visible()
    expect(grid.get_by_role("gridcell", name=re.compile("remark"))).to_have_count(0)


def test_columns_tell_what_they_hold(page: Page, client: Client) -> None:
    table = _load(client, _area(client), _lines(100))
    page.goto(f"/tables/{table['physId']}?tab=columns")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="remark"))
    expect(row.get_by_role("cell").nth(0)).to_have_text("text")
    expect(row.get_by_role("cell").nth(1)).to_have_text("10%")
    expect(row.get_by_role("cell").nth(2)).to_have_text("90")
    expect(page.get_by_role("img", name="Distribution of number: from 1 to 100")).to_be_visible()


def _rejected(client: Client, *, columns: int = 3) -> dict[str, Any]:
    """A load that rejected two rows, of a file that was good before."""
    area = _area(client)
    _load(client, area, _lines(200, columns=columns))
    return _load(client, area, _lines(200, wrong=(7, 90), columns=columns))


def test_a_reject_shows_the_cell_at_fault_and_of_a_wide_record_those_around_it(page: Page, client: Client) -> None:
    load = _rejected(client, columns=40)
    page.goto(f"/tables/{load['physId']}?tab=rejects")
    rejects = page.get_by_role("listitem").filter(has=page.get_by_text(re.compile(r"^Line \d+$")))
    expect(rejects).to_have_count(2)
    first = rejects.first
    expect(first.get_by_text("Line 8", exact=True)).to_be_visible()
    at_fault = first.get_by_role("listitem").filter(has_text="At fault")
    expect(at_fault).to_have_text(f"At fault: reading_38{WRONG}")
    expect(first.get_by_text("reading_36", exact=True)).to_be_visible()
    expect(first.get_by_text("remark 7", exact=True)).to_have_count(0)
    first.get_by_role("button", name="All 43 cells").click()
    expect(first.get_by_text("remark 7", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Mend the plan")).to_have_attribute("href", re.compile(r"/plan\?file=file_"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.path().read_text().startswith("line,column,reason,code,raw")


def test_rejects_are_loaded_again_and_the_new_load_is_chosen(page: Page, client: Client, faults: Faults) -> None:
    load = _rejected(client)
    page.goto(f"/tables/{load['physId']}?tab=rejects")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_role("button", name="Load the rejects again").click()
    expect(page.get_by_text("The rejects are being loaded again.")).to_be_visible()
    expect(page.get_by_role("link", name="Loads 3")).to_be_visible()
    page.get_by_role("link", name="Other loads").click()
    loads = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="job"))
    expect(loads.nth(0)).to_contain_text("rejects, loaded again")
    loads.nth(1).get_by_role("link", name="rejected").click()
    expect(page).to_have_url(re.compile(load["loadId"]))
    faults.allow("409")
    page.get_by_role("button", name="Load the rejects again").click()
    expect(page.get_by_role("alert")).to_contain_text("superseded")


def test_a_load_is_reverted_and_one_that_can_not_be_says_why(page: Page, client: Client, faults: Faults) -> None:
    area = _area(client)
    first = _load(client, area, _lines(200))
    table = _load(client, area, _lines(210))
    page.goto(f"/tables/{table['physId']}?tab=loads")
    loads = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="measurements.csv"))
    expect(loads.nth(1)).to_contain_text("superseded by a later load")
    loads.nth(0).get_by_role("button", name="Revert").click()
    page.get_by_role("dialog").get_by_role("button", name="Revert the load").click()
    expect(page.get_by_role("dialog")).not_to_be_attached()
    expect(loads.nth(0)).to_contain_text("reverted")
    expect(loads.nth(1)).to_contain_text("in force")
    expect(page.get_by_role("link", name="Rows 200")).to_be_visible()
    client.delete_file(ENV, first["fileId"], rows="remove")
    faults.allow("409")
    loads.nth(1).get_by_role("button", name="Revert").click()
    page.get_by_role("dialog").get_by_role("button", name="Revert the load").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("can't be reverted")
