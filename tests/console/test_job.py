"""One job in the console: watched, stopped, tried again, run again, and understood."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from stepmill.client import Client
from stepmill.engine.notify import EVENTS_CHANNEL
from tests.cli.processes import Serve
from tests.console.browsing import ready
from tests.console.faults import Faults
from tests.console.many_jobs import superuser

pytestmark = pytest.mark.slow

ENV = "default"
LONG_MS = 60_000
MANY_LINES = 3_000
LARGE = 5_000_000

MakeJob = Callable[..., dict[str, Any]]


def flights(count: int = 40, *, wrong: int = 0) -> bytes:
    """A CSV file, some rows of which have an impossible day."""
    days = ("2026-13-40" if number < wrong else f"2026-01-{number % 28 + 1:02}" for number in range(count))
    return "\n".join(("flight,day,seats", *(f"{n},{day},{n % 200}" for n, day in enumerate(days)), "")).encode()


@pytest.fixture
def make_job(client: Client, request: pytest.FixtureRequest) -> MakeJob:
    """Loads a file of the test's own into a table of its own. ``before`` are loaded first."""

    def make(content: bytes, *, before: tuple[bytes, ...] = (), wait: bool = True, **options: Any) -> dict[str, Any]:
        name = re.sub(r"\W+", "_", request.node.name)
        area = client.create_area(ENV, name)["areaId"]
        job: dict[str, Any] = {}
        for number, each in enumerate((*before, content)):
            file = client.upload_file(ENV, area, each, name=f"flights {number}.csv")["fileId"]
            last = options if each is content else {}
            job = dict(client.start_job("FILE_ETL", {"fileId": file, "areaId": area}, env_id=ENV, **last))
            if wait or each is not content:
                job = dict(client.wait_for_job(job["jobId"]))
        return job

    return make


def show(page: Page, job: dict[str, Any], tab: str = "") -> None:
    """Open the screen of a job."""
    page.goto(f"/jobs/{job['jobId']}" + (f"?tab={tab}" if tab else ""))
    ready(page)


def status_of(page: Page) -> Locator:
    """Where the page says how the job is."""
    return page.locator("main .subtitle").get_by_role("status")


def step_of(page: Page, name: str) -> Locator:
    """A step of the job with all that it opens to."""
    return page.get_by_role("group").filter(has=page.locator("summary", has_text=name))


def test_a_load_is_told_in_full(page: Page, make_job: MakeJob) -> None:
    job = make_job(flights(wrong=2), before=(flights(),))
    show(page, job)
    expect(page.get_by_role("heading", level=1)).to_have_text("FILE_ETL flights 1.csv")
    expect(status_of(page)).to_have_text("Done")
    expect(page.get_by_role("img", name="40 rows read: 38 loaded, 2 rejected")).to_be_visible()
    to_rejects = page.get_by_role("link", name="rejected")
    address = f"/tables/{job['result']['physId']}?tab=rejects&load={job['result']['loadId']}"
    expect(to_rejects).to_have_attribute("href", address)

    step = step_of(page, "Transform")
    expect(step).to_contain_text("Done")
    expect(step.get_by_text("attempt 1: done")).to_be_hidden()
    step.locator("summary").click()
    expect(step.get_by_text("attempt 1: done")).to_be_visible()

    page.get_by_role("link", name="Params and result").click()
    expect(page.get_by_role("link", name=job["params"]["areaId"])).to_be_visible()
    page.get_by_text("The whole job").click()
    expect(page.get_by_text(f'"jobId": "{job["jobId"]}"')).to_be_visible()
    page.get_by_role("link", name="Log and events").click()
    page.get_by_label("Least level").select_option("every event")
    page.get_by_label("Search the log").fill("step done")
    expect(page.get_by_text("3 lines")).to_be_visible()
    page.get_by_role("row", name="step Load DONE").click()
    expect(page.get_by_role("dialog", name="The chosen line")).to_contain_text('"rowsRejected": 2')
    assert page.evaluate("location.search") == "?tab=log&level=all&q=step+done"


def test_a_job_that_runs_is_cancelled_and_tried_again(page: Page, make_job: MakeJob) -> None:
    job = make_job(flights(LARGE), wait=False)
    show(page, job)
    expect(page.get_by_role("progressbar", name="Progress of Transform")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text(re.compile(r"/s.*left"))).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Cancel").click()
    expect(status_of(page)).to_have_text("Cancelled")
    expect(page.get_by_text(re.compile(r"All of its work had stopped [\d.]+ m?s later"))).to_be_visible()
    expect(step_of(page, "Transform").get_by_text("Cancelled", exact=True)).to_be_visible()

    page.get_by_role("button", name="Retry", exact=True).click()
    expect(status_of(page)).to_have_text("Done", timeout=LONG_MS)
    step = step_of(page, "Transform")
    step.locator("summary").click()
    expect(step.get_by_text(re.compile(r"attempt \d: "))).to_have_text([re.compile("cancelled"), re.compile("done")])
    expect(page.get_by_role("img", name=f"{LARGE:,} rows read: {LARGE:,} loaded")).to_be_visible()


