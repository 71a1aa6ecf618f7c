"""The console's types, checked by TypeScript as its own `npm run check` does."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.console.npm import installed

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "console"

pytestmark = pytest.mark.slow


def _copy(to: Path) -> Path:
    """The console and the client that it imports, beside each other as they are, with the libraries' types."""
    ignore = shutil.ignore_patterns("node_modules")
    client = Path("clients") / "javascript"
    shutil.copytree(CONSOLE, to / "console", ignore=ignore)
    shutil.copytree(ROOT / client, to / client, ignore=ignore)
    (to / "console" / "node_modules").symlink_to(installed(CONSOLE))
    return to / "console"


def _check(console: Path, node_modules: Path) -> "subprocess.CompletedProcess[str]":
    command = ("node", str(node_modules / "typescript" / "bin" / "tsc"), "--pretty", "false", "-p", str(console))
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_the_consoles_types_hold(tmp_path: Path, node_modules: Path) -> None:
    checked = _check(_copy(tmp_path), node_modules)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_type_is_found(tmp_path: Path, node_modules: Path) -> None:
    """That the check reads the modules at all, with the types of what they import."""
    console = _copy(tmp_path)
    (console / "lib" / "wrong.js").write_text(
        'import { render } from "preact";\nimport { workerService } from "stepmill";\n'
        "render(1);\nworkerService.nothing();\n"
    )
    checked = _check(console, node_modules)
    found = [line for line in checked.stdout.splitlines() if "lib/wrong.js" in line]
    assert ["TS2554" in found[0], "TS2339" in found[1]] == [True, True], checked.stdout
