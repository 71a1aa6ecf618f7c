"""The pages' blocks of code are run, in their order and as they stand, save those that say why not."""

import ast
import asyncio
import gzip
import inspect
import json
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import yaml

from tests.cli.processes import Serve, clean_environment
from tests.docs.pages import DOCS, ROOT, Block, blocks, pages

OWN_TEST = DOCS / "adding-a-job-type.md"
"""Followed in a fresh clone by a test of its own."""

TOURS = {
    "README": [ROOT / "README.md"],
    "HTTP": [DOCS / "http.md", DOCS / "jobs" / "file-etl.md", DOCS / "transform-plan.md"],
    "command line": [DOCS / "cli.md"],
}
"""Pages whose shell commands go on from one another."""

ADDRESS = "http://127.0.0.1:8080"


def runnable(language: str, *some: Path) -> list[Block]:
    return [block for page in some for block in blocks(page) if block.language == language and block.not_run is None]


@pytest.fixture
def workplace(tmp_path: Path, server: Serve, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A folder that looks like a clone with the files that the pages speak of; answers the environment for it."""
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "flights.csv").write_text("flight,left\nLH400,2024-06-01\nLH401,2024-06-02\n")
    (tmp_path / "flights.csv.gz").write_bytes(gzip.compress((tmp_path / "flights.csv").read_bytes()))
    for month in ("01", "02"):
        (tmp_path / f"2024-{month}.csv.gz").write_bytes(gzip.compress(f"sold,amount\n2024-{month}-03,9.90\n".encode()))
    (tmp_path / "customers.jsonl").write_text('{"customer_id": 1, "name": "Ada"}\n{"customer_id": 2, "name": "Alan"}\n')
    monkeypatch.chdir(tmp_path)
    return clean_environment(
        PATH=f"{Path(sys.prefix) / 'bin'}:{Path('/usr/local/bin')}:{Path('/usr/bin')}:{Path('/bin')}",
        STEPMILL_TOKEN=server.token,
        STEPMILL_URL=server.url,
        STEPMILL_DATA_DIR=str(server.data_dir),
    )


@pytest.mark.parametrize("tour", TOURS)
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the pages use curl and jq")
def test_the_commands_do_what_they_should(server: Serve, workplace: dict[str, str], tour: str) -> None:
    found = runnable("sh", *TOURS[tour])
    assert found
    lines = [f"echo '== {block}'\n{block.text}" for block in found]
    script = "set -euo pipefail\n" + "\n".join(lines).replace(ADDRESS, server.url)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=workplace, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "event: end" in done.stdout or tour == "command line"


def test_no_command_is_left_out() -> None:
    toured = [page for tour in TOURS.values() for page in tour]
    left_out = [page for page in pages() if page not in toured and page != OWN_TEST]
    assert [str(block) for block in runnable("sh", *left_out)] == []


@pytest.mark.parametrize("block", runnable("python", *(page for page in pages() if page != OWN_TEST)), ids=str)
def test_the_python_runs(workplace: dict[str, str], monkeypatch: pytest.MonkeyPatch, block: Block) -> None:
    for name in ("STEPMILL_TOKEN", "STEPMILL_URL"):
        monkeypatch.setenv(name, workplace[name])
    code = compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = types.FunctionType(code, {"__name__": "snippet"})()
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_are_of_a_kind_that_is_checked(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {"sh", "python", "json", "toml", "yaml", "layers", "text"}, str(block)
        if block.language == "json":
            json.loads(block.text)
        if block.language == "yaml":
            yaml.safe_load(block.text)