def test_a_failure_says_what_helps(page: Page, make_job: MakeJob) -> None:
    job = make_job(flights(4_000, wrong=3_000), before=(flights(),))
    show(page, job)
    failure = page.get_by_role("region", name="Transform failed")
    expect(failure).to_contain_text("too_many_rejects")
    expect(failure.get_by_text(re.compile(r"^Line \d+, day: 2026-13-40"))).to_have_count(3)
    to_plan = failure.get_by_role("link", name="Mend the plan")
    expect(to_plan).to_have_attribute("href", f"/areas/{job['params']['areaId']}/plan")

    step_of(page, "Load").locator("summary").click()
    expect(page.get_by_role("button", name="Retry from Load")).to_have_count(0)
    extract = step_of(page, "Extract")
    extract.locator("summary").click()
    extract.get_by_role("button", name="Retry from Extract").click()
    expect(extract.get_by_text(re.compile(r"attempt \d: done"))).to_have_count(2)
    expect(failure).to_be_visible()


def test_a_job_that_waits_says_why_and_is_run_with_other_params(page: Page, faults: Faults, make_job: MakeJob) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    job = make_job(flights(), wait=False, run_at=later)
    show(page, job)
    expect(page.get_by_text("It is set to run at")).to_be_visible()
    page.get_by_role("link", name="Log and events").click()
    expect(page.get_by_text("Nothing is logged")).to_be_visible()

    page.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog", name="Run again")
    expect(dialog.get_by_role("combobox", name=re.compile("^Area"))).to_have_value(job["params"]["areaId"])
    expect(dialog.get_by_role("combobox", name=re.compile("^File"))).to_have_value(job["params"]["fileId"])
    dialog.get_by_label("Allow small").check()
    faults.allow("status of 422 .*/api/jobs")
    dialog.get_by_label("Max attempts").fill("0")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("/maxAttempts")
    dialog.get_by_label("Max attempts").fill("2")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile(job["jobId"]))
    expect(status_of(page)).to_have_text("Done")
    page.get_by_role("link", name="Params and result").click()
    expect(page.get_by_text("Allow small").locator("..")).to_contain_text("Yes")

    page.go_back()
    page.go_back()
    page.go_back()
    expect(page.get_by_text("It is set to run at")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("None of its work ran any more")).to_be_visible()


def test_thousands_of_log_lines_are_read_and_followed(page: Page, server: Serve, make_job: MakeJob) -> None:
    job = make_job(flights(), wait=False, run_at=datetime.now(UTC) + timedelta(days=2))
    write_log(server, job, 0, MANY_LINES)
    show(page, job, "log")
    expect(page.get_by_text(f"{MANY_LINES:,} lines")).to_be_visible()
    last = page.get_by_text(f"Line {MANY_LINES - 1} was read")
    expect(last).to_be_in_viewport()
    assert page.get_by_role("row").count() < 100

    write_log(server, job, MANY_LINES, 10)
    newest = page.get_by_text(f"Line {MANY_LINES + 9} was read")
    expect(newest).to_be_in_viewport()
    page.get_by_role("grid", name="log").hover()
    page.mouse.wheel(0, -2_000)
    write_log(server, job, MANY_LINES + 10, 10)
    expect(page.get_by_text(f"{MANY_LINES + 20:,} lines")).to_be_visible()
    expect(page.get_by_text(f"Line {MANY_LINES + 19} was read")).not_to_be_in_viewport()
    page.get_by_role("grid", name="log").press("End")
    write_log(server, job, MANY_LINES + 20, 10)
    expect(page.get_by_text(f"Line {MANY_LINES + 29} was read")).to_be_in_viewport()

    page.get_by_label("Search the log").fill("LINE 1017 read")
    expect(page.get_by_text("1 line", exact=True)).to_be_visible()
    page.get_by_role("row").filter(has_text="Line 1017 was read").click()
    expect(page.get_by_role("dialog", name="The chosen line")).to_contain_text('"page": 1017')
    page.keyboard.press("Escape")
    page.get_by_label("Least level").select_option("error")
    expect(page.get_by_text("0 lines")).to_be_visible()
    assert page.evaluate("location.search") == "?tab=log&q=LINE+1017+read&level=error"


def write_log(server: Serve, job: dict[str, Any], first: int, count: int) -> None:
    """Let a step say so much, numbered from ``first`` on."""
    lines = (
        {
            "step": "Extract",
            "level": "info" if n % 17 else "error",
            "message": f"Line {n} was read",
            "fields": {"page": n},
        }
        for n in range(first, first + count)
    )
    events = json.dumps([{"kind": "log", "data": line} for line in lines])
    with superuser(server) as conn:
        conn.execute("SELECT emit_v1(%s, %s, %s, %s)", (job["jobId"], job["tenantId"], ENV, events))
        conn.execute("SELECT pg_notify(%s, %s)", (EVENTS_CHANNEL, json.dumps([job["jobId"]])))
