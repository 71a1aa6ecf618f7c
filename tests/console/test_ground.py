"""What the console is built on: small files, imports that run one way, libraries that are what they are said to be."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from stepmill.api import console_files as served
from stepmill.api.console_files import CLIENT, CONSOLE
from tests.console.served import bodies
from tests.console.sources import Source, read, written_here

LINES = 300
SHIPPED_BYTES = 250_000
FREE = {"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD"}
KNOW_ADDRESSES = {"main.js", "lib/links.js", "lib/router.js"}
SCREENS = re.compile(r"""["'`]/(?:jobs|areas|tables|workers)\b""")
API = re.compile(r"""["'`]/api/""")
WRITES_HTML = re.compile(
    r"\b(?:inner|outer|dangerouslySetInner)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function\b"
)
ELEMENTS = re.compile(r"\b(?:querySelector|createElement|getElementById)\b")

VENDOR: dict[str, dict[str, str]] = json.loads((CONSOLE / "vendor" / "vendor.json").read_text())
LOCK: dict[str, Any] = json.loads((CONSOLE / "package-lock.json").read_text())
IMPORT_MAP: dict[str, str] = json.loads(
    re.findall(r'<script type="importmap">(.*?)</script>', (CONSOLE / "index.html").read_text(), re.DOTALL)[0]
)["imports"]
CLIENT_NAMES = {name for name, path in IMPORT_MAP.items() if path.startswith("/static/client/")}
SHORT_NAMES = {name for name, path in IMPORT_MAP.items() if path.startswith(("/static/lib/", "/static/views/"))}
"""What nearly every view imports."""
LIBRARIES = set(IMPORT_MAP) - CLIENT_NAMES - SHORT_NAMES


def _one_of(*folders: str) -> Callable[[str], bool]:
    return lambda name: any(name.startswith(f"{folder}/") for folder in folders)


MAY_IMPORT: dict[str, Callable[[str], bool]] = {
    "lib": lambda name: _one_of("lib")(name) or name in LIBRARIES,
    "models": lambda name: _one_of("lib", "models")(name) or name in CLIENT_NAMES,
    "views": lambda name: _one_of("lib", "models", "views")(name) or name in SHORT_NAMES,
}


def _offenders(look: Callable[[Source], list[str]], *suffixes: str) -> dict[str, list[str]]:
    """What a look finds, by file."""
    return {source.path: found for source in written_here(*suffixes) if (found := look(source))}


def _wrong_imports(module: Source) -> list[str]:
    may = MAY_IMPORT.get(module.folder)
    return [] if may is None else [name for name in module.imports() if not may(name)]


def _missing_imports(module: Source) -> list[str]:
    known = [name for name in module.imports() if name not in IMPORT_MAP and not name.startswith("node:")]
    return [name for name in known if not (CONSOLE / name).is_file()]


def _addresses(module: Source) -> list[str]:
    screens = [] if module.path in KNOW_ADDRESSES else SCREENS.findall(module.code)
    return screens + (API.findall(module.code) if module.folder in ("models", "views") else [])


def test_the_rules_find_what_breaks_them() -> None:
    """So that an empty answer below means that there is nothing."""
    text = """
/** A type: import("../views/shell.js").Shell, and innerHTML of "/jobs" in a comment. */
import {
  render,
} from "preact";
import "../views/shell.js"; // innerHTML
export { x } from "./nothing.js";
const page = await import("htm");
fetch(`/api/jobs`).then(() => open("/tables/1")); element.innerHTML = "https://elsewhere.example/x";
const format = "http://www.w3.org/2000/svg"; src = '//elsewhere.example/y';
"""
    module = Source("models/bad.js", text)
    assert sorted(_wrong_imports(module)) == ["htm", "preact", "views/shell.js"]
    assert _missing_imports(module) == ["models/nothing.js"]
    assert _addresses(module) == ['"/tables', "`/api/"]
    assert module.hosts() == ["https://elsewhere.example/x", "//elsewhere.example/y"]
    assert WRITES_HTML.findall(module.code) == ["innerHTML"] * 2


def test_a_file_is_one_thing() -> None:
    lengths = {source.path: len(source.text.splitlines()) for source in written_here()}
    assert {path: lines for path, lines in lengths.items() if lines > LINES} == {}


def test_what_is_shipped_is_small() -> None:
    """All that the page and its modules can ask for, as a browser gets it."""
    sizes: Counter[str] = Counter({"index.html": (CONSOLE / "index.html").stat().st_size})
    for path, body in bodies(served.console_files(), CONSOLE).items():
        sizes[path.partition("/")[0]] += len(body)
    sizes["client"] = sum(map(len, bodies(served.client_files(), CLIENT).values()))
    assert sizes.total() <= SHIPPED_BYTES, (sizes.total(), sizes.most_common())


def test_imports_run_one_way() -> None:
    assert _offenders(_wrong_imports, ".js") == {}


def test_what_is_imported_is_there() -> None:
    assert _offenders(_missing_imports, ".js") == {}


def test_only_the_router_and_the_links_know_addresses() -> None:
    assert _offenders(_addresses, ".js") == {}


def test_no_text_is_read_as_html_or_code() -> None:
    assert _offenders(lambda module: WRITES_HTML.findall(module.code), ".js") == {}


def test_models_know_no_elements() -> None:
    assert _offenders(lambda module: ELEMENTS.findall(module.code) if module.folder == "models" else [], ".js") == {}


def test_no_other_host_is_named() -> None:
    assert _offenders(Source.hosts) == {}


@pytest.mark.parametrize("name", VENDOR)
def test_a_library_is_what_it_is_said_to_be(name: str) -> None:
    path = CONSOLE / "vendor" / name
    said = VENDOR[name]
    locked = LOCK["packages"][f"node_modules/{said['package']}"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == said["sha256"]
    assert (said["version"], said["integrity"]) == (locked["version"], locked["integrity"])
    assert said["licence"] in FREE
    assert (path.parent / f"LICENSE.{said['package']}.txt").is_file()
    source = read(path)
    assert Source(name, source.code).hosts() == []


def test_every_file_of_a_library_is_accounted_for() -> None:
    there = {path.name for path in (CONSOLE / "vendor").iterdir()}
    licences = {f"LICENSE.{each['package']}.txt" for each in VENDOR.values()}
    assert there == {*VENDOR, *licences, "vendor.json"}


def test_the_import_map_leads_to_files() -> None:
    folders = {"/static/client/": CLIENT, "/static/": CONSOLE}
    for path in IMPORT_MAP.values():
        prefix = next(each for each in folders if path.startswith(each))
        assert (folders[prefix] / path.removeprefix(prefix)).is_file(), path


@pytest.mark.parametrize("folder", [CONSOLE, CONSOLE.parent / "tests" / "console"], ids=["console", "tests"])
def test_lock_files_name_no_host(folder: Any) -> None:
    assert '"resolved"' not in (folder / "package-lock.json").read_text()
