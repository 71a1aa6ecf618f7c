"""The list of jobs: narrowed, followed live, walked through by keyboard; many cancelled and retried at once."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.accessibility import violations
from tests.console.browsing import NARROW, OpenPage, ready
from tests.console.environments import make_environment
from tests.console.many_jobs import many_jobs

pytestmark = pytest.mark.slow

JOBS = 400
_Y = "(row) => row.getBoundingClientRect().y"
_PLACES = "(grid) => Array.from(grid.querySelectorAll('.grid-row'), (row) => Number(row.ariaRowIndex))"
_SCROLLED = """
async (grid, rows) => {
  let moved = 0;
  const count = (changes) => changes.forEach((change) => (moved += change.removedNodes.length));
  const observer = new MutationObserver(count);
  observer.observe(grid.querySelector(".grid-body"), { childList: true });
  for (let row = 0; row < rows; row += 2) {
    grid.scrollBy(0, 72);
    await new Promise((next) => requestAnimationFrame(next));
  }
  return moved;
}
"""


@pytest.fixture(scope="module")
def env(server: Serve) -> Iterator[str]:
    """An environment with jobs of every status, which nobody changes."""
    name = make_environment(server)
    with many_jobs(server, JOBS, name):
        yield name


@pytest.fixture
def changing_env(server: Serve) -> Iterator[str]:
    """One of a test's own."""
    name = make_environment(server)
    with many_jobs(server, 200, name):
        yield name


def _submit(client: Client, env: str, file_id: str = "file_new") -> str:
    """A job that waits until tomorrow."""
    later = datetime.now(UTC) + timedelta(days=1)
    params = {"areaId": "area_new", "fileId": file_id}
    return str(client.start_job("FILE_ETL", params, env_id=env, run_at=later)["jobId"])


def _grid(page: Page) -> Locator:
    return page.get_by_role("grid", name="Jobs")


def _row(page: Page, job_id: str) -> Locator:
    return _grid(page).get_by_role("row").filter(has=page.locator(f'a[href*="{job_id}"]'))


def _chip(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Status").get_by_role("button", name=name)


def _counts(client: Client, **filters: Any) -> int:
    return len(client.list_jobs(limit=500, **filters)["items"])


def test_filters_narrow_the_list_and_stand_in_the_address(page: Page, env: str, client: Client) -> None:
    wanted = client.list_jobs(env_id=env, status="CANCELLED")["items"][7]["jobId"]
    page.goto(f"/jobs?env={env}")
    ready(page)
    expect(page.get_by_text(f"{JOBS} jobs, newest first")).to_be_visible()
    expect(_chip(page, "Error")).to_have_text("Error 40")
    _chip(page, "Error").click()
    expect(page.get_by_text("40 jobs, newest first")).to_be_visible()
    _chip(page, "Cancelled").click()
    expect(page.get_by_text("60 jobs, newest first")).to_be_visible()
    expect(_grid(page).get_by_text("Done")).to_have_count(0)
    page.get_by_role("searchbox").fill(wanted)
    expect(page.get_by_text("1 job, newest first")).to_be_visible()
    page.get_by_label("Created").select_option("Last hour")
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"env": [env], "status": ["ERROR,CANCELLED"], "q": [wanted], "range": ["hour"]}
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(wanted)
    expect(_chip(page, "Error")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text(f"{JOBS} jobs, newest first")).to_be_visible()
    page.get_by_role("searchbox").fill("nothing is called so")
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()


def test_times_are_chosen_in_the_readers_zone(page: Page, env: str) -> None:
    page.goto(f"/jobs?env={env}&range=custom&from=2026-01-02T03:04:00Z")
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-01-02T04:04")
    page.get_by_label("To", exact=True).fill("2026-07-01T12:00")
    expect(page).to_have_url(re.compile(re.escape("to=2026-07-01T10%3A00%3A00.000Z")))
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()


def test_a_view_is_kept_chosen_and_removed(page: Page, env: str) -> None:
    page.goto(f"/jobs?env={env}&status=ERROR")
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name").fill("What failed")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Saved views")).to_have_value("What failed")
    _chip(page, "All").click()
    page.reload()
    page.get_by_label("Saved views").select_option("What failed")
    expect(page).to_have_url(re.compile("status=ERROR"))
    expect(page.get_by_text("40 jobs, newest first")).to_be_visible()
    page.go_back()
    expect(page.get_by_text(f"{JOBS} jobs, newest first")).to_be_visible()
    page.get_by_label("Saved views").select_option("What failed")
    page.get_by_role("button", name="Remove view").click()
    expect(page.get_by_label("Saved views")).to_have_count(0)


def test_views_of_another_tab_are_kept(page: Page, env: str) -> None:
    other = page.context.new_page()
    for each, status in ((page, "ERROR"), (other, "DONE")):
        each.goto(f"/jobs?env={env}&status={status}")
        each.get_by_role("button", name="Save view").wait_for()
    for each, name in ((page, "Of this tab"), (other, "Of the other")):
        each.get_by_role("button", name="Save view").click()
        each.get_by_label("Name").fill(name)
        each.keyboard.press("Enter")
    expect(other.get_by_label("Saved views").get_by_role("option", name="Of this tab")).to_have_count(1)


@pytest.mark.parametrize("address", ["range=constructor", "from=nonsense&range=custom"])
def test_an_address_that_says_nothing_shows_all(page: Page, env: str, address: str) -> None:
    page.goto(f"/jobs?env={env}&{address}")
    expect(page.get_by_text(f"{JOBS} jobs, newest first")).to_be_visible()


