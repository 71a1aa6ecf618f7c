"""Two ways to use a page: with a mouse, and with nothing but a keyboard."""

from pathlib import Path
from typing import Protocol

from playwright.sync_api import Locator, Page, expect

from tests.console.browsing import choose_files

_MOST_TABS = 400
_HAS_FOCUS = "(element) => element === document.activeElement"
_DROP = """
async ([name, count, wrong]) => {
  const lines = ["id,ordered on,amount"];
  for (let n = 1; n <= count; n += 1) {
    const day = String((n % 28) + 1).padStart(2, "0");
    lines.push(`${n},2026-01-${day},${wrong[n] ?? `${n * 7}.50`}`);
  }
  const transfer = new DataTransfer();
  transfer.items.add(new File([lines.join("\\n") + "\\n"], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}
"""

Wrong = dict[int, str]
"""What stands for the amount in rows, by their number."""


def orders(count: int, wrong: Wrong) -> str:
    """The file that is dropped, as text."""
    rows = (f"{n},2026-01-{n % 28 + 1:02},{wrong.get(n, f'{n * 7}.50')}" for n in range(1, count + 1))
    return "\n".join(["id,ordered on,amount", *rows, ""])


class Hands(Protocol):
    """How one does things."""

    def press(self, what: Locator) -> None:
        """Follow a link, push a button, tick a box."""

    def choose(self, what: Locator, option: str) -> None:
        """Choose an option of a list."""

    def bring(self, name: str, count: int, wrong: Wrong) -> None:
        """Bring a file of orders to the page."""


class Mouse:
    """Clicks, and drops files."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, what: Locator) -> None:
        """Click."""
        what.click()

    def choose(self, what: Locator, option: str) -> None:
        """Click an option."""
        what.select_option(option)

    def bring(self, name: str, count: int, wrong: Wrong) -> None:
        """Drop it in the midst of whatever is shown."""
        self._page.evaluate(_DROP, [name, count, {str(n): text for n, text in wrong.items()}])


class Keyboard:
    """Tab, Enter, Space, arrows and letters; no pointer at all."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder

    def press(self, what: Locator) -> None:
        """Go there by Tab, then Enter, or Space for a box."""
        self._reach(what)
        is_box = what.get_attribute("type") in ("checkbox", "radio")
        self._page.keyboard.press("Space" if is_box else "Enter")

    def choose(self, what: Locator, option: str) -> None:
        """Go there by Tab and type the option's name, as a list of the system takes it."""
        self._reach(what)
        self._page.keyboard.type(option)
        expect(what).to_have_value(option)

    def bring(self, name: str, count: int, wrong: Wrong) -> None:
        """By the palette's command, which opens the system's own dialog."""
        path = self._folder / name
        path.write_text(orders(count, wrong))
        choose_files(self._page, self._ask_for_files, path)

    def _ask_for_files(self) -> None:
        self._page.keyboard.press("Control+k")
        self._page.keyboard.type("upload files")
        # A key is answered at once, drawn a frame later: what is seen to be chosen is so before Enter.
        expect(self._page.get_by_role("option", name="Upload files")).to_have_attribute("aria-selected", "true")
        self._page.keyboard.press("Enter")

    def _reach(self, what: Locator) -> None:
        expect(what).to_be_visible()
        for _ in range(_MOST_TABS):
            if what.evaluate(_HAS_FOCUS):
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {what}")
