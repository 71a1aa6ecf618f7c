"""That the page opens, and that the tests would notice if something were wrong with it."""

import re

import pytest
from playwright.sync_api import Page

from tests.cli.processes import wait_until
from tests.console.browsing import ready
from tests.console.faults import Faults, settle

FAULTS = {
    "console error: thrown": "console.error('thrown')",
    "console warning: warned": "console.warn('warned')",
    "uncaught: ReferenceError": "setTimeout(() => nothing.there)",
    "uncaught: refused": "void Promise.reject('refused')",
    "another origin: GET http://localhost:9/": "location = 'http://localhost:9/'",
    "security policy: img-src": "new Image().src = 'http://localhost:9/picture'",
    "security policy: require-trusted-types-for": "setTimeout(() => { document.body.innerHTML = '<p>written</p>' })",
    "not loaded: .*/static/nothing.js .404": "void fetch('/static/nothing.js')",
}


def test_the_first_page_opens_for_who_is_signed_in(page: Page) -> None:
    answer = page.goto("/")
    assert answer is not None
    assert answer.status == 200
    assert page.title().endswith("Stepmill")
    ready(page)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed(page: Page, faults: Faults, fault: str) -> None:
    page.goto("/")
    page.evaluate(f"() => {{ {FAULTS[fault]} }}")

    def seen() -> bool:
        settle(page)
        return any(re.match(fault, each) for each in faults.unexpected())

    wait_until(seen)
    faults.allow(".")
