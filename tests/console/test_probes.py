"""Texts of users that would run as scripts, on every screen that shows them.

They are the names of files and areas, headers, cells, errors, log lines, params.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from stepmill.client import Client
from tests.cli.processes import Serve, serving_fresh
from tests.console.browsing import new_context, ready, sign_in
from tests.console.faults import Faults, settle
from tests.console.probes import PROBES
from tests.console.test_files import drag

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENV = "default"
PLUGIN = Path(__file__).parent / "plugin"
ROWS = 6_000
PRINTABLE = tuple("".join(filter(str.isprintable, probe)) for probe in PROBES)
SHORT = tuple(probe for probe in PRINTABLE if len(probe.encode()) <= 63)
"""What may be the name of an area, and so of a view in PostgreSQL."""

# What no text of a user may have become: an element that loads or runs, a handler, an address that is a script.
FOREIGN = """
() => [...document.querySelectorAll("*")].filter((element) =>
  element.matches("iframe, object, embed, base, meta[http-equiv], style, math, audio, video, template, marquee")
  || element.matches("image, foreignObject, animate")
  || (element.matches("script") && !element.src && element.type !== "importmap")
  || (element.matches("link, script[src], img")
    && !new URL(element.src || element.href).pathname.match(/^\\/static\\/|^\\/docs.css$/))
  || [...element.attributes].some(({ name, value }) => name.startsWith("on")
    || (/^(href|src|action|formaction|xlink:href)$/.test(name) && /^\\s*(javascript|data|vbscript):/i.test(value)))
).map((element) => element.outerHTML.slice(0, 200))
"""

SHOW_NONE = {"/workers", "/jobs/{end}", "/jobs/{etl}?tab=log", "/areas/{area}?tab=settings"}
"""Screens on which a text of a user stands in a field, or not at all."""

Ids = dict[str, str]


@pytest.fixture(scope="module")
def probed() -> Iterator[Serve]:
    """A server whose every text is a probe."""
    with serving_fresh(PYTHONPATH=str(PLUGIN)) as running:
        yield running


@pytest.fixture(scope="module")
def ids(probed: Serve) -> Iterator[Ids]:
    """Areas, files, tables and jobs, all named by probes."""
    with probed.connect() as client:
        yield _fill(client)


@pytest.fixture
def ran() -> list[Any]:
    """The numbers of the probes that ran."""
    return []


@pytest.fixture
def page(browser: Browser, probed: Serve, ran: list[Any]) -> Iterator[Page]:
    """A page in which a probe that runs is heard of."""
    session = sign_in(browser, probed.run("link").stdout.strip())
    faults = Faults(probed.url)
    context = new_context(browser, probed.url, session)
    faults.watch(context)
    context.expose_function("probed", lambda number: ran.append(number))
    page = context.new_page()
    page.on("dialog", lambda dialog: _answer(dialog, ran))
    faults.allow("/api/.* 404|status of 404")  # of environments that an address makes up
    yield page
    settle(page)
    context.close()
    assert ran == []
    assert faults.unexpected() == []


def _answer(dialog: Dialog, ran: list[Any]) -> None:
    """A page that is left while a file is on its way may ask; nothing else may."""
    if dialog.type != "beforeunload":
        ran.append(dialog.message)
    dialog.accept()


def _table(*, is_wrong: bool) -> bytes:
    """A number and a column for each probe. In a wrong one the first rows have a probe where the number should be."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["n", *PROBES])
    for number in range(ROWS):
        bad = is_wrong and number < len(PROBES)
        writer.writerow(
            [PROBES[number] if bad else number, *(PROBES if number < 2 or number == ROWS - 1 else "x" * len(PROBES))]
        )
    return text.getvalue().encode()


