"""The plan editor: a plan is changed, tried on a file meanwhile, stored, and used."""

import json
import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from stepmill.client import Client
from tests.console.browsing import ready
from tests.console.faults import Faults
from tests.console.test_files import ENV, MakeArea, load, make_area, orders

pytestmark = pytest.mark.slow

__all__ = ["make_area"]


@pytest.fixture
def loaded(client: Client, make_area: MakeArea) -> dict[str, str]:
    """An area with a file of which one row was rejected."""
    area = make_area()
    file = client.upload_file(ENV, area, orders().encode(), name="orders.csv")
    result = load(client, area, file["fileId"])
    assert result["rowsRejected"] == 1
    return {"area": area, "file": file["fileId"], "table": result["physId"]}


def test_a_plan_is_mended_and_the_file_loaded_again(page: Page, client: Client, loaded: dict[str, str]) -> None:
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    trial = page.get_by_role("region", name="Tried on")
    verdict = page.get_by_role("status").filter(has_text="tried")
    expect(verdict).to_contain_text("40 rows tried: 1 rejected")
    expect(trial.get_by_text("At fault:")).to_have_count(1)

    page.get_by_label("Type of amount").select_option("text")
    expect(verdict).to_contain_text("40 rows tried: none rejected, before 1")
    expect(verdict).to_contain_text("Of what the last load rejected, none is any more")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_text("Version 2 is in force.")).to_be_visible()
    page.get_by_role("button", name="Load orders.csv again").click()
    expect(page.get_by_role("region", name="1 file loaded").get_by_text("40 rows loaded")).to_be_visible()
    assert client.get_table(ENV, loaded["table"])["rows"] == 40


def test_just_the_rejects_are_loaded(page: Page, client: Client, loaded: dict[str, str]) -> None:
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    page.get_by_role("button", name="Take what does not fit as empty").click()
    expect(page.get_by_text("none rejected, before 1")).to_be_visible()
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("button", name="Load just its 1 reject").click()
    expect(page.get_by_text("1 row loaded", exact=True)).to_be_visible()
    assert client.get_table(ENV, loaded["table"])["rows"] == 40


def test_a_mapping_is_set_and_a_column_left_out(page: Page, loaded: dict[str, str]) -> None:
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    page.get_by_label("Mapping of amount").select_option("NUMBER_FORMAT")
    settings = page.get_by_label("Settings")
    expect(settings).to_have_value(re.compile('"decimal":","'))
    settings.fill('{"decimal": ".", "suffixes": ["€"]}')
    page.get_by_label("Load ordered on").uncheck()
    rows = page.get_by_role("group", name="First rows by the plan")
    expect(rows.get_by_role("columnheader")).to_have_count(2)
    expect(page.get_by_text("40 rows tried: 1 rejected")).to_be_visible()
    page.get_by_role("button", name="Undo the changes").click()
    expect(rows.get_by_role("columnheader")).to_have_count(3)


def test_settings_that_are_no_json_are_never_left_out(page: Page, client: Client, loaded: dict[str, str]) -> None:
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    page.get_by_label("Mapping of amount").select_option("NUMBER_FORMAT")
    settings = page.get_by_label("Settings")
    save = page.get_by_role("button", name="Save as a new version")
    expect(save).to_be_enabled()
    settings.fill('{"decimal": ".", ')
    settings.blur()
    expect(settings).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("This is not JSON yet.")).to_be_visible()
    page.get_by_label("Name of amount").fill("net")
    expect(save).to_be_disabled()
    settings.fill('{"decimal": "."}')
    expect(settings).to_have_attribute("aria-invalid", "false")
    expect(save).to_be_enabled()

    settings.fill("{")
    expect(save).to_be_disabled()
    page.get_by_label("Mapping of net").select_option("TRIM")
    expect(save).to_be_enabled()
    settings.fill("{")
    page.get_by_role("button", name="Undo the changes").click()
    expect(settings).to_have_count(0)
    expect(page.get_by_role("button", name="Undo the changes")).to_have_count(0)
    page.get_by_label("Type of amount").select_option("text")
    expect(save).to_be_enabled()
    assert client.get_plan(ENV, loaded["area"])["version"] == 1


def test_what_somebody_else_saved_is_not_undone_without_a_word(
    page: Page, client: Client, faults: Faults, loaded: dict[str, str]
) -> None:
    faults.allow("/plan|status of 409")
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    page.get_by_label("Type of amount").select_option("text")
    plan = client.get_plan(ENV, loaded["area"])
    assert client.put_plan(ENV, loaded["area"], {**plan, "maxRejects": 7}, base_version=1)["version"] == 2

    save = page.get_by_role("button", name="Save as a new version")
    save.click()
    expect(page.get_by_role("alert").filter(has_text="Version 2 was saved meanwhile.")).to_be_visible()
    assert client.get_plan(ENV, loaded["area"])["version"] == 2
    save.click()
    expect(page.get_by_text("Version 3 is in force.")).to_be_visible()
    page.get_by_label("Load ordered on").uncheck()
    save.click()
    expect(page.get_by_text("Version 4 is in force.")).to_be_visible()


