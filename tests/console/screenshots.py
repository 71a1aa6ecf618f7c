"""Pictures of every screen: `python -m tests.console.screenshots`, or `make screenshots`.

Light and dark, on a wide screen and on a phone, of a server with sample data. Ends with 1 if anything went wrong in the
browser, and still writes the pictures.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLateError
from rich.console import Console

from tests.cli.processes import serving_fresh
from tests.console.browsing import MISSING, NARROW, PROGRAM, WIDE, chromium, new_context, ready, sign_in
from tests.console.faults import Faults, settle
from tests.console.sample import QUIET, grow_old, load_sample, load_under_way
from tests.console.screens import SCREENS, Screen

IMAGES = Path(__file__).parents[2] / "docs" / "images" / "console"
THEMES = ("light", "dark")
SIZES = {"wide": WIDE, "narrow": NARROW}


def main() -> int:
    """Take the pictures of all screens, or of those named."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.console.screenshots", description="Pictures of every screen."
    )
    names = [screen.name for screen in SCREENS]
    parser.add_argument("screens", nargs="*", metavar="SCREEN", help=f"which: {', '.join(names)} (default: all)")
    parser.add_argument("--into", type=Path, default=IMAGES, help="a folder for the pictures (default: %(default)s)")
    chosen = parser.parse_args()
    for unknown in set(chosen.screens) - set(names):
        parser.error(f"there is no screen {unknown!r}; there are: {', '.join(names)}")
    if PROGRAM is None:
        parser.error(MISSING)
    faults = take([screen for screen in SCREENS if not chosen.screens or screen.name in chosen.screens], chosen.into)
    Console(stderr=True).print(*faults, sep="\n", markup=False, end="")
    return 1 if faults else 0


def take(screens: Iterable[Screen], into: Path) -> list[str]:
    """Take the pictures. Returns what went wrong meanwhile."""
    into.mkdir(parents=True, exist_ok=True)
    with (
        serving_fresh(**QUIET) as server,
        server.connect() as client,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        ids = load_sample(client)
        grow_old(server)
        faults = Faults(server.url)
        late: list[str] = []
        session = sign_in(browser, str(server.ready["link"]))
        with load_under_way(server, client) as running_job:
            places = {screen.name: screen.at({**ids, "running_job": running_job}) for screen in screens}
            for theme, (size, viewport) in product(THEMES, SIZES.items()):
                with new_context(browser, server.url, session, theme=theme, viewport=viewport) as context:
                    faults.watch(context)
                    late += _shoot(context.new_page(), places, into, f"{theme}-{size}")
        return late + faults.unexpected()


def _shoot(page: Page, places: Mapping[str, str], into: Path, kind: str) -> list[str]:
    """Returns the screens that did not come to rest; their pictures show how far they got."""
    late: list[str] = []
    for name, path in places.items():
        page.goto(path)
        try:
            ready(page)
        except TooLateError:
            late.append(f"not ready in time: {name} ({kind}) at {path}")
        page.screenshot(path=into / f"{name}-{kind}.png", animations="disabled")
    settle(page)
    return late


if __name__ == "__main__":
    sys.exit(main())