def test_what_happens_is_shown_without_moving_what_one_reads(page: Page, changing_env: str, client: Client) -> None:
    env = changing_env
    page.goto(f"/jobs?env={env}")
    ready(page)
    first = _submit(client, env)
    expect(_row(page, first)).to_contain_text("Pending")
    _grid(page).evaluate("(grid) => grid.scrollTo(0, 4000)")
    seen = _grid(page).locator('[aria-rowindex="120"]').get_by_role("link")
    row = _grid(page).get_by_role("row").filter(has=page.locator(f'a[href="{seen.get_attribute("href")}"]'))
    before = row.evaluate(_Y)
    newer = [_submit(client, env) for _ in range(12)]
    expect(page.get_by_role("button", name="12 new jobs")).to_be_visible()
    assert row.evaluate(_Y) == before
    page.get_by_role("button", name="12 new jobs").click()
    expect(_row(page, newer[-1])).to_be_visible()
    client.cancel_job(newer[-1])
    expect(_row(page, newer[-1])).to_contain_text("Cancelled")


def test_a_scroll_moves_no_elements_and_leaves_them_in_the_order_of_their_rows(page: Page, env: str) -> None:
    page.goto(f"/jobs?env={env}")
    ready(page)
    _grid(page).evaluate("(grid) => grid.scrollTo(0, 3600)")
    expect(_grid(page).locator('[aria-rowindex="110"]')).to_be_visible()
    rows = 120
    assert _grid(page).evaluate(_SCROLLED, rows) < rows / 3
    page.wait_for_function(f"""() => {{
        const places = ({_PLACES})(document.querySelector(".grid.jobs"));
        return places[0] > {rows} && places.every((place, at) => at === 0 || place === places[at - 1] + 1);
    }}""")


def test_the_list_is_walked_by_keyboard(page: Page, env: str) -> None:
    page.goto(f"/jobs?env={env}")
    ready(page)
    _grid(page).focus()
    page.keyboard.press("End")
    last = _grid(page).locator('[aria-rowindex="2"]').or_(_grid(page).locator(".grid-row.active"))
    expect(last.last.get_by_role("link")).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("4 selected")).to_be_visible()
    expect(_grid(page).get_by_role("row", selected=True)).to_have_count(4)
    href = str(_grid(page).locator(".grid-row.active").get_by_role("link").get_attribute("href"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(href)))


def test_many_are_cancelled_the_count_said_first(page: Page, changing_env: str, client: Client) -> None:
    env = changing_env
    waiting = _counts(client, env_id=env, status="PENDING")
    page.goto(f"/jobs?env={env}&status=PENDING,ERROR")
    ready(page)
    page.get_by_role("checkbox", name="Select all that match").check()
    page.get_by_role("button", name="Cancel…").click()
    dialog = page.get_by_role("dialog", name="Cancel jobs")
    expect(dialog).to_contain_text(f"{waiting} jobs will be cancelled")
    expect(dialog).to_contain_text("20 others that you chose ended already")
    later = _submit(client, env)
    expect(_row(page, later)).to_contain_text("Pending")
    dialog.get_by_role("button", name=f"Cancel {waiting} jobs").click()
    expect(page.get_by_text(f"{waiting} jobs cancelled")).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(_chip(page, "Pending")).to_have_text("Pending 1")
    assert client.get_job(later)["status"] == "PENDING"


def test_chosen_ones_are_retried(page: Page, changing_env: str) -> None:
    page.goto(f"/jobs?env={changing_env}&status=ERROR,DONE")
    ready(page)
    for status in ("Error", "Done"):
        _grid(page).get_by_role("row").filter(has_text=status).nth(1).get_by_role("checkbox").click()
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog", name="Retry jobs")
    expect(dialog).to_contain_text("1 job will be retried")
    expect(dialog).to_contain_text("1 other that you chose did not fail")
    dialog.get_by_role("button", name="Retry 1 job").click()
    expect(page.get_by_text("1 job retried")).to_be_visible()
    expect(page.get_by_text("selected")).to_have_count(0)


def test_an_environment_without_jobs_teaches(page: Page, server: Serve) -> None:
    env = make_environment(server)
    page.goto(f"/jobs?env={env}")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    page.get_by_role("link", name="drop a file into an area").click()
    expect(page).to_have_url(re.compile(f"/areas\\?env={env}"))


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_it_is_accessible_with_a_selection_and_a_dialog(open_page: OpenPage, env: str, axe: Path, theme: str) -> None:
    page = open_page(theme=theme)
    page.goto(f"/jobs?env={env}&range=custom")
    ready(page)
    _grid(page).get_by_role("row").nth(3).get_by_role("checkbox").click()
    assert violations(page, axe) == []
    page.get_by_role("button", name="Cancel…").click()
    expect(page.get_by_role("dialog")).not_to_contain_text("Loading")
    assert violations(page, axe) == []


def test_a_phone_shows_it_without_scrolling_sideways(open_page: OpenPage, env: str) -> None:
    page = open_page(viewport=NARROW, has_touch=True)
    page.goto(f"/jobs?env={env}")
    ready(page)
    expect(_grid(page).get_by_role("link").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert _grid(page).evaluate("(grid) => grid.scrollWidth <= grid.clientWidth")
    _grid(page).get_by_role("row").nth(2).get_by_role("gridcell").nth(1).tap()
    expect(page).to_have_url(re.compile("/jobs/job_"))
