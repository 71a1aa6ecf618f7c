"""The first quarter of an hour with Stepmill, in one browser tab that is never loaded again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cli.processes import Serve, serving_fresh
from tests.console.browsing import new_context
from tests.console.faults import Faults, settle
from tests.console.hands import Hands, Keyboard, Mouse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS = 300_000
WRONG = {7: "12.3O", 5_000: "free", 299_999: "1.2.3"}
LARGE = 2_000_000


@pytest.fixture
def fresh() -> Iterator[Serve]:
    """A server that nobody has used yet."""
    with serving_fresh() as running:
        yield running


@pytest.fixture
def tab(browser: Browser, fresh: Serve) -> Iterator[Page]:
    """A tab that was signed in by the printed link, in which nothing may go wrong."""
    faults = Faults(fresh.url)
    context = new_context(browser, fresh.url, None)
    faults.watch(context)
    page = context.new_page()
    page.goto(str(fresh.ready["link"]))
    yield page
    settle(page)
    context.close()
    assert faults.unexpected() == []


@pytest.mark.parametrize("kind", ["mouse", "keyboard"])
def test_from_the_printed_link_to_a_table_that_is_right(tab: Page, fresh: Serve, tmp_path: Path, kind: str) -> None:
    hands: Hands = Mouse(tab) if kind == "mouse" else Keyboard(tab, tmp_path)
    expect(tab).to_have_url(f"{fresh.url}/")
    expect(tab.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    tab.evaluate("globalThis.isSame = true")

    a_file_with_wrong_rows_is_loaded_live(tab, hands)
    its_rejects_show_the_cell_at_fault(tab, hands)
    the_plan_is_mended_and_the_file_loaded_again(tab, hands)
    another_load_is_cancelled_and_retried(tab, hands)

    assert tab.evaluate("globalThis.isSame"), "the page was loaded again"
    with fresh.connect() as client:
        tables = {table["logicalName"]: table["rows"] for table in client.list_tables("default")["items"]}
    assert tables == {"orders": ROWS, "more": LARGE}


def a_file_with_wrong_rows_is_loaded_live(tab: Page, hands: Hands) -> None:
    hands.bring("orders.csv", ROWS, WRONG)
    dialog = tab.get_by_role("dialog", name="Where does this file go?")
    expect(dialog.get_by_role("textbox", name="Name")).to_have_value("orders")
    hands.press(dialog.get_by_role("button", name="Send 1 file"))
    item = tab.get_by_role("listitem").filter(has_text="orders.csv")
    expect(item).to_contain_text(re.compile("Extract|Transform|Load"))
    expect(item.get_by_text(f"{ROWS - len(WRONG):,} rows loaded, {len(WRONG)} rejected")).to_be_visible(timeout=60_000)


def its_rejects_show_the_cell_at_fault(tab: Page, hands: Hands) -> None:
    item = tab.get_by_role("listitem").filter(has_text="orders.csv")
    hands.press(item.get_by_role("link", name="Table"))
    expect(tab.get_by_role("heading", level=1, name="orders")).to_be_visible()
    expect(tab.get_by_role("grid").get_by_role("row").nth(3)).to_contain_text("2026-01")
    hands.press(tab.get_by_role("link", name=f"Rejects {len(WRONG)}"))
    at_fault = tab.get_by_role("main").locator(".offending")
    expect(at_fault).to_have_count(len(WRONG))
    for cell, text in zip(at_fault.all(), WRONG.values(), strict=True):
        expect(cell).to_contain_text(re.compile(rf"At fault: amount\s*{re.escape(text)}"))


def the_plan_is_mended_and_the_file_loaded_again(tab: Page, hands: Hands) -> None:
    hands.press(tab.get_by_role("link", name="Mend the plan").first)
    expect(tab.get_by_role("heading", level=1, name="Plan of orders")).to_be_visible()
    hands.choose(tab.get_by_label("Type of amount"), "text")
    expect(tab.get_by_text("none rejected").first).to_be_visible()
    hands.press(tab.get_by_role("button", name="Save as a new version"))
    expect(tab.get_by_text("Version 2 is in force.")).to_be_visible()
    hands.press(tab.get_by_role("button", name="Load orders.csv again"))
    expect(tab.get_by_text(f"{ROWS:,} rows loaded", exact=True)).to_be_visible(timeout=60_000)


def another_load_is_cancelled_and_retried(tab: Page, hands: Hands) -> None:
    hands.press(tab.get_by_role("link", name="Files", exact=True).first)
    expect(tab.get_by_role("heading", level=1, name="Files")).to_be_visible()
    hands.bring("more.csv", LARGE, {})
    dialog = tab.get_by_role("dialog", name="Where does this file go?")
    hands.press(dialog.get_by_role("button", name="Send 1 file"))
    item = tab.get_by_role("listitem").filter(has_text="more.csv")
    hands.press(item.get_by_role("link", name="Job"))
    status = (
        tab.get_by_role("main").get_by_role("status").filter(has_text=re.compile("Running|Stopping|Cancelled|Done"))
    )
    hands.press(tab.get_by_role("button", name="Cancel"))
    expect(status.first).to_contain_text("Cancelled")
    hands.press(tab.get_by_role("button", name="Retry", exact=True))
    expect(status.first).to_contain_text("Done", timeout=90_000)
    expect(tab.get_by_text(f"{LARGE:,}").first).to_be_visible()
