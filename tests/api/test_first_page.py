"""The first page's models, run by Node.js: what they make of streams, lost connections and jobs that are retried."""

import shutil
import subprocess
from pathlib import Path

import pytest

import stepmill.api

_STATIC = Path(stepmill.api.__file__).parent / "static"
_TESTS = Path(__file__).parent / "page" / "first_page.test.mjs"
_NODE = shutil.which("node")


@pytest.mark.skipif(_NODE is None, reason="Node.js is not installed")
def test_the_page_follows_jobs(tmp_path: Path) -> None:
    assert _NODE is not None
    shutil.copytree(_STATIC, tmp_path / "static")
    (tmp_path / "package.json").write_text('{"type": "module"}')  # the page's scripts are modules, as in its HTML
    tests = shutil.copy(_TESTS, tmp_path)
    done = subprocess.run(
        [_NODE, "--test", "--test-reporter=tap", tests], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 5" in done.stdout
