"""What is sent means what is written: only comments and indentation are left out."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

from stepmill.api import console_files as served
from stepmill.api.console_files import CLIENT, CONSOLE, ConsoleFiles, bare
from tests.console.served import bodies

RULES = """(text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  // What a custom property is, is kept as it is written.
  return [...sheet.cssRules].map((rule) => rule.cssText.replaceAll(", ", ","));
}"""
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


@pytest.mark.slow
def test_styles_mean_the_same_as_they_are_sent(page: Page) -> None:
    sent = bodies(served.console_files(), CONSOLE)
    styles = {path: body.decode() for path, body in sent.items() if path.endswith(".css")}
    assert len(styles) >= 7
    for path, style in styles.items():
        source = (CONSOLE / path).read_text()
        assert len(style) < len(source) * 0.95
        assert page.evaluate(RULES, style) == page.evaluate(RULES, source), path


def test_comments_and_indentation_are_left_out_and_nothing_else() -> None:
    text = (
        "/** Adds. @param {number} a */\nexport const add = (/** @type {number} */ a) =>\n  a + 1; // one\n"
        "  // a line\n  /* two\n   * lines */\nconst url = `https://x/${add(1)}`;\n\nadd(2);\n"
    )
    assert bare(text) == "export const add = (a) =>\na + 1; // one\nconst url = `https://x/${add(1)}`;\nadd(2);\n"


def test_a_library_is_sent_with_its_licence() -> None:
    sent = bodies(served.console_files(), CONSOLE)
    assert sent["vendor/preact.js"] == (CONSOLE / "vendor" / "preact.js").read_bytes()


def test_a_text_with_what_looks_like_a_comment_stays() -> None:
    text = 'const hint = "all of **/*.csv, as \\"/* that */"; /** @type {number} */\nconst one = /* 1 */ 1;\n'
    assert bare(text) == 'const hint = "all of **/*.csv, as \\"/* that */"; \nconst one = 1;\n'
