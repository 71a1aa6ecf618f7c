"""The overview and the workers: what runs, waits and failed, as it happens."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.browsing import NARROW, OpenPage, ready
from tests.support.processes import frozen, worker_of

pytestmark = pytest.mark.slow

_ROWS = 400_000


@pytest.fixture
def env(server: Serve) -> str:
    """An environment in which nothing has run."""
    env_id = f"quiet{uuid4().hex[:8]}"
    headers = {"Authorization": f"Bearer {server.token}"}
    httpx.post(f"{server.url}/api/envs", json={"envId": env_id, "name": env_id}, headers=headers).raise_for_status()
    return env_id


def _start(client: Client, env: str, content: bytes, **options: Any) -> str:
    area = client.create_area(env, f"Ledger {uuid4().hex[:6]}")["areaId"]
    file = client.upload_file(env, area, content, name="ledger.csv")
    return client.start_job("FILE_ETL", {"fileId": file["fileId"], "areaId": area}, env_id=env, **options)["jobId"]


@pytest.fixture
def running(server: Serve, client: Client, env: str) -> Iterator[str]:
    """A job in the midst of its work, which stands still as long as the test runs."""
    lines = "".join(f"{number},{number % 97}.5\n" for number in range(_ROWS))
    job_id = _start(client, env, f"id,amount\n{lines}".encode())
    for event in client.stream_job(job_id):
        if event.kind == "step":
            break
    with frozen(worker_of(server)):
        yield job_id
    client.wait_for_job(job_id)


def _part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def _tile(page: Page, name: str, value: str) -> Locator:
    return page.get_by_role("link", name=re.compile(rf"^{name}\s*{value}\b"))


def test_who_has_loaded_nothing_is_shown_three_ways_until_the_first_job_is_there(
    page: Page, client: Client, env: str
) -> None:
    page.goto(f"/?env={env}")
    for way in ("Drop a file anywhere", "By the command line", "By HTTP"):
        expect(page.get_by_role("heading", name=way)).to_be_visible()
    expect(page.get_by_text(f"stepmill load FILE.csv --env {env}")).to_be_visible()
    with page.expect_file_chooser():
        page.get_by_role("button", name="Choose files").click()
    client.wait_for_job(_start(client, env, b"id,amount\n1,2.5\n2,3.5\n"))
    expect(_tile(page, "Done today", "1")).to_be_visible()
    expect(_tile(page, "Rows loaded today", "2")).to_be_visible()
    expect(page.get_by_role("heading", name="Drop a file anywhere")).to_be_hidden()


def test_what_runs_and_waits_is_told_with_its_step_and_its_reason(
    page: Page, client: Client, env: str, running: str
) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    _start(client, env, b"id\n1\n", run_at=later)
    page.goto(f"/?env={env}")
    line = _part(page, "Running").get_by_role("listitem")
    expect(line).to_contain_text(re.compile(r"FILE_ETL Ledger.*Running.*(Extract|Transform|Load) [123] of 3"))
    expect(line.get_by_role("progressbar")).to_be_visible()
    in_berlin = later.astimezone(ZoneInfo("Europe/Berlin"))
    expect(_part(page, "Waiting")).to_contain_text(f"It is set to run at {in_berlin:%-d %b, %H:%M}.")
    expect(_tile(page, "Running", "1")).to_be_visible()
    line.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/jobs/{running}"))


def test_a_failure_appears_with_its_code_and_what_is_said_about_it(page: Page, client: Client, env: str) -> None:
    page.goto(f"/?env={env}")
    page.get_by_role("heading", name="By HTTP").wait_for()
    job_id = _start(client, env, b"")
    failures = _part(page, "Newest failures")
    expect(failures).to_contain_text("empty_file")
    expect(failures).to_contain_text("'ledger.csv' is empty")
    expect(_tile(page, "Failed today", "1")).to_have_attribute("href", re.compile(r"/jobs\?.*status=ERROR$"))
    failures.get_by_role("link", name="FILE_ETL").click()
    expect(page).to_have_url(re.compile(f"/jobs/{job_id}"))


def test_a_chart_is_read_by_keyboard_and_its_range_is_in_the_address(page: Page, client: Client, env: str) -> None:
    client.wait_for_job(_start(client, env, b"id,amount\n1,2.5\n"))
    page.goto(f"/?env={env}&range=day")
    chart = ready(page).get_by_role("slider", name="Finished jobs. The last day: 1 done, 0 failed, 0 cancelled")
    expect(chart).to_have_attribute("max", "95")
    chart.focus()
    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("done 0, failed 0, cancelled 0$"))
    page.keyboard.press("End")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("done 1, failed 0, cancelled 0$"))
    page.get_by_role("button", name="Week").click()
    expect(page).to_have_url(re.compile("range=week"))
    expect(page.get_by_role("slider", name=re.compile("^Finished jobs. The last week: 1 done"))).to_be_visible()


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_workers_say_what_they_are_busy_with(
    open_page: OpenPage, client: Client, env: str, running: str, size: str
) -> None:
    page = open_page(**({"viewport": NARROW} if size == "narrow" else {}))
    page.goto("/workers")
    worker = client.workers()[0]
    row = page.get_by_role("row").filter(has_text=worker["workerId"])
    expect(row).to_contain_text(worker["version"])
    expect(row).to_contain_text(re.compile(r"FILE_ETL (Extract|Transform|Load) \d+ s.*1 of \d"))
    expect(row.get_by_role("link", name="FILE_ETL")).to_have_attribute("href", f"/jobs/{running}?env={env}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_workers_of_different_versions_are_pointed_out_and_so_is_that_there_is_none(page: Page, client: Client) -> None:
    worker = dict(client.workers()[0])
    two = [worker, {**worker, "workerId": "other", "version": "9.9.9"}]
    page.route("**/api/workers*", lambda route: route.fulfill(json={"items": two}))
    page.goto("/workers")
    expect(page.get_by_text(f"2 versions: {worker['version']}, 9.9.9")).to_be_visible()
    page.unroute("**/api/workers*")
    page.route("**/api/workers*", lambda route: route.fulfill(json={"items": []}))
    expect(page.get_by_role("heading", name="No worker is alive")).to_be_visible()
    expect(page.get_by_text("stepmill worker", exact=True)).to_be_visible()