def test_an_earlier_version_is_put_in_force_again(page: Page, client: Client, loaded: dict[str, str]) -> None:
    first = client.get_plan(ENV, loaded["area"])
    client.put_plan(ENV, loaded["area"], {**first, "maxRejects": 7})
    page.goto(f"/areas/{loaded['area']}/plan?version=1")
    page.get_by_role("button", name="Put version 1 in force").click()
    expect(page.get_by_text("Version 3 is in force.")).to_be_visible()
    expect(page.get_by_role("button", name="Save as a new version")).to_be_disabled()
    now = client.get_plan(ENV, loaded["area"])
    assert (now["version"], now["columns"], now.get("maxRejects")) == (3, first["columns"], first.get("maxRejects"))


def test_moving_back_by_keyboard_hides_nothing_under_the_bar(page: Page, loaded: dict[str, str]) -> None:
    page.set_viewport_size({"width": 640, "height": 400})
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    expect(page.get_by_text("40 rows tried: 1 rejected")).to_be_visible()
    page.get_by_label("Mapping of ordered on").focus()
    bar = page.locator(".save-bar")
    for _ in range(14):
        page.keyboard.press("Shift+Tab")
        focused = page.locator(":focus")
        if bar.locator(":focus").count():
            break
        ends = bar.evaluate("bar => bar.getBoundingClientRect().bottom")
        assert focused.evaluate("element => element.getBoundingClientRect().top") >= ends


def test_a_wrong_plan_is_told_at_the_place(page: Page, faults: Faults, loaded: dict[str, str]) -> None:
    faults.allow("plan-preview|status of 422")
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}&as=json")
    text = page.get_by_role("textbox", name="The plan")
    plan = json.loads(text.input_value())
    plan["columns"][1]["type"] = "day"
    text.fill(json.dumps(plan, indent=2))
    expect(page.get_by_role("region", name="Tried on").get_by_role("alert")).to_contain_text("/columns/1/type")
    page.get_by_label("As JSON").uncheck()
    expect(page.get_by_role("list").get_by_role("alert").first).to_contain_text("must be 'boolean'")
    ready(page)


def test_text_that_is_no_plan_is_never_stored_as_another(page: Page, client: Client, loaded: dict[str, str]) -> None:
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}&as=json")
    text = page.get_by_role("textbox", name="The plan")
    plan = json.loads(text.input_value())
    plan["columns"][0]["name"] = "half_done"
    text.fill(json.dumps(plan))
    save = page.get_by_role("button", name="Save as a new version")
    expect(save).to_be_enabled()
    as_json = page.get_by_label("As JSON")
    no_plans = ("null", '{"columns": 5}', "[]", '{"columns": [null]}', '{"columns": [], "keyColumns": 5}')
    for broken in (json.dumps(plan).replace("half_done", "final_name")[:-1], *no_plans):
        text.fill(broken)
        expect(save).to_be_disabled()
        expect(as_json).to_be_disabled()
    expect(page.get_by_text("A plan has a list of columns, each an object").first).to_be_visible()
    page.get_by_role("button", name="Undo the changes").click()
    as_json.uncheck()
    expect(page.get_by_label("Name of amount")).to_be_visible()
    assert client.get_plan(ENV, loaded["area"])["version"] == 1


def test_leaving_with_changes_asks_first(page: Page, loaded: dict[str, str]) -> None:
    page.goto(f"/areas/{loaded['area']}/plan?file={loaded['file']}")
    page.get_by_label("Type of amount").select_option("text")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_label("Type of amount")).to_have_value("text")
    assert asked == ["Leave without saving?"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Jobs")).to_be_visible()


BACK_AS_SOON_AS_CHANGED = """() => {
  const seen = new MutationObserver(() => {
    if (!document.body.textContent.includes("Undo the changes")) return;
    seen.disconnect();
    history.back();
  });
  seen.observe(document.body, { subtree: true, childList: true });
}"""


def test_going_back_with_changes_asks_first(page: Page, loaded: dict[str, str]) -> None:
    page.goto("/jobs")
    ready(page)
    page.goto(f"/areas/{loaded['area']}")
    page.get_by_role("link", name="orders.csv").click()
    page.get_by_role("link", name="Try the plan on it").click()
    there = page.url
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.evaluate(BACK_AS_SOON_AS_CHANGED)
    with page.expect_event("dialog"):
        page.get_by_label("Type of amount").select_option("text")
    expect(page.get_by_label("Type of amount")).to_have_value("text")
    expect(page).to_have_url(there)
    page.once("dialog", lambda dialog: dialog.accept())
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="orders.csv")).to_be_visible()
