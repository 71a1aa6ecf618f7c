"""What is around every screen: the palette, the bar at the top, the word that the connection is lost."""

import re
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from stepmill.client import Client
from tests.cli.processes import Serve
from tests.console.accessibility import violations
from tests.console.browsing import NARROW, THEMES, OpenPage, choose_files, new_context, ready
from tests.console.door import door_to
from tests.console.faults import Faults

pytestmark = pytest.mark.slow


_FRAMES_AFTER_ANSWERS = """
const [frame, later, ask] = [requestAnimationFrame, setTimeout, fetch].map((each) => each.bind(globalThis));
const answered = new Promise((done) => {
  globalThis.fetch = async (...request) => {
    const answer = await ask(...request);
    if (String(request[0]).includes('/api/envs')) later(done, 50);
    return answer;
  };
});
globalThis.requestAnimationFrame = (draw) => void answered.then(() => frame(draw));
globalThis.setTimeout = (act, ms) => void answered.then(() => later(act, ms));
"""
"""A machine so busy that the server answers before anything is drawn."""


@pytest.fixture
def job(client: Client) -> tuple[str, str]:
    """The name of an area with a table of that name, and the job that loaded it."""
    name = f"Harbours {uuid4().hex[:6]}"
    return name, _load(client, name)


def _load(client: Client, name: str) -> str:
    area = client.create_area("default", name)["areaId"]
    file = client.upload_file("default", area, b"id,amount\n1,2.5\n", name="harbours.csv")
    params = {"fileId": file["fileId"], "areaId": area}
    return client.wait_for_job(client.start_job("FILE_ETL", params, env_id="default")["jobId"])["jobId"]


def _open_palette(page: Page, typed: str = "", key: str = "Control+k") -> tuple[Locator, Locator]:
    """Its field, which has the focus, and what it offers for what is typed."""
    page.keyboard.press(key)
    palette = page.get_by_role("dialog", name="Search and commands")
    field = palette.get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.type(typed)
    return field, palette.get_by_role("option")


def _chosen(page: Page) -> Locator:
    return page.get_by_role("dialog").get_by_role("option", selected=True)


def test_a_screen_is_gone_to_by_typing_and_has_the_focus(page: Page) -> None:
    ready_at(page, "/")
    _open_palette(page, "wrk")
    expect(_chosen(page)).to_have_text("Workers")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Workers", level=1)).to_be_focused()
    expect(page).to_have_url(re.compile("/workers$"))


def test_escape_gives_the_focus_back_and_a_slash_is_enough_where_nothing_is_written(page: Page) -> None:
    ready_at(page, "/workers")
    link = page.get_by_role("link", name="Tables")
    link.focus()
    field, _ = _open_palette(page, "a/b", key="/")
    expect(field).to_have_value("a/b")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(link).to_be_focused()


def test_arrows_move_through_all_groups_and_the_field_says_where(page: Page, job: tuple[str, str]) -> None:
    ready_at(page, "/")
    field, options = _open_palette(page)
    expect(page.get_by_role("group", name="Recent jobs").get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    expect(options.last).to_be_in_viewport()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    chosen = options.nth(1).get_attribute("id")
    assert chosen is not None
    expect(field).to_have_attribute("aria-activedescendant", chosen)


def test_areas_tables_and_jobs_are_found_by_what_they_are_called(page: Page, job: tuple[str, str]) -> None:
    name, job_id = job
    ready_at(page, "/")
    field, _ = _open_palette(page, name.lower())
    for group in ("Files", "Tables"):
        expect(page.get_by_role("group", name=group).get_by_role("option", name=name)).to_be_visible()
    field.fill(f"see /jobs/{job_id}?x")
    expect(_chosen(page)).to_have_text(job_id)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{job_id}$"))
    expect(field).to_be_hidden()


def test_what_is_not_there_is_said(page: Page) -> None:
    ready_at(page, "/")
    _open_palette(page, "qqzzxx")
    expect(page.get_by_role("status").filter(has_text="Nothing is called that")).to_be_visible()


def test_a_theme_is_chosen_by_typing_and_kept(page: Page) -> None:
    ready_at(page, "/")
    _open_palette(page, "theme dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Theme")).to_have_value("dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_files_are_chosen_and_a_job_is_begun_from_anywhere(page: Page) -> None:
    ready_at(page, "/workers")

    def ask_for_files() -> None:
        _open_palette(page, "upload")
        page.keyboard.press("Enter")

    choose_files(page, ask_for_files, {"name": "a.csv", "mimeType": "", "buffer": b"id\n1\n"})
    page.get_by_role("dialog", name="Where does this file go?").get_by_role("button", name="Close").click()
    _open_palette(page, "new job")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="New job")).to_be_visible()


