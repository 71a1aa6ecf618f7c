"""Files in the console: dropped, sent, loaded, looked at, removed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from stepmill.client import Client
from tests.console.accessibility import violations
from tests.console.browsing import choose_files, ready
from tests.console.faults import Faults

pytestmark = pytest.mark.slow

ENV = "default"
DRAG = """
([kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) transfer.items.add(new File([text], name));
  document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""

_DROP_A_FOLDER = """
() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([], 'a folder'));
  const folder = { kind: 'file', webkitGetAsEntry: () => ({ isDirectory: true }) };
  Object.defineProperty(transfer, 'items', { value: [folder] });
  document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""
"""A script can't make a folder, so the entry stands in for one."""

MakeArea = Callable[..., str]


def orders(count: int = 40, *, wrong: str = "open") -> str:
    """A CSV file whose third row has a word among its amounts."""
    rows = [f"{number},2026-01-{number % 28 + 1:02},{number * 7}.50" for number in range(1, count)]
    return "\n".join(["id,ordered on,amount", *rows[:2], f"{count},2026-02-01,{wrong}", *rows[2:], ""])


def drag(page: Page, kind: str, *files: tuple[str, str]) -> None:
    """Let files of this computer come over the page, or drop them there."""
    page.evaluate(DRAG, [kind, list(files)])


def load(client: Client, area: str, file: str) -> dict[str, Any]:
    """Load a file, to its end. Returns the result."""
    job = client.start_job("FILE_ETL", {"areaId": area, "fileId": file}, env_id=ENV)
    done = client.wait_for_job(job["jobId"])
    assert done["result"] is not None, done["error"]
    return done["result"]


@pytest.fixture
def make_area(client: Client, request: pytest.FixtureRequest) -> MakeArea:
    """Makes an area of the test's own."""

    def make(**settings: Any) -> str:
        return str(client.create_area(ENV, f"{request.node.name} {len(settings)}", **settings)["areaId"])

    return make


def test_dropped_files_go_to_a_new_area_and_are_loaded(page: Page) -> None:
    page.goto("/areas")
    ready(page)
    files = (("dropped orders.csv", orders()), ("second.csv", orders(9, wrong="1.00")))
    drag(page, "dragover", *files)
    expect(page.get_by_text("Drop, then choose where they go")).to_be_visible()
    drag(page, "drop", *files)

    dialog = page.get_by_role("dialog", name="Where do these files go?")
    expect(dialog.get_by_role("textbox", name="Name")).to_have_value("dropped orders")
    expect(dialog.locator("select, input").first).to_be_focused()
    dialog.get_by_role("button", name="Send 2 files").click()

    tray = page.get_by_role("region", name="2 files loaded")
    expect(tray.get_by_text("39 rows loaded, 1 rejected")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped orders")
    row = page.get_by_role("group", name="Files", exact=True).get_by_role("row", name=re.compile("dropped orders.csv"))
    expect(row.get_by_role("img", name=re.compile("40 rows read: 39 loaded, 1 rejected"))).to_be_visible()
    tray.get_by_role("link", name="Rejects").click()
    expect(page).to_have_url(re.compile(r"/tables/.*tab=rejects"))
    expect(page.get_by_text("open", exact=True).first).to_be_visible()


def test_an_area_is_set_to_replace_days_and_to_freeze(page: Page, client: Client, make_area: MakeArea) -> None:
    area = make_area()
    page.goto(f"/areas/{area}?tab=settings")
    form = ready(page).locator("form")
    expect(form.get_by_text("New columns are added")).to_be_visible()
    form.get_by_label("Load mode").select_option("Replace by partition")
    form.get_by_role("textbox", name="Key columns").fill("sold on")
    form.get_by_label("Schema change").select_option("Freeze")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    found = client.get_area(ENV, area)
    assert (found["loadMode"], found["keyColumns"], found["schemaChange"]) == (
        "replacePartition",
        ["sold on"],
        "freeze",
    )
    expect(page.get_by_text("Replace by partition").first).to_be_visible()


FILLED_AND_SENT_AT_ONCE = """() => {
    const form = document.querySelector("form");
    const put = (field, value) => {
        field.value = value;
        field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
    };
    const [mode, change] = form.querySelectorAll("select");
    put(mode, "upsert");
    put(change, "freeze");
    put(form.querySelector("input"), "renamed at once");
    form.requestSubmit();
}"""


def test_what_is_filled_in_between_two_frames_is_all_sent(page: Page, client: Client, make_area: MakeArea) -> None:
    area = make_area(key_columns=["order_id"])
    page.goto(f"/areas/{area}?tab=settings")
    expect(ready(page).locator("form")).to_be_visible()
    page.evaluate(FILLED_AND_SENT_AT_ONCE)
    expect(page.get_by_text("Saved.")).to_be_visible()
    found = client.get_area(ENV, area)
    assert [found[each] for each in ("name", "loadMode", "keyColumns", "schemaChange")] == [
        "renamed at once",
        "upsert",
        ["order_id"],
        "freeze",
    ]


def test_files_are_taken_from_a_place(page: Page, client: Client, make_area: MakeArea, place: Path) -> None:
    area = make_area()
    (place / "scanned.csv").write_text(orders())
    page.goto(f"/areas/{area}?tab=settings")
    form = ready(page).locator("form")
    form.get_by_role("textbox", name="Place").fill(f"file://{place}")
    form.get_by_role("textbox", name="Pattern").fill("*.csv")
    form.get_by_role("button", name="Save").click()
    scan = page.get_by_role("button", name="Scan the place")
    scan.click()
    expect(page.get_by_text("1 file to load.")).to_be_visible()
    page.get_by_role("link", name="Files").last.click()
    row = page.get_by_role("row", name=re.compile("scanned.csv"))
    expect(row.get_by_role("img", name=re.compile("40 rows read: 39 loaded"))).to_be_visible()
    scan.click()
    expect(page.get_by_text("Nothing new.")).to_be_visible()
    assert client.get_area(ENV, area)["source"] == {"url": f"file://{place}", "glob": "*.csv"}


def test_files_are_chosen_by_keyboard_and_a_failed_load_says_why(page: Page, make_area: MakeArea) -> None:
    page.goto(f"/areas/{make_area()}")
    ready(page)
    page.get_by_role("button", name="Add files").focus()
    photo: FilePayload = {"name": "photo.csv", "mimeType": "", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(60)}
    choose_files(page, lambda: page.keyboard.press("Enter"), photo)
    item = page.get_by_role("listitem").filter(has_text="photo.csv")
    expect(item.get_by_role("button", name="Try again")).to_be_visible()
    expect(item).to_contain_text("PNG")


def test_a_preview_marks_what_is_no_record(page: Page, client: Client, make_area: MakeArea) -> None:
    area = make_area()
    text = "Report of the day\n\nid;name\n# none of these\n" + "".join(f"{n};name {n % 3}\n" for n in range(30))
    file = client.upload_file(ENV, area, text.encode(), name="report.csv")
    page.goto(f"/areas/{area}/files/{file['fileId']}")
    lines = page.get_by_role("group", name="Text")
    expect(lines.get_by_role("row", name=re.compile("1 Report of the day not read"))).to_be_visible()
    expect(lines.get_by_role("row", name="3 id;name header")).to_be_visible()
    expect(lines.get_by_role("row", name="4 # none of these comment")).to_be_visible()
    column = page.get_by_role("group", name="Columns").get_by_role("row", name=re.compile("^id integer"))
    expect(column.get_by_role("img", name="id: from 0 to 29")).to_be_visible()


def test_a_file_goes_with_its_rows(page: Page, client: Client, make_area: MakeArea) -> None:
    area = make_area(load_mode="append")
    file = client.upload_file(ENV, area, orders().encode(), name="orders.csv")
    table = load(client, area, file["fileId"])["physId"]
    page.goto(f"/areas/{area}")
    page.get_by_role("button", name="Delete orders.csv").click()
    dialog = page.get_by_role("dialog", name="Delete orders.csv?")
    dialog.get_by_label("Remove its rows from the table too").check()
    dialog.get_by_role("button", name="Delete the file").click()
    expect(page.get_by_text("orders.csv is deleted.")).to_be_visible()
    expect(page.get_by_text("No files yet")).to_be_visible()
    assert client.get_table(ENV, table)["rows"] == 0


def test_the_heading_has_the_focus_however_late_it_comes(page: Page, client: Client, make_area: MakeArea) -> None:
    area = make_area()
    file = client.upload_file(ENV, area, orders().encode(), name="orders.csv")
    load(client, area, file["fileId"])
    page.goto("/areas")
    ready(page)
    page.locator(f'a[href="/areas/{area}"]').click()
    heading = page.get_by_role("heading", level=1)
    expect(page.get_by_role("link", name="orders.csv")).to_be_visible()
    expect(heading).to_be_focused()
    page.get_by_role("link", name="orders.csv").click()
    expect(heading).to_have_text("orders.csv")
    expect(heading).to_be_focused()
    page.get_by_role("link", name="Try the plan on it").click()
    expect(heading).to_have_text(re.compile("Plan of"))
    expect(heading).to_be_focused()


@pytest.mark.parametrize("path", ["/areas/none", "/areas/none/files/none", "/areas/none/plan"])
def test_what_is_not_there_has_a_heading_and_breaks_no_rule(page: Page, faults: Faults, axe: Path, path: str) -> None:
    faults.allow("status of 404")
    page.goto(path)
    expect(ready(page).get_by_role("alert")).to_contain_text("is not here")
    assert violations(page, axe) == []


def test_what_is_dropped_while_the_area_is_asked_for_goes_with_the_rest_and_folders_are_refused(page: Page) -> None:
    page.goto("/areas")
    ready(page)
    drag(page, "drop", ("first of two.csv", "id\n1\n"))
    drag(page, "drop", ("second of two.csv", "id\n2\n"))
    dialog = page.get_by_role("dialog", name="Where do these files go?")
    expect(dialog.get_by_text("first of two.csv, second of two.csv")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    page.evaluate(_DROP_A_FOLDER)
    expect(page.get_by_text("Folders are not taken. Drop the files in them.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_focus_is_never_lost_when_what_has_it_goes(page: Page, make_area: MakeArea) -> None:
    page.goto(f"/areas/{make_area()}")
    ready(page)
    photo: FilePayload = {"name": "photo.csv", "mimeType": "", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(60)}
    choose_files(page, lambda: page.get_by_role("button", name="Add files").click(), photo)
    away = page.get_by_role("button", name="No longer show photo.csv")
    away.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
