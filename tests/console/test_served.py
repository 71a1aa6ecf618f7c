"""What is sent means what is written: only comments and indentation are left out."""

import subprocess
from pathlib import Path

import pytest

from stepmill.api import console_files as served
from stepmill.api.console_files import CLIENT, CONSOLE, ConsoleFiles, bare
from tests.console.served import bodies

COMPARE = Path(__file__).with_name("same_modules.mjs")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "files"),
    [
        pytest.param(CONSOLE, served.console_files(), id="console"),
        pytest.param(CLIENT, served.client_files(), id="client"),
    ],
)
def test_modules_mean_the_same_as_they_are_sent(
    tmp_path: Path, node_modules: Path, folder: Path, files: ConsoleFiles
) -> None:
    sources, sent = tmp_path / "sources", tmp_path / "sent"
    for path, body in bodies(files, folder).items():
        if path.endswith(".js"):
            for place, content in ((sources, (folder / path).read_bytes()), (sent, body)):
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(content)
    acorn = node_modules / "acorn" / "dist" / "acorn.mjs"
    command = ("node", str(COMPARE), str(acorn), str(sources), str(sent))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *different, summary = done.stdout.splitlines()
    assert different == []
    assert int(summary.split()[0]) >= 7


def test_comments_and_indentation_are_left_out_and_nothing_else() -> None:
    text = (
        "/** Adds. @param {number} a */\nexport const add = (/** @type {number} */ a) =>\n  a + 1; // one\n"
        "  // a line\n  /* two\n   * lines */\nconst url = `https://x/${add(1)}`;\n\nadd(2);\n"
    )
    assert bare(text) == "export const add = (a) =>\na + 1; // one\nconst url = `https://x/${add(1)}`;\nadd(2);\n"


def test_a_library_is_sent_with_its_licence() -> None:
    sent = bodies(served.console_files(), CONSOLE)
    assert sent["vendor/preact.js"] == (CONSOLE / "vendor" / "preact.js").read_bytes()