def test_an_answer_that_comes_before_the_first_frame_is_not_missed(page: Page) -> None:
    page.add_init_script(_FRAMES_AFTER_ANSWERS)
    ready_at(page, "/workers")


def test_an_address_with_nothing_says_so_and_leads_on(page: Page, faults: Faults, axe: Path) -> None:
    faults.allow("status of 404")
    page.goto("/jobbs?env=default")
    expect(page.get_by_role("heading", name="Not found", level=1)).to_be_visible()
    assert violations(page, axe) == []
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Not found", level=1)).to_be_visible()


def test_a_phone_has_everything_in_reach(open_page: OpenPage, faults: Faults) -> None:
    faults.allow("401")  # what a page that is loaded again learns of who is signed in
    page = open_page(viewport=NARROW, has_touch=True)
    ready_at(page, "/")
    bar = page.get_by_role("banner")
    for control in (bar.get_by_role("button", name="Search or go to"), bar.get_by_label("Theme")):
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]
        assert min(box["width"], box["height"]) >= 24
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    bar.get_by_role("button", name="Search or go to").tap()
    page.get_by_role("option", name="Sign out").tap()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_lost_connection_is_told_and_nothing_is_missed_when_it_is_back(
    browser: Browser, server: Serve, session: StorageState, client: Client
) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with door_to(port) as door, new_context(browser, door.url, session) as context:
        faults = Faults(door.url)
        faults.allow(f"Failed to load resource: net::ERR_.*{door.url}/api/")
        faults.watch(context)
        page = context.new_page()
        ready_at(page, "/jobs")
        banner = page.get_by_role("status").filter(has_text="Connection lost")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.evaluate("globalThis.isSamePage = true")
        door.shut()
        expect(banner).to_be_visible()
        job_id = _load(client, f"Missed {uuid4().hex[:6]}")
        door.open()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(banner).to_be_hidden()
        expect(page.locator(f"a[href*='{job_id}']").first).to_be_visible()
        assert page.evaluate("globalThis.isSamePage")
        assert faults.unexpected() == []


def test_a_list_that_was_asked_for_while_the_connection_was_lost_comes_when_it_is_back(
    browser: Browser, server: Serve, session: StorageState, client: Client
) -> None:
    _load(client, f"Piers {uuid4().hex[:6]}")
    port = urlsplit(server.url).port
    assert port is not None
    with door_to(port) as door, new_context(browser, door.url, session) as context:
        page = context.new_page()
        ready_at(page, "/jobs")
        door.shut()
        page.get_by_role("group", name="Status").get_by_role("button", name="Done").click()
        expect(page.get_by_role("alert")).to_be_visible()
        door.open()
        expect(page.get_by_role("alert")).to_be_hidden()
        rows = page.get_by_role("grid").locator(".status-cell")
        expect(rows.first).to_have_text("Done")
        assert set(rows.all_inner_texts()) == {"Done"}


def test_the_focus_comes_back_after_a_command(page: Page) -> None:
    ready_at(page, "/workers")
    link = page.get_by_role("link", name="Tables")
    link.focus()
    _open_palette(page, "theme light")
    page.keyboard.press("Enter")
    expect(link).to_be_focused()


def test_an_environment_that_is_not_there_is_no_lost_connection(page: Page) -> None:
    page.goto("/jobs?env=nowhere")
    expect(page.get_by_role("heading", name="There is no environment nowhere")).to_be_visible()
    page.get_by_role("link", name="To the first one").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_signing_out_is_seen_in_every_tab_and_a_failure_is_told(open_page: OpenPage, faults: Faults) -> None:
    faults.allow("401|503")
    page = open_page()
    ready_at(page, "/workers")
    other = page.context.new_page()
    ready_at(other, "/tables")
    page.route("**/logout", lambda route: route.fulfill(status=503))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert")).to_contain_text("The session could not be ended.")
    page.unroute("**/logout")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Sign out").click()
    for each in (page, other):
        if each is other:
            each.get_by_role("link", name="Workers").click()
        expect(each.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
def test_the_palette_breaks_no_rule(open_page: OpenPage, axe: Path, theme: str) -> None:
    page = open_page(theme=theme)
    ready_at(page, "/workers")
    _open_palette(page)
    page.get_by_role("dialog").get_by_role("option", name="Sign out").wait_for()
    assert violations(page, axe) == []


def ready_at(page: Page, path: str) -> None:
    """Open a screen and wait until it is there."""
    page.goto(path)
    ready(page)