def _fill(client: Client) -> Ids:
    found: Ids = {}
    result: dict[str, Any] | None = None
    for name in SHORT:
        client.create_area(ENV, name)
    area = client.list_areas(ENV, limit=1)["items"][0]["areaId"]
    for is_wrong, name in ((False, PRINTABLE[1]), (True, PRINTABLE[0])):  # numbers are known as such by the first
        wide = client.upload_file(ENV, area, _table(is_wrong=is_wrong), name=name)
        params = {"areaId": area, "fileId": wide["fileId"]}
        job = client.wait_for_job(client.start_job("FILE_ETL", params, env_id=ENV)["jobId"])
        result = job["result"]
        assert result is not None, job["error"]
    assert result is not None
    assert result["rowsRejected"] >= len(PROBES)
    for number, name in enumerate(PRINTABLE):
        client.upload_file(ENV, area, f"id,{number}\n1,2\n".encode(), name=name)
    for then in ("end", "fail", "wait"):
        said = client.start_job("SAY", {"texts": list(PROBES), "then": then}, env_id=ENV)
        found[then] = said["jobId"]
        if then != "wait":
            client.wait_for_job(said["jobId"])
    return found | {
        "area": area,
        "file": wide["fileId"],
        "table": result["physId"],
        "load": result["loadId"],
        "etl": job["jobId"],
    }


def _look(page: Page, address: str) -> None:
    page.goto(address)
    ready(page)
    _nothing_foreign(page)


def _nothing_foreign(page: Page) -> None:
    settle(page)
    assert page.evaluate(FOREIGN) == []


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/jobs",
        "/jobs?q=%3Cscript%3Eprobed(61)%3C/script%3E",
        *(
            f"/jobs/{{{job}}}{tab}"
            for job in ("end", "fail", "wait")
            for tab in ("", "?tab=log", "?tab=log&level=all", "?tab=data")
        ),
        *(f"/jobs/{{etl}}{tab}" for tab in ("", "?tab=log", "?tab=data")),
        "/areas",
        "/areas?q=%3Cimg%20src%3Dx%20onerror%3Dprobed(62)%3E",
        *(f"/areas/{{area}}{tab}" for tab in ("", "?tab=loads", "?tab=plan", "?tab=settings")),
        "/areas/{area}/files/{file}",
        "/areas/{area}/plan?file={file}",
        "/areas/{area}/plan?file={file}&as=json",
        "/tables",
        *(f"/tables/{{table}}?tab={tab}" for tab in ("rows", "columns", "loads", "rejects&load={load}")),
        "/tables/{table}?tab=rows&row=1",
        "/workers",
        "/docs",
    ],
)
def test_no_probe_runs(page: Page, ids: Ids, address: str) -> None:
    if address == "/docs":
        page.goto(address)
        _nothing_foreign(page)
        return
    _look(page, address.format_map(ids))
    if address not in SHOW_NONE and "q=" not in address:
        expect(page.locator("main")).to_contain_text("probed(", use_inner_text=False)


def test_no_probe_runs_in_what_opens(page: Page, ids: Ids) -> None:
    """The palette, the dialogs, the tray, notices, and addresses that name what is not there."""
    _look(page, f"/areas/{ids['area']}")
    page.keyboard.press("Control+k")
    page.keyboard.type(PRINTABLE[0])
    expect(page.locator("#entries").get_by_role("option").first).to_be_visible()
    _nothing_foreign(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("probed(")
    _nothing_foreign(page)
    page.keyboard.press("Escape")
    drag(page, "drop", (PRINTABLE[5], "id\n1\n"), (PRINTABLE[6], "id,x\n"))
    expect(page.get_by_role("region").filter(has_text="probed(").last).to_be_visible()
    _nothing_foreign(page)
    _look(page, f"/jobs/{ids['fail']}")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    _nothing_foreign(page)


@pytest.mark.parametrize("address", ["/?env={probe}", "/jobs?status={probe}&type={probe}", "/nothing/{probe}"])
def test_no_probe_in_an_address_runs(page: Page, probed: Serve, ids: Ids, address: str) -> None:
    for probe in PROBES[::10]:
        page.goto("/workers")
        ready(page)
        page.evaluate(
            "(address) => history.pushState(null, '', address)", address.format(probe=probe.replace("%", "%25"))
        )
        page.evaluate("() => dispatchEvent(new PopStateEvent('popstate'))")
        page.locator("h1").first.wait_for()
        _nothing_foreign(page)
